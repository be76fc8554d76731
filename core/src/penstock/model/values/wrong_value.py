"""What a decoder refused, in words for whoever wrote it: the values that there are, the field that was meant."""

import re
from collections.abc import Collection, Iterator, Mapping
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import msgspec

from penstock.errors import did_you_mean

_PLACE = re.compile(r" - at `(?:key in )?\$?([^`]*)`+$")
_STEP = re.compile(r"\.(\w+)|\[[^\]]*\]")
_ENUM = re.compile(r"Invalid enum value (.+)$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.+)`$", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.+)`$", re.DOTALL)
_TYPE = re.compile(r"Expected `([^`]+)`(?:, got `([^`]+)`)?$")
_BOUND = re.compile(r"Expected `(\w+)` (of length )?(>=|<=|>|<|==) (\S+)$")
_TYPES = {
    "int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false", "array": "a list",
    "object": "a table of fields", "null": "nothing", "datetime": "an instant", "date": "a day", "bytes": "bytes",
}  # fmt: skip
_BOUNDS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than", "==": "exactly"}
_PARTS = {"str": "characters", "array": "elements", "object": "fields"}
_INSTANT = re.compile(r"Invalid RFC3339 encoded datetime$|Expected `datetime` with a timezone component$")


class WrongValue(NamedTuple):
    """Why a value was refused.

    Attributes:
        name: The field of the whole that it stands in; "" for the whole itself.
        below: Where in that field, such as ``[2].role``.
        what: What is wrong, without a capital at its beginning and a mark at its end.
        advice: A sentence that says what to write instead; "" if the other says it.
    """

    name: str
    below: str
    what: str
    advice: str = ""

    def __str__(self) -> str:
        """All of it, to stand behind a colon."""
        place = f"{self.name}{self.below}"
        return " ".join(filter(None, (f"{f'{place}: ' if place else ''}{self.what}.", self.advice)))


def wrong_value(error: Exception, kind: Any) -> WrongValue:  # noqa: ANN401 - types have no type
    """Say what a decoder refused.

    Args:
        error: Its ``msgspec.ValidationError``, or a RecursionError.
        kind: The type that the whole was to have.
    """
    text = str(error)
    place = _PLACE.search(text)
    path = place[1] if place else ""
    message = text[: place.start()] if place else text
    first = re.match(r"\.(\w+)", path)
    name = first[1] if first else ""
    what, advice = _in_words(message, list(_at(kind, path)))
    return WrongValue(name, path[len(name) + 1 :] if name else path, what, advice)


def _in_words(message: str, expected: list[Any]) -> tuple[str, str]:
    if found := _ENUM.match(message):
        given, known = found[1].strip("'"), _values(expected)
        return f"{found[1]} is none of its values", did_you_mean(given, known, otherwise=_list(known)) if known else ""
    if found := _UNKNOWN.match(message):
        fields = [each.encode_name for kind in expected if _is_struct(kind) for each in msgspec.structs.fields(kind)]
        return f"there is no field {found[1]!r}", did_you_mean(
            found[1], fields, otherwise=_list(fields)
        ) if fields else ""
    if found := _MISSING.match(message):
        return f"the field {found[1]!r} is missing", ""
    if _INSTANT.match(message):
        return "it is no instant with its zone", "Write one such as 2026-01-31T06:00:00Z."
    return _of_type(message) or message[:1].lower() + message[1:].rstrip("."), ""


def _of_type(message: str) -> str:
    """What is wrong with a value of another type, or beyond a bound; "" if it is something else."""
    if found := _TYPE.match(message):
        wanted = " or ".join(_TYPES.get(each, each) for each in found[1].split(" | "))
        return f"it is {_TYPES.get(found[2], found[2])}, and must be {wanted}" if found[2] else f"it must be {wanted}"
    if found := _BOUND.match(message):
        kind, length, bound, number = found.groups()
        amount = f"{_BOUNDS[bound]} {number}"
        if length:
            return f"it must have {amount} {_PARTS.get(kind, 'parts')}"
        return f"it must be {_TYPES.get(kind, kind)}, {amount}"
    return ""


def _list(known: Collection[str]) -> str:
    return f"Choose one of: {', '.join(known)}."


def _values(expected: list[Any]) -> list[str]:
    found: list[str] = []
    for kind in expected:
        if isinstance(kind, type) and issubclass(kind, Enum):
            found += [str(each.value) for each in kind]
        elif get_origin(kind) is Literal:
            found += [str(each) for each in get_args(kind)]
    return found


def _at(kind: Any, path: str) -> Iterator[Any]:  # noqa: ANN401 - as above
    """What may stand at a place of a value of some type."""
    expected = list(_members(kind))
    for step in _STEP.finditer(path):
        expected = [below for each in expected for inner in _below(each, step[1]) for below in _members(inner)]
    yield from expected


def _below(kind: Any, field: str | None) -> Iterator[Any]:  # noqa: ANN401 - as above
    """What may stand one step below: in a field, or as an element."""
    if field is not None:
        if _is_struct(kind):
            yield from (each.type for each in msgspec.structs.fields(kind) if each.encode_name == field)
        return
    origin, inside = get_origin(kind), [each for each in get_args(kind) if each is not Ellipsis]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        yield from inside[1:]
    elif isinstance(origin, type) and issubclass(origin, Collection):
        yield from inside


def _members(kind: Any) -> Iterator[Any]:  # noqa: ANN401 - as above
    if get_origin(kind) is Annotated:
        yield from _members(get_args(kind)[0])
    elif isinstance(kind, UnionType) or get_origin(kind) is Union:
        for each in get_args(kind):
            yield from _members(each)
    else:
        yield kind


def _is_struct(kind: Any) -> bool:  # noqa: ANN401 - as above
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
