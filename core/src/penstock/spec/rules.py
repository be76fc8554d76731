"""The rules of the manifest format, as tables: which keys stand where, of which type, and which must be there."""

import difflib
import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, NamedTuple

KINDS = (
    "hooks",
    "operators",
    "sensors",
    "executors",
    "object_stores",
    "secrets_backends",
    "log_stores",
    "notifiers",
    "metrics_sinks",
    "timetables",
)
"""The kinds of capability that have an id, in the order in which they are listed."""

STATES = ("experimental", "stable", "deprecated", "suspended", "removed")


class Key(NamedTuple):
    """What one key holds: the words of an error, the test of a value, and whether it must be there."""

    wants: str
    accepts: Callable[[Any], bool]
    required: bool = False


_ID = re.compile(r"[a-z][a-z0-9_]*\Z")
_CAPABILITY_ID = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*\Z")
_OBJECT = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\Z")
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\Z")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_sentence(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_list_of_text(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_table_of_text(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _matches(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.match(value) is not None


_TEXT = Key("a string", _is_text)
_NAME = Key("a name such as 'bucket_key'", _matches(_MODULE), required=True)
_DOC = Key("a sentence", _is_sentence, required=True)
_FLAG = Key("true or false", lambda value: isinstance(value, bool))
_ANY = Key("any value", lambda _value: True)
_STATE = Key("one of " + ", ".join(STATES), lambda value: value in STATES)
_OBJECT_KEY = Key("'module:attribute'", _matches(_OBJECT), required=True)
_TABLES = Key("a list of tables", _is_tables)

PARAMETER_KEYS = {"name": _NAME, "type": _TEXT, "doc": _TEXT, "required": _FLAG, "default": _ANY}
FIELD_KEYS = {**PARAMETER_KEYS, "secret": _FLAG}

_CONNECTION_KEYS = {
    "type": Key("a connection type such as 'aws'", _matches(_ID), required=True),
    "doc": _DOC,
    "schemes": Key("a list of strings", _is_list_of_text),
    "fields": _TABLES,
}
_COMMAND_KEYS = {
    "name": Key("a command name", _matches(re.compile(r"[a-z][a-z0-9-]*\Z")), required=True),
    "object": _OBJECT_KEY,
    "doc": _DOC,
}
_COMMON_KEYS = {
    "id": Key(
        "'<provider>.<name>' in lower-case letters, digits and underscores", _matches(_CAPABILITY_ID), required=True
    ),
    "object": _OBJECT_KEY,
    "doc": _DOC,
    "extra": _TEXT,
    "parameters": _TABLES,
    "state": _STATE,
    "replacement": _TEXT,
}
_OWN_KEYS = {
    "hooks": {"connection_type": Key("a connection type such as 'aws'", _matches(_ID), required=True)},
    "object_stores": {"scheme": Key("a URL scheme such as 's3'", _is_sentence, required=True)},
    "log_stores": {"scheme": Key("a URL scheme such as 's3'", _is_sentence)},
}
CAPABILITY_KEYS = {kind: {**_COMMON_KEYS, **_OWN_KEYS.get(kind, {})} for kind in KINDS}
_ARRAYS = {**CAPABILITY_KEYS, "connections": _CONNECTION_KEYS, "commands": _COMMAND_KEYS}

TOP_KEYS = {
    "schema": Key("an integer", _is_integer, required=True),
    "id": Key("lower-case letters, digits and underscores, a letter first", _matches(_ID), required=True),
    "name": Key("a name", _is_sentence, required=True),
    "doc": _DOC,
    "spec": Key("a version range such as '>=1,<2'", _is_text, required=True),
    "state": _STATE,
    "replacement": _TEXT,
    "until": Key("a date", lambda value: isinstance(value, str | date)),
    "imports": Key("a list of strings", _is_list_of_text, required=True),
    "documentation": _TEXT,
    "changelog": _TEXT,
    "plugin": Key("a module such as 'penstock_acme.plugin'", _matches(_MODULE)),
    "extras": Key("a table of name to sentence", _is_table_of_text),
    **dict.fromkeys(_ARRAYS, Key("an array of tables", _is_tables)),
}


def rule_problems(data: dict[str, Any], *, strict: bool) -> list[str]:
    """Every way in which a parsed manifest breaks the rules, a sentence each, in the file's order of arrays.

    Args:
        data: The parsed TOML.
        strict: Whether an unknown key is a problem, too.
    """
    problems = list(_table_problems("", data, TOP_KEYS, strict=strict))
    for kind, keys in _ARRAYS.items():
        for place, item in _tables(data, kind):
            problems += _table_problems(place, item, keys, strict=strict)
            for inner, inner_keys in (("parameters", PARAMETER_KEYS), ("fields", FIELD_KEYS)):
                if inner in keys:
                    problems += _inner_problems(place, inner, item, inner_keys, strict=strict)
    return problems + list(_id_problems(data))


def _tables(data: dict[str, Any], kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The tables of an array, each with the words that name it: its id, type or name, else its number."""
    value = data.get(kind)
    for number, item in enumerate(value if isinstance(value, list) else (), start=1):
        if isinstance(item, dict):
            name = item.get("id") or item.get("type") or item.get("name")
            yield (f"{kind} {name!r}" if isinstance(name, str) else f"{kind}, entry {number}"), item


def _table_problems(place: str, table: dict[str, Any], keys: dict[str, Key], *, strict: bool) -> Iterator[str]:
    where = f"{place}: " if place else ""
    for name, key in keys.items():
        if name not in table:
            if key.required:
                yield f"{where}{name} is missing; it must be {key.wants}"
        elif not key.accepts(table[name]):
            yield f"{where}{name} = {table[name]!r} must be {key.wants}"
    if strict:
        for name in table:
            if name not in keys:
                near = difflib.get_close_matches(name, keys, n=1)
                yield f"{where}{name} is no key of this place" + (f"; did you mean {near[0]!r}?" if near else "")


def _inner_problems(
    place: str, inner: str, item: dict[str, Any], keys: dict[str, Key], *, strict: bool
) -> Iterator[str]:
    seen = set()
    for name_of, table in _tables(item, inner):
        yield from _table_problems(f"{place}, {name_of}", table, keys, strict=strict)
        name = table.get("name")
        if name in seen:
            yield f"{place}, {name_of}: the name stands there twice"
        seen.add(name)
        if table.get("required") and "default" in table:
            yield f"{place}, {name_of}: it is required and yet has a default; drop one of the two"


def _id_problems(data: dict[str, Any]) -> Iterator[str]:
    provider_id, seen = data.get("id"), dict[str, str]()
    for kind in KINDS:
        for place, item in _tables(data, kind):
            capability_id = item.get("id")
            if not isinstance(capability_id, str):
                continue
            if isinstance(provider_id, str) and not capability_id.startswith(f"{provider_id}."):
                yield f"{place}: the id must begin with {provider_id + '.'!r}, the provider's own id"
            if capability_id in seen:
                yield f"{place}: the id is taken already, by an entry of {seen[capability_id]}"
            seen.setdefault(capability_id, kind)
            extra, extras = item.get("extra"), data.get("extras", {})
            if isinstance(extra, str) and extra and isinstance(extras, dict) and extra not in extras:
                yield f"{place}: its extra {extra!r} is not described under [extras]"
