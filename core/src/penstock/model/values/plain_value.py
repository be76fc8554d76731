"""Values of foreign types as the equal value of one of Python's own: what an encoding can keep and give back.

A subclass may look like its base and be another value (`pandas.NaT` is a `datetime` of the year 1 to the methods of
`datetime`). So its base's own view of it is made, and counts only if both are equal.
"""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID


def plain_value(value: Any) -> Any:  # noqa: ANN401 - any value
    """The value as one of Python's own types, its elements untouched; None if it is equal to none of these.

    A scalar of NumPy is what its ``item()`` returns.
    """
    for base, view in _VIEWS.items():
        if issubclass(type(value), base):  # a proxy's `__class__` says what it stands for, not what it is
            return _if_equal(view(value), value)
    try:
        return _of_scalar(value)
    except Exception:  # noqa: BLE001 - an attribute of a stranger's, which may do anything when it is read
        return None


def _of_scalar(value: Any) -> Any:  # noqa: ANN401 - any value
    # 3 months are no 3, although both NumPy and its `item` say so: the kind tells what is meant.
    kinds = _ARRAY_KINDS.get(getattr(getattr(value, "dtype", None), "kind", ""), ())
    if kinds and getattr(value, "shape", None) == ():
        found = value.item()
        return _if_equal(found, value) if type(found) in kinds else None
    return None


def _if_equal(found: Any, value: Any) -> Any:  # noqa: ANN401 - any value
    try:
        same = bool(found == value)
        if not same and isinstance(found, float):
            same = bool(found != found and value != value)  # noqa: PLR0124 - not a number
    except Exception:  # noqa: BLE001 - a comparison of a stranger's: what cannot be told is not equal
        return None
    return found if same else None


def _fields(base: type, *names: str) -> Callable[[Any], dict[str, Any]]:
    """Read fields as the base keeps them, whatever a subclass has put over their names."""
    readers = {name: getattr(base, name).__get__ for name in names}
    return lambda value: {name: read(value) for name, read in readers.items()}


_DATE = ("year", "month", "day")
_TIME = ("hour", "minute", "second", "microsecond", "tzinfo", "fold")
_datetime_fields, _time_fields = _fields(datetime, *_DATE, *_TIME), _fields(time, *_TIME)
_date_fields = _fields(date, *_DATE)
_timedelta_fields = _fields(timedelta, "days", "seconds", "microseconds")

# A datetime is a date, so it stands first.
_VIEWS: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    int: int.__index__,
    float: float.__float__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    datetime: lambda value: datetime(**_datetime_fields(value)),  # noqa: DTZ001 - its own zone is among them
    date: lambda value: date(**_date_fields(value)),
    time: lambda value: time(**_time_fields(value)),
    timedelta: lambda value: timedelta(**_timedelta_fields(value)),
    Decimal: lambda value: Decimal(Decimal.__str__(value)),
    UUID: lambda value: UUID(int=value.int),
    list: lambda value: list(list.__iter__(value)),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    dict: lambda value: dict(dict.items(value)),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
}
_ARRAY_KINDS: dict[str, tuple[type, ...]] = {
    "b": (bool,), "i": (int,), "u": (int,), "f": (float,), "U": (str,), "S": (bytes,), "m": (timedelta,), "M": (datetime, date),
}  # fmt: skip
