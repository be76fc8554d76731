"""The one judge of manifests: a text in, a value or every problem out, each a sentence; nothing is imported.

The core reads relaxed: keys and kinds that it does not know are passed over, so that a newer provider does not break
an older core. Authors see each of them (``strict``).
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from penstock_manifest.format import (
    SCHEMA_VERSION,
    Capability,
    ConnectionType,
    Field,
    Manifest,
    Parameter,
    plain,
)
from penstock_manifest.keys import FIELD_KEYS, PARAMETER_KEYS, TOP_KEYS, Key, is_tables
from penstock_manifest.kinds import ARRAYS, CONNECTIONS, KINDS, OWN_COMMANDS, Kind
from penstock_manifest.ranges import range_problem, serves
from penstock_manifest.specs import shown

MOST_BYTES = 1_000_000
"""A manifest that is larger is not read."""

_INNER_KEYS = {"parameters": PARAMETER_KEYS, "fields": FIELD_KEYS}
_TOP = {**TOP_KEYS, **dict.fromkeys(ARRAYS, Key("array of tables", "", "an array of tables", is_tables))}


class Reading(NamedTuple):
    """What came of reading a manifest: its value or the problems that forbid one, and notes that forbid nothing."""

    manifest: Manifest | None
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read_manifest(
    text: bytes | str, entry_point: str = "", *, served: range | None = None, strict: bool = False
) -> Reading:
    """Read a manifest's TOML and judge it; every problem is reported at once.

    Args:
        text: The file's content.
        entry_point: Name of the entry point that led to it; "" if there is none to compare with.
        served: Spec versions of the core, one of which the manifest must serve; None if no core is known.
        strict: Whether what a reader forgives (unknown keys and kinds) is a problem, as for the manifest's author.
    """
    if len(text) > MOST_BYTES:
        return Reading(None, (f"it has {len(text):,} bytes; a manifest has at most {MOST_BYTES:,}",))
    try:
        data = tomllib.loads(text.decode("utf-8-sig") if isinstance(text, bytes) else text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:  # ValueError: no UTF-8, no TOML, or a number beyond Python's limit
        return Reading(None, (f"it is no TOML: {plain(str(error))}",))
    return read_data(data, entry_point, served=served, strict=strict)


def read_data(
    data: Mapping[str, Any], entry_point: str = "", *, served: range | None = None, strict: bool = False
) -> Reading:
    """Judge a manifest that is parsed already; as `read_manifest`."""
    notes = tuple(_notes(data))
    problems = _problems(data, entry_point, served, strict=strict)
    return Reading(None if problems else _build(data), tuple(problems), notes)


def _problems(data: Mapping[str, Any], entry_point: str, served: range | None, *, strict: bool) -> list[str]:
    problems = list(_table_problems("", data, _TOP, strict=strict))
    for kind in ARRAYS.values():
        for place, item in _tables(data, kind.name):
            problems += _table_problems(place, item, kind.keys, strict=strict)
            problems += _inner_problems(place, item, kind, strict=strict)
    problems += _id_problems(data)
    problems += _type_problems(data)
    problems += _option_problems(data)
    problems += _command_problems(data)
    problems += _service_problems(data)
    problems += _since_problems(data) if strict else []
    return problems + list(_version_problems(data, entry_point, served))


def _notes(data: Mapping[str, Any]) -> Iterator[str]:
    for key, value in data.items():
        if key not in _TOP and is_tables(value) and value:
            yield f"{_shown(key)} is no kind of capability that is known here ({', '.join(ARRAYS)}); it was skipped"
    unnamed = [item for _, item in _tables(data, "commands") if not item.get("name")]
    if isinstance(data.get("id"), str) and data["id"] in OWN_COMMANDS and unnamed:
        yield f"its commands cannot be called: `penstock {data['id']}` is a command of Penstock's own, which goes first"


def _tables(data: Mapping[str, Any], array: str, *labels: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the tables of an array, each with the words that name it: the first of its labels, else its number."""
    value = data.get(array)
    for number, item in enumerate(value if isinstance(value, list) else (), start=1):
        if isinstance(item, dict):
            name = next((item[label] for label in labels or ("id", "type") if item.get(label)), None)
            yield (f"{array} {_shown(name)}" if isinstance(name, str) else f"{array}, entry {number}"), item


def _table_problems(place: str, table: Mapping[str, Any], keys: Mapping[str, Key], *, strict: bool) -> Iterator[str]:
    where = f"{place}: " if place else ""
    for name, key in keys.items():
        if name not in table:
            if key.required:
                yield f"{where}{name} is missing; it must be {key.wants}"
        elif not key.accepts(table[name]):
            yield f"{where}{name} = {_shown(table[name])} must be {key.wants}"
    for name in table if strict else ():
        if name not in keys:
            yield f"{where}{_unknown(name, table[name], keys)}"


def _unknown(name: str, value: object, keys: Mapping[str, Key]) -> str:
    # An array of tables is meant to be a kind, whatever else is spelled like it.
    candidates = ARRAYS if keys is _TOP and is_tables(value) else keys
    near = difflib.get_close_matches(name, candidates, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    if keys is _TOP and is_tables(value):
        return f"{_shown(name)} is no kind of capability; the kinds are {', '.join(ARRAYS)}{hint}"
    return f"{_shown(name)} is no key of this place{hint}"


def _inner_problems(place: str, item: Mapping[str, Any], kind: Kind, *, strict: bool) -> Iterator[str]:
    seen = set()
    for name_of, table in _tables(item, kind.inner, "name"):
        where = f"{place}, {name_of}"
        yield from _table_problems(where, table, _INNER_KEYS[kind.inner], strict=strict)
        name = table.get("name")
        if isinstance(name, str):
            if name in seen:
                yield f"{where}: the name stands there twice"
            seen.add(name)
        if table.get("required") and "default" in table:
            yield f"{where}: it is required and yet has a default; drop one of the two"


def _id_problems(data: Mapping[str, Any]) -> Iterator[str]:
    provider_id, seen = data.get("id"), dict[str, str]()
    for kind in KINDS:
        for place, item in _tables(data, kind):
            capability_id = item.get("id")
            if not isinstance(capability_id, str):
                continue
            if isinstance(provider_id, str) and not capability_id.startswith(f"{provider_id}."):
                yield f"{place}: the id must begin with {_shown(provider_id + '.')}, the provider's own id"
            if capability_id in seen:
                yield f"{place}: the id is taken already, by an entry of {seen[capability_id]}"
            seen.setdefault(capability_id, kind)
            extra, extras = item.get("extra"), data.get("extras", {})
            if isinstance(extra, str) and extra and isinstance(extras, dict) and extra not in extras:
                yield f"{place}: its extra {_shown(extra)} is not described under [extras]"


def _type_problems(data: Mapping[str, Any]) -> Iterator[str]:
    """Find connection types and URL schemes that two entries claim: it would not be clear which counts."""
    for array, key in ((CONNECTIONS.name, "type"), ("object_stores", "scheme"), ("log_stores", "scheme")):
        seen = set()
        for place, item in _tables(data, array):
            value = item.get(key)
            if isinstance(value, str):
                if value in seen:
                    yield f"{place}: the {key} {_shown(value)} stands there twice"
                seen.add(value)


def _option_problems(data: Mapping[str, Any]) -> Iterator[str]:
    """Find parameters of commands whose option is another's: one of the two could not be given."""
    for place, item in _tables(data, "commands"):
        taken = {"help": "shows the help"}
        for name_of, table in _tables(item, "parameters", "name"):
            name, written = table.get("name"), table.get("type")
            if not isinstance(name, str):
                continue
            flag = isinstance(written, str) and written.partition("|")[0].strip() == "bool"
            for option in (name, f"no_{name}") if flag else (name,):
                if option in taken:
                    yield f"{place}, {name_of}: its option --{option.replace('_', '-')} {taken[option]}; choose another name"
                elif not table.get("required"):
                    taken[option] = f"is that of {_shown(name)} as well"


def _command_problems(data: Mapping[str, Any]) -> Iterator[str]:
    """Find commands that could not be called by their name: it is one of Penstock's own, or another one's."""
    seen: dict[tuple[str, ...], str] = {}
    for place, item in _tables(data, "commands"):
        provider, _, own = str(item.get("id")).partition(".")
        name = item.get("name")
        words = tuple(name.split(" ")) if isinstance(name, str) and name else (provider, own.replace("_", "-"))
        if name and words[0] in OWN_COMMANDS:
            yield f"{place}: `penstock {words[0]}` is a command of Penstock's own; let its name begin with another word"
        for others, of in seen.items():
            if words == others:
                yield f"{place}: `penstock {' '.join(words)}` is {of} already; give one of the two another name"
            elif words[:1] == others[:1] and 1 in (len(words), len(others)):
                yield f"{place}: `penstock {words[0]}` cannot be a command and the first word of another, as {of} has it"
        seen.setdefault(words, place)


def _service_problems(data: Mapping[str, Any]) -> Iterator[str]:
    """Find services that are always kept, and yet must be told something first."""
    for place, item in _tables(data, "services"):
        needed = [table for _, table in _tables(item, "parameters", "name") if table.get("required")]
        if item.get("always") is True and needed:
            yield f"{place}: it is always kept, and yet {_shown(needed[0].get('name'))} is required; give that a default"


def _since_problems(data: Mapping[str, Any]) -> Iterator[str]:
    """Find kinds that some core of the range does not know yet, and would skip."""
    spec = data.get("spec")
    if not isinstance(spec, str) or range_problem(spec):
        return
    for kind in ARRAYS.values():
        if data.get(kind.name) and serves(spec, range(1, kind.since)):
            yield (
                f"{kind.name} came with spec {kind.since}, but spec = {_shown(spec)} admits cores without it, which would "
                f"skip its entries; write '>={kind.since}'"
            )


def _version_problems(data: Mapping[str, Any], entry_point: str, served: range | None) -> Iterator[str]:
    provider_id, spec, schema = data.get("id"), data.get("spec"), data.get("schema")
    if entry_point and isinstance(provider_id, str) and provider_id != entry_point:
        yield f"its id is {_shown(provider_id)}, but its entry point is named {_shown(entry_point)}; make them equal"
    if isinstance(schema, int) and not isinstance(schema, bool) and schema != SCHEMA_VERSION:
        yield f"its format is schema {_shown(schema)}; schema {SCHEMA_VERSION} is read here"
    if not isinstance(spec, str):
        return
    problem = range_problem(spec)
    if problem:
        yield f"spec = {problem}"
    elif served is not None and not serves(spec, served):
        yield (
            f"it serves spec {_shown(spec)}, but the core serves spec {shown(served)}; "
            "install a version of the provider or of penstock-core that fits"
        )


def _shown(value: object) -> str:
    """Return the value as Python writes it, cut short: it is a stranger's."""
    try:
        return plain(repr(value), 120)
    except (ValueError, RecursionError):  # a number of more digits than Python writes
        return f"this {type(value).__name__}"


def _build(data: Mapping[str, Any]) -> Manifest:
    values = _known(data, TOP_KEYS)
    del values["schema"]
    values["until"] = plain(str(values.get("until", "")), 100)
    values["imports"] = tuple(data["imports"])
    values["extras"] = {plain(name, 100): plain(text) for name, text in data.get("extras", {}).items()}
    values["connections"] = tuple(_connection_type(item) for item in data.get(CONNECTIONS.name, ()))
    values["capabilities"] = tuple(
        _capability(kind, item) for kind in KINDS.values() for item in data.get(kind.name, ())
    )
    return Manifest(**values)


def _connection_type(item: Mapping[str, Any]) -> ConnectionType:
    fields = tuple(Field(**_known(field, FIELD_KEYS)) for field in item.get("fields", ()))
    return ConnectionType(
        item["type"], plain(item["doc"]), tuple(plain(each, 100) for each in item.get("schemes", ())), fields
    )


def _capability(kind: Kind, item: Mapping[str, Any]) -> Capability:
    values = _known(item, kind.keys)
    values["parameters"] = tuple(Parameter(**_known(each, PARAMETER_KEYS)) for each in item.get("parameters", ()))
    return Capability(kind=kind.name, **values)


_SHOWN = frozenset({"name", "doc", "replacement", "documentation", "changelog", "type", "until", "extra", "spec"})


def _known(table: Mapping[str, Any], keys: Mapping[str, Key]) -> dict[str, Any]:
    """Return the known keys; what is written for people is made safe to show."""
    return {
        key: plain(value) if key in _SHOWN and isinstance(value, str) else value
        for key, value in table.items()
        if key in keys
    }
