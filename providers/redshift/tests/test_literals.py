"""Every value that is put into SQL is a literal that Redshift reads as that value, or is refused."""

import datetime as dt
import enum
import ipaddress
import uuid
from decimal import Decimal
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Json, Jsonb
from psycopg.types.range import Range

from penstock.errors import ErrorKind, ProviderError
from penstock_redshift.hooks.literals import literal_of
from penstock_testkit.redshift.lexer import statements

ODD = [
    "C:\\x",
    "\\",
    "\\\\",
    "it's",
    "\\'",
    "'; DROP TABLE t; --",
    "a\nb\tc\r",
    "\\n\\101\\d",
    "%s %% %",
    "$$ $1 ?",
    "ü€😀",
    "",
]


class Colour(enum.StrEnum):
    """An enum whose members are texts."""

    RED = "red'"


def scalar(value, kind):
    """A scalar as numpy has them."""
    return SimpleNamespace(dtype=SimpleNamespace(kind=kind), ndim=0, item=lambda: value)


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (None, "NULL"),
        (True, "true"),
        (7, "7"),
        (-7, " -7"),
        (scalar(-7, "i"), " -7"),
        (scalar(True, "b"), "true"),
        (0.1, "0.1"),
        (-1e300, " -1e+300"),
        (float("nan"), "'NaN'::float8"),
        (float("-inf"), "'-Infinity'::float8"),
        (Decimal("-2.50"), " -2.50"),
        (Decimal("1E+3"), "1000"),
        ("C:\\x's", "'C:\\\\x''s'"),
        (Colour.RED, "'red'''"),
        (dt.date(2026, 1, 2), "'2026-01-02'::date"),
        (dt.datetime.fromisoformat("2026-01-02 03:04:05.000006"), "'2026-01-02 03:04:05.000006'::timestamp"),
        (dt.datetime(2026, 1, 2, 1, tzinfo=ZoneInfo("Europe/Berlin")), "'2026-01-02 00:00:00+00:00'::timestamptz"),
        (dt.time(3, 4), "'03:04:00'::time"),
        (dt.time(3, 4, tzinfo=dt.UTC), "'03:04:00+00:00'::timetz"),
        (dt.timedelta(days=-1, seconds=5, microseconds=6), "INTERVAL '-1 days 5 seconds 6 microseconds'"),
        (b"hi\\", "FROM_HEX('68695c')"),
        (Json({"a": "it's \\"}), "JSON_PARSE('{\"a\": \"it''s \\\\\\\\\"}')"),
        (Jsonb([1]), "JSON_PARSE('[1]')"),
    ],
)
def test_a_value_is_written_without_escape_syntax_and_as_a_type_that_redshift_has(value, literal):
    assert literal_of(value) == literal


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([1, 2], "type list.*one %s for each"),
        ((1, 2), "type tuple.*one %s for each"),
        ({"a": 1}, r"type dict.*Json\(value\)"),
        (uuid.UUID(int=1), r"type UUID.*Give str\(value\)"),
        (enum.Enum("E", "A").A, "type E.*Give its value"),
        (ipaddress.ip_address("127.0.0.1"), "type IPv4Address"),
        (Range(1, 2), "type Range"),
        (scalar(1, "M"), "type SimpleNamespace"),
        (1j, "type complex"),
        (object(), "type object"),
        ("a\0b", "NUL"),
        ("a\udc80", "surrogate"),
        (10**38, "38 digits"),
        (Decimal("NaN"), "does not fit"),
        (Decimal("1E-39"), "does not fit"),
        (dt.datetime(1, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")), "out of range in UTC"),
        (dt.time(3, tzinfo=ZoneInfo("Europe/Berlin")), "known date"),
        (Json({"a": object()}), "JSON"),
    ],
)
def test_what_redshift_has_no_type_for_is_refused_with_what_to_do(value, says):
    with pytest.raises(ProviderError, match=says) as raised:
        literal_of(value)
    assert (raised.value.kind, raised.value.retryable) == (ErrorKind.INVALID, False)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_text_is_read_back_and_ends_where_it_ends(text):
    (first, second) = statements(f"SELECT {literal_of(text)}; SELECT 2")

    assert [token.value for token in first.tokens[1:]] == [text]
    assert second.text == " SELECT 2"


def test_values_come_back_from_the_server_as_they_were(hook):
    values = [
        *ODD, -7, 2.5, Decimal("-2.50"), True, None, b"\0\\\xff", {"a": ["it's \\ %"]}, dt.date(2026, 1, 2), dt.time(3, 4),
        dt.datetime(2026, 1, 2, 3, 4, 5, 6, dt.UTC), dt.timedelta(days=-1, seconds=5),
    ]  # fmt: skip
    given = [Json(each) if isinstance(each, dict) else each for each in values]

    assert hook.get_first(f"SELECT {', '.join(['%s'] * len(values))}", given) == tuple(values)
    assert hook.get_first("SELECT 5 -%(n)s, %(n)s::int", {"n": -2}) == (7, -2)


UNFIT = [
    ("SELECT 1 WHERE 'a' LIKE 'a%' AND 1 = %s", [1], "write %% for a percent sign"),
    ("SELECT 1 WHERE 'a' LIKE 'a%'", [], "write %% for a percent sign"),
    ("SELECT %s", [1, 2], "1 placeholders? but 2 parameters"),
    ("SELECT %(a)s", {"b": 1}, "parameter missing: a"),
    ("SELECT %s", "text", "sequence or a mapping"),
    ("SELECT %s", [[1]], "type list"),
]


def test_parameters_that_do_not_fit_are_told(hook):
    for sql, parameters, says in UNFIT:
        with pytest.raises(ProviderError, match=says) as raised:
            hook.run(sql, parameters)
        assert not raised.value.retryable, sql
