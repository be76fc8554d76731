"""Connections become a provider's frozen fields, or every problem at once."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import pytest

from penstock.errors import ConfigError
from penstock.spec.fields import Connection, ConnectionFields, read_fields


@dataclass(frozen=True)
class Fields(ConnectionFields):
    """Fields of a service."""

    PARTS: ClassVar[dict[str, str]] = {"token": "password"}
    POSITIVE: ClassVar[tuple[str, ...]] = ("share",)

    token: str
    size: int = 1
    share: float = 0.5
    on: bool = False
    colour: Literal["red", "blue"] = "red"
    limit: int | None = None

    def problems(self):
        """Fields that do not go together."""
        if self.size > 10:
            yield "size is too large"


def read(**extra):
    return read_fields(Connection("c", "acme", password="hunter2", extra=extra), Fields)


@pytest.mark.parametrize(
    ("extra", "field", "value"),
    [
        ({}, "token", "hunter2"),
        ({"size": "7"}, "size", 7),
        ({"size": 7}, "size", 7),
        ({"share": "1"}, "share", 1.0),
        ({"share": 1}, "share", 1.0),
        ({"on": "yes"}, "on", True),
        ({"on": False}, "on", False),
        ({"colour": "blue"}, "colour", "blue"),
        ({"limit": "3"}, "limit", 3),
        ({"limit": None}, "limit", None),
        ({"size": ""}, "size", 1),
        ({"token": "other"}, "token", "hunter2"),
    ],
)
def test_a_value_is_converted_to_the_type_of_its_field(extra, field, value):
    assert getattr(read(**extra), field) == value


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ({"size": "x"}, "size must be a whole number."),
        ({"size": 1.5}, "size must be a whole number."),
        ({"size": True}, "size must be a whole number."),
        ({"share": "x"}, "share must be a number."),
        ({"on": "maybe"}, "on must be true or false."),
        ({"colour": "green"}, "colour must be one of red, blue."),
        ({"limit": []}, "limit must be a whole number."),
        ({"sizes": 1}, "'sizes' is no field of it, did you mean 'size'?"),
        ({"size": 11}, "size is too large."),
    ],
)
def test_a_wrong_value_is_told_by_its_name_alone(extra, says):
    with pytest.raises(ConfigError) as raised:
        read(**extra)

    assert str(raised.value) == f"connection 'c' (acme): {says}"


def test_all_problems_are_told_at_once_and_a_missing_field_is_one():
    with pytest.raises(ConfigError) as raised:
        read_fields(Connection("c", "acme", extra={"size": "x", "zzz": 1}), Fields)

    assert str(raised.value) == (
        "connection 'c' (acme): 'zzz' is no field of it; token is missing; size must be a whole number."
    )
