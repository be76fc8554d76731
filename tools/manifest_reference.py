"""The tables of the page of the provider manifest, made from those of `penstock_manifest`."""

import re
from collections.abc import Iterator, Mapping

from penstock_manifest.keys import CAPABILITY_KEYS, CONNECTION_KEYS, FIELD_KEYS, PARAMETER_KEYS, TOP_KEYS, Key
from penstock_manifest.kinds import ARRAYS, FLOORS, KINDS

_BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def with_tables(page: str) -> str:
    """Write each table of a page anew, between the comments that name it."""
    tables = {
        "top": lambda: _keys(TOP_KEYS),
        "capability": lambda: _keys(CAPABILITY_KEYS),
        "parameters": lambda: _keys(PARAMETER_KEYS),
        "connections": lambda: _keys(CONNECTION_KEYS),
        "fields": lambda: _keys(FIELD_KEYS),
        "kinds": _kinds,
        "rooms": _rooms,
    }
    return _BLOCK.sub(lambda found: found[1] + "".join(f"{line}\n" for line in tables[found[2]]()) + found[3], page)


def _keys(keys: Mapping[str, Key]) -> Iterator[str]:
    yield "| key | type | required | meaning |"
    yield "|---|---|---|---|"
    for name, key in keys.items():
        yield f"| `{name}` | {key.type} | {'yes' if key.required else 'no'} | {key.meaning} |"


def _kinds() -> Iterator[str]:
    yield "| kind | what it is | imported | keys of its own |"
    yield "|---|---|---|---|"
    for kind in KINDS.values():
        own = ", ".join(f"`{name}` (required): {key.meaning}" for name, key in kind.own_keys.items())
        yield f"| `{kind.name}` | {kind.meaning} | {kind.imported_when} | {own} |"


def _rooms() -> Iterator[str]:
    yield "| floor | modules | what stands there |"
    yield "|---|---|---|"
    for floor in sorted(set(FLOORS.values()), reverse=True):
        rooms = [room for room, own in FLOORS.items() if own == floor]
        kinds = [kind.meaning for kind in ARRAYS.values() if kind.floor == floor]
        yield f"| {floor} | {', '.join(f'`{room}`' for room in rooms)} | {', '.join(kinds)} |"
