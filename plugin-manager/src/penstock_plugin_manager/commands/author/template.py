"""The template of a provider: a whole provider that works, from which the files of a new one are made.

It is a folder of real files, ``templates/provider`` beside the sources: linted, typed, tested and used as it is. A file belongs to a kind
if it is named for one of the kind's rooms: ``hooks.py``, ``test_hooks.py``, ``docs/hooks.md``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from penstock_manifest.kinds import ARRAYS, CONNECTIONS, KINDS

from penstock_plugin_manager.model.toml import value

_FOLDER = Path(__file__).parents[2] / "templates" / "provider"
_ID, _CLASS, _NAME = "sample", "Sample", "Sample Service"
_ADDRESS = "https://example.com/penstock-providers-sample"
_SCHEMES = ("{}://", "{}-logs", 'scheme = "{}"', 'schemes = ["{}"]')  # RFC 3986 knows no underscore in one
_SERVER = '"penstock-server", '  # of which the suite of remote executors starts one
_PROJECT = "pyproject.toml"
_MANIFEST = f"src/penstock_{_ID}/provider.toml"
_ROOM_KINDS = {room: kind.name for kind in ARRAYS.values() for room in kind.rooms}
_OF_THE_CLIENT = {"errors": "hooks", "connections": "hooks", "conftest": "hooks", "fake_service": "hooks"}


def template_files() -> dict[str, str]:
    """The text of each file of the template by its path."""
    paths = (path for path in sorted(_FOLDER.rglob("*")) if path.is_file())
    named = ((path.relative_to(_FOLDER), path) for path in paths)
    return {
        inside.as_posix(): path.read_text(encoding="utf-8")
        for inside, path in named
        if not any(part == "__pycache__" or part.endswith("_cache") for part in inside.parts)
    }


def template_kinds(files: Mapping[str, str]) -> tuple[str, ...]:
    """The kinds of which the template offers something, in the order of the table of kinds."""
    arrays = set(re.findall(r"^\[\[(\w+)\]\]$", files[_MANIFEST], re.MULTILINE))
    return tuple(name for name in KINDS if name in arrays)


def with_what_they_need(kinds: Iterable[str], files: Mapping[str, str]) -> tuple[str, ...]:
    """These kinds, and those whose rooms theirs import, in the order of the table of kinds."""
    wanted: set[str] = set()
    pending = list(kinds)
    while pending:
        kind = pending.pop()
        if kind not in wanted:
            wanted.add(kind)
            rooms = [room for room in KINDS[kind].rooms if f"src/penstock_{_ID}/{room}.py" in files]
            texts = "".join(files[f"src/penstock_{_ID}/{room}.py"] for room in rooms)
            imported = re.findall(rf"^from penstock_{_ID}\.(\w+) import", texts, re.MULTILINE)
            pending += [found for room in imported if (found := _kind_of(room))]
    return tuple(name for name in KINDS if name in wanted)


def provider_files(
    provider_id: str, name: str, distribution: str, kinds: Collection[str], address: str = ""
) -> dict[str, str]:
    """The files of a new provider by their path.

    Args:
        provider_id: Its id.
        name: The name that users read.
        distribution: The distribution.
        kinds: What it offers, with what these need.
        address: Where its repository is; one that leads nowhere unless given.
    """
    files = {path: text for path, text in template_files().items() if _kind_of(Path(path).stem) in ("", *kinds)}
    files[_MANIFEST] = "".join(_kept_tables(files[_MANIFEST], {*kinds, *(_with_connections(kinds))}))
    if "executors" not in kinds:
        files[_PROJECT] = files[_PROJECT].replace(_SERVER, "")
    scheme = provider_id.replace("_", "-")
    words = {
        **{each.format(_ID): each.format(scheme) for each in _SCHEMES},
        _ADDRESS: address or f"https://example.com/{distribution}",
        f"penstock-providers-{_ID}": distribution,
        f"penstock_providers_{_ID}": distribution.replace("-", "_"),
        _NAME: name,
        _CLASS: "".join(part.title() for part in provider_id.split("_")),
        _ID: provider_id,
        _ID.upper(): provider_id.upper(),
    }
    pattern = re.compile("|".join(map(re.escape, words)))

    def renamed(path: str, text: str) -> str:
        quoted = {**words, _NAME: value(name)[1:-1]} if path.endswith(".toml") else words
        return pattern.sub(lambda found: quoted[found.group()], text)

    return {renamed("", path): renamed(path, text) for path, text in files.items()}


def _with_connections(kinds: Collection[str]) -> tuple[str, ...]:
    return (CONNECTIONS.name,) if "hooks" in kinds else ()


def _kept_tables(manifest: str, arrays: Collection[str]) -> Iterator[str]:
    """The beginning of a manifest, and those of its tables that belong to some arrays."""
    for part in re.split(r"^(?=\[\[)", manifest, flags=re.MULTILINE):
        found = re.match(r"\[\[(\w+)\]\]", part)
        if found is None or found.group(1) in arrays:
            yield part


def _kind_of(stem: str) -> str:
    """The kind to which a module, a page or a file of tests belongs; "" if it is for all."""
    room = stem.removeprefix("test_")
    return _OF_THE_CLIENT.get(room) or _ROOM_KINDS.get(room, "")
