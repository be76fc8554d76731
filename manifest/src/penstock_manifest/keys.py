"""The keys of the manifest format, but for those of one kind: what each holds, and what its value must be."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, NamedTuple

STATES = ("experimental", "stable", "deprecated", "suspended", "removed")


class Key(NamedTuple):
    """One key of the format.

    Attributes:
        type: What the reference page calls its type.
        meaning: What it is for, as the reference page says it.
        wants: What its value must be, as the end of the sentence "it must be ...".
        accepts: Whether a value is right.
        required: Whether it must be there.
    """

    type: str
    meaning: str
    wants: str
    accepts: Callable[[Any], bool]
    required: bool = False


_LONGEST_NAME = 100
"""Letters of an id or a name: what is longer is no name, and would fill the tables in which it is shown."""
_ID = re.compile(r"[a-z][a-z0-9_]{0,99}\Z")
_CAPABILITY_ID = re.compile(r"[a-z][a-z0-9_]{0,99}\.[a-z][a-z0-9_]{0,99}\Z")
_COMMAND = re.compile(r"[a-z][a-z0-9-]{0,49}( [a-z][a-z0-9-]{0,49})?\Z")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,99}\Z")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_sentence(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_list_of_text(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_list_of_names(value: object) -> bool:
    return isinstance(value, list) and all(_is_name(item) for item in value)


def _is_table_of_text(value: object) -> bool:
    return isinstance(value, dict) and all(_is_sentence(item) for item in value.values())


def is_tables(value: object) -> bool:
    """Tell whether a value is an array of tables."""
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _is_module(value: object) -> bool:
    return isinstance(value, str) and all(_is_name(part) for part in value.split(".", 10))


def _is_object(value: object) -> bool:
    module, colon, attribute = value.partition(":") if isinstance(value, str) else ("", "", "")
    return bool(colon) and _is_module(module) and _is_module(attribute)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value.isidentifier() and len(value) <= _LONGEST_NAME


def _matches(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.match(value) is not None


_DOC = Key("string", "one sentence", "a sentence", _is_sentence, required=True)
_STATE = Key("string", ", ".join(f"`{state}`" for state in STATES), "one of " + ", ".join(STATES), STATES.__contains__)
_REPLACEMENT = Key("string", "what to use instead", "a string", _is_text)
SCHEME = Key("string", "a URL scheme, such as `s3`", "a URL scheme such as 's3'", _matches(_SCHEME), required=True)
CONNECTION_TYPE = Key(
    "string", "a connection type, such as `aws`", "a connection type such as 'aws'", _matches(_ID), required=True
)
COMMAND_NAME = Key(
    "string",
    "the words that are typed after `penstock`, one or two, such as `orders list`; the provider's id and the entry's name with `-` "
    "for `_` unless given",
    "one or two words such as 'orders list', in lower-case letters, digits and -",
    _matches(_COMMAND),
)
INSTALLATION = Key(
    "boolean",
    "whether it is given the whole installation: the environment of `penstock up`, with the database and its key; `false` unless given",
    "true or false",
    _is_flag,
)
ALWAYS = Key(
    "boolean",
    "whether `penstock up` keeps it though no table of the settings names it; `false` unless given",
    "true or false",
    _is_flag,
)
TABLES = Key("list of tables", "its entries, in the order in which they are listed", "a list of tables", is_tables)

PARAMETER_KEYS: Mapping[str, Key] = {
    "name": Key("string", "as in the code", "a name such as 'bucket_key'", _is_name, required=True),
    "type": Key("string", "as written in Python; `Any` unless given", "a string", _is_text),
    "doc": Key("string", "one sentence", "a string", _is_text),
    "required": Key("boolean", "whether it must be given; `false` unless given", "true or false", _is_flag),
    "default": Key("any", "its value when left out; a default of None is left out", "any value", lambda _value: True),
}
"""Keys of an entry of ``parameters``."""

FIELD_KEYS: Mapping[str, Key] = {
    **PARAMETER_KEYS,
    "secret": Key("boolean", "whether it is masked in logs and never shown", "true or false", _is_flag),
}
"""Keys of an entry of a connection type's ``fields``."""

CAPABILITY_KEYS: Mapping[str, Key] = {
    "id": Key(
        "string",
        "`<provider id>.<name>`, such as `aws.s3_copy`",
        "'<provider>.<name>' in lower-case letters, digits and underscores",
        _matches(_CAPABILITY_ID),
        required=True,
    ),
    "object": Key(
        "`module:attribute`", "what is imported on first use", "'module:attribute'", _is_object, required=True
    ),
    "doc": _DOC,
    "extra": Key(
        "string", "the extra of the distribution that it needs, described under `[extras]`", "a string", _is_text
    ),
    "parameters": TABLES._replace(meaning="its arguments"),
    "state": _STATE,
    "replacement": _REPLACEMENT,
}
"""Keys that every kind with an object has."""

CONNECTION_KEYS: Mapping[str, Key] = {
    "type": CONNECTION_TYPE,
    "doc": _DOC,
    "schemes": Key("list of strings", "schemes of its URIs", "a list of strings", _is_list_of_text),
    "fields": TABLES._replace(meaning="what a connection of the type holds"),
}
"""Keys of a connection type."""

TOP_KEYS: Mapping[str, Key] = {
    "schema": Key("integer", "version of this format; today `1`", "an integer", _is_integer, required=True),
    "id": Key(
        "string",
        "the provider's one id, in lower-case letters, digits and underscores: entry point, distribution's suffix, config key",
        "lower-case letters, digits and underscores, a letter first",
        _matches(_ID),
        required=True,
    ),
    "name": Key("string", "the name a person reads", "a name", _is_sentence, required=True),
    "doc": _DOC,
    "spec": Key(
        "version range",
        'the spec versions of the core that it serves, such as `">=1,<2"`: clauses of `>=`, `<=`, `<`, `>`, `==`, `!=` '
        "and a number, joined by commas; it must contain one that the core serves, which is `1` today",
        "a version range such as '>=1,<2'",
        _is_text,
        required=True,
    ),
    "state": _STATE._replace(meaning=_STATE.meaning + "; `stable` unless given"),
    "replacement": _REPLACEMENT,
    "until": Key(
        "date", "until when a deprecated provider works", "a date", lambda value: isinstance(value, str | date)
    ),
    "imports": Key(
        "list of strings",
        'top-level packages that it owns, such as `["penstock_acme"]`',
        "a list of names of packages",
        _is_list_of_names,
        required=True,
    ),
    "documentation": Key("URL", "shown by `plugin-manager info`", "a string", _is_text),
    "changelog": Key("URL", "shown by `plugin-manager info`", "a string", _is_text),
    "plugin": Key(
        "module",
        "module with impls of the reacting specs, loaded in a process of its own to which changes of states are delivered",
        "a module such as 'penstock_acme.plugin'",
        _is_module,
    ),
    "extras": Key(
        "table of name to sentence",
        "optional sets of dependencies, and what they are for",
        "a table of name to sentence",
        _is_table_of_text,
    ),
}
"""Keys of the top level, without the kinds."""
