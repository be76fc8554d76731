"""Values of strangers' types as XComs: an equal value comes back, or the type is refused in a sentence. Never another value."""

import collections
import enum
from collections import ChainMap, Counter, OrderedDict, UserDict, defaultdict, namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from types import MappingProxyType, SimpleNamespace
from unittest.mock import Mock
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pendulum
import pytest
import pytz
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.model.values.not_serialisable import NotSerialisableError
from penstock.model.values.value import decode, encode

PARIS = ZoneInfo("Europe/Paris")
MOMENT = datetime(2026, 7, 1, 12, 30, 15, 123456, PARIS)


class Word(str):
    """A text that writes itself otherwise."""

    __slots__ = ()

    def __str__(self):
        return "another text"


class Colour(str, enum.Enum):  # noqa: UP042 - whose text is not its value
    RED = "red"


class Level(int, enum.Enum):
    HIGH = 3


class Late(datetime):
    """A datetime that is no time at all, as `pandas.NaT`."""

    def __eq__(self, other):
        return False

    __hash__ = datetime.__hash__


class Loud(int):
    def __eq__(self, other):
        raise RuntimeError("not comparable")

    __hash__ = int.__hash__


class Odd(dict):
    """A dict that shows other items than it holds."""

    def items(self):
        return [("a", 2)]


class Reversed(list):
    def __iter__(self):
        return reversed(self[:])


class Ratio(float):
    pass


class Hashable(list):
    """A list that may be a key, which the equal list may not."""

    __hash__ = list.__len__


class Proxy:
    """What says that it is a text, as lazy objects do."""

    __class__ = property(lambda self: str)


class Unbound:
    """What raises at each attribute, as an object that is bound to a request."""

    def __getattr__(self, name):
        raise RuntimeError("working outside of application context")


class Shifted(tzinfo):
    """A zone of one's own, under the name of another."""

    key = "Europe/Paris"

    def utcoffset(self, moment):
        return timedelta(hours=5)

    def dst(self, moment):
        return None


class Unsure(Shifted):
    def utcoffset(self, moment):
        raise RuntimeError("which zone?")


class Code(bytes):
    pass


Point = namedtuple("Point", "x y")


@dataclass
class Row:
    id: int


EQUAL = [
    Word("one"), Colour.RED, enum.StrEnum("Word", {"A": "a"}).A, Level.HIGH, enum.IntEnum("N", {"A": 1}).A,
    enum.IntFlag("F", {"A": 1, "B": 2}).A, Ratio(1.5), Code(b"x"), Point(1, 2), OrderedDict(a=1, b=[2]),
    defaultdict(list, a=[1]), Counter("aab"), Odd(a=1), Reversed([1, 2]), type("S", (set,), {})({1, 2}),
    type("F", (frozenset,), {})({1}), type("D", (Decimal,), {})("1.50"), type("U", (UUID,), {})(int=7),
    type("T", (timedelta,), {})(days=1, microseconds=1), type("Y", (date,), {})(2026, 1, 1), type("H", (time,), {})(1, 2, 3),
    np.int8(-5), np.uint64(2**64 - 1), np.bool_(True), np.float64(0.1), np.float32(0.1), np.float64("inf"), np.str_("é"),
    np.bytes_(b"\x00a"), np.array(7), np.datetime64("2026-01-01T00:00:00"), np.datetime64("2026-01-01"),
    np.timedelta64(5, "s"), [np.int64(1), {"n": np.int64(2)}], {np.int64(1): "a"},
    pd.Timestamp("2026-01-01 10:00", tz="Europe/Paris"), pd.Timestamp("2026-01-01 10:00:00.123456"), pd.Timedelta("1 days 3 s"),
    pd.DataFrame({"n": [1, 2], "x": [0.5, 1.5], "s": ["a", "b"]}).to_dict("records"),
    pendulum.datetime(2026, 7, 1, tz="Europe/Paris"), pendulum.date(2026, 7, 1), pendulum.time(1, 2, 3), pendulum.duration(days=3, hours=1),
    pytz.timezone("Europe/Paris").localize(MOMENT.replace(tzinfo=None)), datetime(2026, 7, 1, tzinfo=pytz.utc),
    datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-3, minutes=-30, seconds=-15))), time(3, 4, tzinfo=UTC),
    datetime(2026, 1, 1, tzinfo=Shifted()), time(3, 4, tzinfo=Shifted()), {Point(1, (2, 3)): 1}, {frozenset({Colour.RED})},
]  # fmt: skip

REFUSED = [
    pd.NaT, pd.NA, pd.Timestamp("2026-01-01 10:00:00.123456789"), pd.Timedelta(1, "ns"), pd.Period("2026-01"),
    pd.Series([1]), pd.DataFrame({"a": [1]}), pd.DataFrame({"t": [pd.NaT]}).to_dict("records"), pd.Interval(0, 1),
    np.datetime64("NaT", "s"), np.datetime64("2026-01-01", "ns"), np.timedelta64(1, "M"), np.array([1, 2]), np.complex128(1j),
    np.longdouble("0.1"), np.void(b"x"), np.nan * 1j,
    Late(2026, 1, 1), Loud(1), Row(1), UserDict(a=1), ChainMap({}), MappingProxyType({}), SimpleNamespace(a=1),
    collections.deque([1]), range(3), Fraction(1, 3), PurePosixPath("/x"), enum.Enum("E", "A").A, bytearray(b"x"), memoryview(b"x"),
    1j, object, len, (each for each in ()), Ellipsis, NotImplemented, Proxy(), Mock(spec=datetime), Unbound(),
    {Hashable([1])}, {Hashable([1]): 1}, {(1, Hashable()): 1}, datetime(2026, 1, 1, tzinfo=Unsure()),
    time(1, tzinfo=pytz.timezone("Europe/Paris")),
    datetime(2026, 1, 1, tzinfo=timezone(timedelta(microseconds=-1))), "caf\udce9", {"a": ["\ud800"]}, {"\udce9": 1},
]  # fmt: skip


def test_a_zone_that_is_not_known_where_a_value_is_read_is_its_offset():
    encoded = encode(datetime(2026, 7, 1, 12, tzinfo=PARIS)).replace(b"Europe/Paris", b"Europe/Nowhere")
    assert decode(encoded) == datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))


def name(value):
    return f"{type(value).__module__}.{type(value).__qualname__}"


@pytest.mark.parametrize("value", EQUAL, ids=name)
def test_what_is_equal_to_a_value_of_pythons_own_comes_back_as_that(value):
    back = decode(encode(value))
    assert back == value
    assert type(back).__module__ in ("builtins", "datetime", "decimal", "uuid")
    assert encode(back) == encode(value)


@pytest.mark.parametrize("value", REFUSED, ids=name)
@pytest.mark.parametrize("held", [False, True], ids=["alone", "within others"])
def test_anything_else_is_refused_in_a_sentence_with_its_place(value, held):
    with pytest.raises(NotSerialisableError, match=r"has no JSON form\. \w") as caught:
        encode([{"key": value}] if held else value)
    assert not held or "[0]['key']" in str(caught.value)


def test_not_a_number_stays_what_it_is():
    for value in (np.nan, np.float64("nan"), Ratio("nan")):
        [back] = decode(encode([value]))
        assert type(back) is float
        assert back != back  # noqa: PLR0124 - that is what it means


@settings(max_examples=40)
@given(st.datetimes(timezones=st.timezones()))
def test_a_datetime_comes_back_with_its_zone_in_every_hour_that_a_clock_shows_twice_or_never(moment):
    back = decode(encode(moment))
    assert (back, back.tzinfo, back.utcoffset()) == (moment, moment.tzinfo, moment.utcoffset())


@settings(max_examples=40)
@given(st.datetimes(), st.sampled_from(["Europe/Paris", "Australia/Lord_Howe", "America/St_Johns"]))
def test_the_datetimes_of_other_libraries_come_back_as_the_same_instant(moment, zone):
    values = [pytz.timezone(zone).localize(moment)]
    if moment.year < 9000:
        values.append(pendulum.instance(moment, tz=zone))
    for value in values:
        back = decode(encode(value))
        assert (back.replace(tzinfo=None), back.utcoffset()) == (
            datetime.fromisoformat(datetime.isoformat(value)).replace(tzinfo=None),
            value.utcoffset(),
        )


@settings(max_examples=40)
@given(st.integers(-(2**63), 2**63 - 1))
def test_an_instant_of_pandas_comes_back_exactly_or_not_at_all(nanoseconds):
    try:
        value = pd.Timestamp(nanoseconds)
    except ValueError:
        return
    if value is pd.NaT or value.nanosecond:
        with pytest.raises(NotSerialisableError):
            encode(value)
    else:
        assert decode(encode(value)) == value
