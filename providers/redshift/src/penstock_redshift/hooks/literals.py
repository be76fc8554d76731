"""Values as literals that Redshift reads as those values.

Redshift reads a backslash in a plain literal as an escape and knows no ``E'...'``, in which libpq writes a backslash:
all quoting is done here, for parameters by the one dumper of `adapters`. Types that Redshift lacks are refused. Source:
"POSIX operators", "VARBYTE type", "JSON_PARSE function", "Interval literals" and "Unsupported PostgreSQL data types" of the
Amazon Redshift Database Developer Guide; PostHog/posthog#18706, npgsql/npgsql#515.
"""

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from penstock.errors import ErrorKind, ProviderError

if TYPE_CHECKING:
    from psycopg.adapt import AdaptersMap

_HALF_PAIR = re.compile("[\ud800-\udfff]")
_MOST_DIGITS = 38  # of a DECIMAL, "Numeric types"
_HINTS = {
    "list": "write one %s for each value of an IN list; for SUPER, give psycopg.types.json.Json(value)",
    "dict": "for SUPER, give psycopg.types.json.Json(value)",
    "UUID": "give str(value)",
    "Enum": "give its value",
}


def literal_of(value: object) -> str:
    r"""The value as a literal.

    >>> print(literal_of("it's \\"))
    'it''s \\\\'

    Raises:
        penstock.errors.ProviderError: Of kind ``invalid``: Redshift has no type for it, or the type has no such value.
    """
    if value is None:
        return "NULL"
    number = getattr(getattr(value, "dtype", None), "kind", "")  # numpy's scalars
    for kinds, write in _WRITERS:
        if isinstance(value, kinds):
            return write(value)
    if number in ("b", "i", "u", "f") and not getattr(value, "ndim", 0):
        return literal_of(value.item() if number != "f" else float(value))  # type: ignore[attr-defined, arg-type]
    if type(value).__name__ in ("Json", "Jsonb") and type(value).__module__ == "psycopg.types.json":
        return f"JSON_PARSE({_text(_json(value))})"
    name = type(value).__name__
    alike = next((each.__name__ for each in type(value).__mro__ if each.__name__ in _HINTS), "")
    hint = _HINTS.get(alike) or (_HINTS["list"] if isinstance(value, tuple | set | frozenset) else "")
    return _refuse(f"Redshift has no type for a value of the type {name}", hint or "give a text or a number")


def refuse_unwritable(text: str, what: str) -> None:
    """Refuse a text that the server cannot be sent: with a NUL, which ends it, or with half of a surrogate pair.

    Raises:
        penstock.errors.ProviderError: Of kind ``invalid``.
    """
    if "\0" in text:
        _refuse(f"{what} has the character NUL, which no column can hold", "remove it")
    if _HALF_PAIR.search(text):
        _refuse(f"{what} has half of a surrogate pair, which is no character", "decode it anew, or replace it")


def _text(value: Any) -> str:  # noqa: ANN401 - a text of any class
    plain = str.__str__(value)
    refuse_unwritable(plain, "a text")
    return "'" + plain.replace("\\", "\\\\").replace("'", "''") + "'"


def _int(value: Any) -> str:  # noqa: ANN401 - an int of any class
    if abs(value) >= 10**_MOST_DIGITS:
        _refuse(f"a whole number has more than {_MOST_DIGITS} digits, and no column holds it", "give it as a text")
    # behind a minus sign, the one of a negative number would begin a comment
    return f" {int.__repr__(value)}" if value < 0 else int.__repr__(value)


def _float(value: Any) -> str:  # noqa: ANN401 - a float of any class
    if math.isfinite(value):
        return _signed(float.__repr__(value))
    return f"'{'NaN' if math.isnan(value) else 'Infinity' if value > 0 else '-Infinity'}'::float8"


def _decimal(value: Any) -> str:  # noqa: ANN401 - a Decimal of any class
    digits = value.as_tuple()
    if not value.is_finite() or max(len(digits.digits), value.adjusted() + 1, -digits.exponent) > _MOST_DIGITS:
        _refuse(f"the decimal {value} does not fit into DECIMAL({_MOST_DIGITS})", "round it, or give a float")
    return _signed(format(value, "f"))


def _signed(number: str) -> str:
    return f" {number}" if number.startswith("-") else number


def _moment(value: Any) -> str:  # noqa: ANN401 - a datetime of any class
    if value != value or getattr(value, "nanosecond", 0):  # noqa: PLR0124 - pandas' NaT is not equal to itself
        _refuse(f"{value!r} is no timestamp to the microsecond", "round it, or give None")
    if value.tzinfo is None:
        return f"'{datetime.isoformat(value, ' ')}'::timestamp"
    try:
        return f"'{datetime.isoformat(value.astimezone(UTC), ' ')}'::timestamptz"
    except OverflowError:
        _refuse(f"{value!r} is out of range in UTC", "give a timestamp between the years 1 and 9999")


def _time(value: Any) -> str:  # noqa: ANN401 - a time of any class
    if value.tzinfo is None:
        return f"'{time.isoformat(value)}'::time"
    if value.utcoffset() is None:
        _refuse(f"{value!r} has an offset on a known date only", "give a timestamp, or a time with a fixed offset")
    return f"'{time.isoformat(value)}'::timetz"


def _interval(value: Any) -> str:  # noqa: ANN401 - a timedelta of any class
    if value != value or getattr(value, "nanoseconds", 0):  # noqa: PLR0124 - as above
        _refuse(f"{value!r} is no interval to the microsecond", "round it, or give None")
    return f"INTERVAL '{value.days} days {value.seconds} seconds {value.microseconds} microseconds'"


def _json(wrapper: Any) -> str:  # noqa: ANN401 - psycopg's Json or Jsonb
    try:
        written = (wrapper.dumps or json.dumps)(wrapper.obj)
    except (TypeError, ValueError) as error:
        _refuse(f"a value cannot be written as JSON: {error}", "make texts, numbers, lists and dicts of it")
    return written.decode() if isinstance(written, bytes) else str(written)


_WRITERS: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    (bool, lambda value: "true" if value else "false"),
    (str, _text),
    (int, _int),
    (float, _float),
    (Decimal, _decimal),
    (datetime, _moment),
    (date, lambda value: f"'{date.isoformat(value)}'::date"),
    (time, _time),
    (timedelta, _interval),
    (bytes | bytearray | memoryview, lambda value: f"FROM_HEX('{bytes(value).hex()}')"),
)


def _refuse(detail: str, hint: str) -> NoReturn:
    raise ProviderError(
        detail, service="redshift", operation="Parameters", kind=ErrorKind.INVALID, hint=hint[0].upper() + hint[1:]
    )


@cache
def adapters() -> "AdaptersMap":
    """How psycopg reads and writes values: results as ever, and all parameters by `literal_of`."""
    import psycopg  # noqa: PLC0415 - on first use
    from psycopg.adapt import AdaptersMap, Dumper  # noqa: PLC0415 - likewise

    class Literal(Dumper):
        """Writes a value of any type."""

        def quote(self, obj: Any) -> bytes:  # noqa: ANN401 - any value
            return literal_of(obj).encode()

        def dump(self, obj: Any) -> bytes:  # noqa: ANN401 - any value
            del obj
            _refuse("parameters are written into the statement, and this way of running it sends them apart",
                    "use Session.run or an ordinary cursor")  # fmt: skip

    known = psycopg.adapters
    # without a template: what psycopg can write by itself would be written in types that Redshift lacks
    found = AdaptersMap(types=known.types)
    found.register_dumper(object, Literal)
    for oid in {0} | {oid for each in known.types for oid in (each.oid, each.array_oid)}:
        loader = known.get_loader(oid, psycopg.pq.Format.TEXT)
        if loader is not None:
            found.register_loader(oid, loader)
    return found
