"""Entries by names of the user's own, each of which chooses a provider's capability: ``NAME = "TYPE"``, or a table with options."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from penstock.decoders import convert
from penstock.errors import RequestError
from penstock.model.values.wrong_value import wrong_value

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_CAPABILITY = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")


class Choice(NamedTuple):
    """One entry as it is written.

    Attributes:
        type: What is chosen, such as ``acme.secrets``.
        options: The other keys of its table.
    """

    type: str
    options: dict[str, Any]


def read_choice(section: str, what: str, name: str, value: object, *, instead: str = "") -> Choice:
    """Read one entry of a table.

    Args:
        section: The table, such as ``executors``.
        what: What an entry of it is called, such as ``executor``.
        name: The entry's name.
        value: What is written.
        instead: A type that is no capability of a provider and may be chosen, too; "" for none.

    Raises:
        RequestError: What is wrong with it.
    """
    subject = f"{what} {name!r}"
    if not _NAME.fullmatch(name):
        raise RequestError(f"{subject}: a name has lower-case letters, digits, - and _, and begins with a letter.")
    table = {"type": value} if isinstance(value, str) else value
    if not isinstance(table, dict) or not isinstance(table.get("type"), str):
        first = f'"{instead}", ' if instead else ""
        id_of = "the id of an installed one" if instead else 'the id of an installed one, such as "acme.thing"'
        raise RequestError(f"{subject}: write {name} = {first}{id_of}, or a table [{section}.{name}] with a `type`.")
    chosen = Choice(table["type"], {key: inner for key, inner in table.items() if key != "type"})
    if chosen.type != instead and not _CAPABILITY.fullmatch(chosen.type):
        neither = f'neither "{instead}" nor an id' if instead else "no id of a capability"
        raise RequestError(f"{subject}: type {chosen.type!r} is {neither} such as acme.thing.")
    return chosen


def read_own_keys(what: str, name: str, chosen: Choice, kind: type[msgspec.Struct]) -> tuple[dict[str, Any], Choice]:
    """Take the keys out of an entry's options that the core reads itself.

    Args:
        what: What an entry of its table is called.
        name: The entry's name.
        chosen: The entry.
        kind: Has these keys as its fields; those without a default, ``type`` and ``options``, are left out.

    Raises:
        RequestError: One of them has a wrong value.
    """
    fields = {each.name: each.type for each in msgspec.structs.fields(kind) if each.name not in ("type", "options")}
    own: dict[str, Any] = {}
    for key in fields.keys() & chosen.options.keys():
        try:
            own[key] = convert(chosen.options[key], fields[key])
        except msgspec.ValidationError as error:
            raise RequestError(f"{what} {name!r}: {key}: {wrong_value(error, fields[key])}") from None
    rest: Mapping[str, Any] = {key: value for key, value in chosen.options.items() if key not in fields}
    return own, Choice(chosen.type, dict(rest))
