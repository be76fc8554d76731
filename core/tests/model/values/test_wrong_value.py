"""What a decoder refuses is said in words: the values that there are, the field that was meant, where it stands."""

from datetime import datetime
from enum import Enum
from typing import Annotated, Literal

import msgspec
import pytest

from penstock.model.values.wrong_value import wrong_value


class Colour(Enum):
    RED, GREEN = "red", "green"


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    role: Literal["viewer", "editor"] = "viewer"
    client_id: str = ""


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    colour: Colour | None = None
    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    inner: Inner | None = None
    many: list[Inner] = []
    named: dict[str, Colour] = {}
    number: Annotated[int, msgspec.Meta(ge=1)] = 1


INSTANT = "it is no instant with its zone. Write one such as 2026-01-31T06:00:00Z."

GIVEN = {
    "no value of an enum": ({"colour": "gren"}, "colour: 'gren' is none of its values. Did you mean 'green'?"),
    "nothing like it": ({"colour": "zzz"}, "colour: 'zzz' is none of its values. Choose one of: red, green."),
    "an instant in words": (
        {"at": "yesterday"},
        f"at: {INSTANT}",
    ),
    "an instant without a zone": (
        {"at": "2026-01-31T06:00:00"},
        f"at: {INSTANT}",
    ),
    "a field of the whole": ({"color": "red"}, "there is no field 'color'. Did you mean 'colour'?"),
    "a field inside": ({"inner": {"clientid": "x"}}, "inner: there is no field 'clientid'. Did you mean 'client_id'?"),
    "a value in a list": (
        {"many": [{}, {"role": "owner"}]},
        "many[1].role: 'owner' is none of its values. Choose one of: viewer, editor.",
    ),
    "a value in a dict": (
        {"named": {"a": "blue"}},
        "named[...]: 'blue' is none of its values. Choose one of: red, green.",
    ),
    "another type": ({"number": "x"}, "number: it is a text, and must be a whole number."),
    "out of bounds": ({"number": 0}, "number: it must be a whole number, at least 1."),
    "no object": ([], "it is a list, and must be a table of fields."),
}


@pytest.mark.parametrize(("given", "told"), GIVEN.values(), ids=GIVEN)
def test_a_refusal_says_what_there_is(given, told):
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(given, Outer)
    assert str(wrong_value(refused.value, Outer)) == told


def test_a_field_that_is_missing_is_named():
    class Needy(msgspec.Struct):
        issuer: str

    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert({}, Needy)
    assert str(wrong_value(refused.value, Needy)) == "the field 'issuer' is missing."
