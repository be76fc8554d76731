"""Field values of a load file, checked and converted for their column.

Source: "Load error reference" (codes 1200 to 1224) and the data type pages of the Amazon Redshift Database Developer
Guide; the texts are those that users quote from STL_LOAD_ERRORS. Dates and times: "Data conversion parameters",
"DATEFORMAT and TIMEFORMAT strings" and "Using automatic recognition" there. Not covered: DATEFORMAT and TIMEFORMAT
patterns beyond the common parts, `auto` forms other than ISO 8601 and what `strptime` reads here, epoch fractions.
"""

import datetime as dt
import decimal
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass


class FieldError(Exception):
    """A field that cannot be loaded.

    Attributes:
        code: Redshift's load error code.
        reason: Redshift's words for it.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the target table.

    Attributes:
        name: Its name.
        type: PostgreSQL's name of the type.
        modifier: PostgreSQL's type modifier; -1 when there is none.
        required: NOT NULL.
        identity: Its values are generated.
        has_default: It has a DEFAULT.
    """

    name: str
    type: str
    modifier: int = -1
    required: bool = False
    identity: bool = False
    has_default: bool = False

    @property
    def is_text(self) -> bool:
        """Whether an empty field is an empty text rather than a missing value."""
        return self.type in {"character varying", "character", "text"}

    @property
    def length(self) -> str:
        """The declared length as STL_LOAD_ERRORS writes it."""
        if self.type == "numeric" and self.modifier > 0:
            return f"{(self.modifier - 4) >> 16}, {(self.modifier - 4) & 0xFFFF}"
        return str(self.modifier - 4) if self.is_text and self.modifier > 0 else "0"

    @property
    def redshift_type(self) -> str:
        """The type's name in Redshift's system tables."""
        return _SYSTEM_NAMES.get(self.type, self.type)


@dataclass(frozen=True, slots=True)
class Conversions:
    """The options of COPY that change how a field is read."""

    date_format: str = ""
    time_format: str = ""
    truncate: bool = False
    accept_any_date: bool = False
    round_decimals: bool = False


Converter = Callable[[str], str | None]

_SYSTEM_NAMES = {
    "smallint": "int2", "integer": "int4", "bigint": "int8", "character varying": "varchar", "character": "char",
    "timestamp without time zone": "timestamp", "timestamp with time zone": "timestamptz", "boolean": "bool",
    "double precision": "float8", "real": "float4", "jsonb": "super", "bytea": "varbyte",
}  # fmt: skip
_INTEGERS = {
    "smallint": (15, "Short"),
    "integer": (31, "Integer"),
    "bigint": (63, "Long"),
}
_TRUE = {"t", "true", "y", "yes", "1"}
_FALSE = {"f", "false", "n", "no", "0"}
# Without a format, these alone are read (risingwavelabs/risingwave#23282).
_DEFAULT_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DEFAULT_TIME = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(?:\.\d{1,6})?", re.ASCII)
_DEFAULT_OFFSET = re.compile(r" ?([+-]\d{1,2})(?::?(\d{2}))?$", re.ASCII)
# The second set is what 'auto' reads besides ISO 8601.
_AUTO_DATES = ("%m/%d/%Y", "%Y/%m/%d", "%Y.%m.%d", "%d-%b-%Y", "%b %d %Y", "%Y%m%d")
_AUTO_TIMES = ("%m/%d/%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y%m%d %H%M%S", "%b %d %Y %H:%M:%S", "%a %b %d %H:%M:%S %Y")
_PATTERN_PARTS = {
    "YYYY": "%Y", "YY": "%y", "MON": "%b", "MM": "%m", "DD": "%d", "HH24": "%H", "HH12": "%I", "HH": "%H", "MI": "%M",
    "SS": "%S", "AM": "%p", "PM": "%p", "US": "%f", "MS": "%f",
}  # fmt: skip


def converter(column: Column, options: Conversions) -> Converter:
    """Return the function that turns a field's text into PostgreSQL's, or raises `FieldError`."""
    if column.type in _INTEGERS:
        return _integer(*_INTEGERS[column.type])
    if column.is_text:
        room = column.modifier - 4 if column.modifier > 0 else 65535
        single = column.type == "character"
        return lambda text: _characters(_single_bytes(text) if single else text, room, truncate=options.truncate)
    if column.type == "numeric":
        return _numeric(column.modifier, round_it=options.round_decimals)
    if column.type.startswith("timestamp"):
        return _timestamp(options, zoned=column.type == "timestamp with time zone")
    simple: dict[str, Converter] = {"boolean": _boolean, "jsonb": _super, "real": _float, "double precision": _float}
    if column.type == "date":
        return _date(options)
    return simple.get(column.type, lambda text: text)


def _integer(bits: int, name: str) -> Converter:
    low, high = -(1 << bits), (1 << bits) - 1

    def convert(text: str) -> str | None:
        stripped = text.strip()
        if not stripped:
            return None
        digits = stripped[1:] if stripped[0] in "+-" else stripped
        if not (digits.isascii() and digits.isdigit()):
            at, char = next(((i, c) for i, c in enumerate(digits) if not ("0" <= c <= "9")), (0, digits[:1]))
            position = at + len(stripped) - len(digits) + len(text) - len(text.lstrip())
            raise FieldError(1207, f"Invalid digit, Value '{char}', Pos {position}, Type: {name}")
        if not low <= int(stripped) <= high:
            raise FieldError(1207, f"Overflow, Value '{digits[-1]}', Pos {len(text) - 1}, Type: {name}")
        return stripped

    return convert


def _single_bytes(text: str) -> str:
    found = next((character for character in text if ord(character) > 0x7F), "")
    if found:
        invalid = found.encode(errors="surrogateescape").hex(" ")
        reason = f"Multibyte character not supported for CHAR (Hint: Try using VARCHAR). Invalid char: {invalid}"
        raise FieldError(1220, reason)
    return text


def _characters(text: str, room: int, *, truncate: bool) -> str:
    encoded = text.encode(errors="surrogateescape")
    if len(encoded) <= room:
        return text
    if not truncate:
        raise FieldError(1204, "String length exceeds DDL length")
    return encoded[:room].decode(errors="ignore")


def _numeric(modifier: int, *, round_it: bool) -> Converter:
    precision, scale = ((modifier - 4) >> 16, (modifier - 4) & 0xFFFF) if modifier > 0 else (18, 0)
    step = decimal.Decimal(1).scaleb(-scale)
    rounding = decimal.ROUND_HALF_UP if round_it else decimal.ROUND_DOWN
    context = decimal.Context(prec=200)

    def convert(text: str) -> str | None:
        stripped = text.strip()
        if not stripped:
            return None
        try:
            number = context.create_decimal(stripped)
        except decimal.InvalidOperation:
            raise FieldError(1207, f"Invalid digit, Value '{stripped[0]}', Pos 0, Type: Decimal") from None
        if not number.is_finite() or number.adjusted() >= 150:
            raise FieldError(1207, f"Invalid digit, Value '{stripped[0]}', Pos 0, Type: Decimal")
        rounded = number.quantize(step, rounding=rounding, context=context)
        if abs(rounded) >= decimal.Decimal(10) ** (precision - scale):
            raise FieldError(1209, f"Numeric data overflow (result precision) for DECIMAL({precision},{scale})")
        return str(rounded)

    return convert


def _float(text: str) -> str | None:
    stripped = text.strip()
    if not stripped:
        return None
    try:
        number = float(stripped)
    except ValueError:
        raise FieldError(1208, f"Invalid digit, Value '{stripped[0]}', Pos 0, Type: Double") from None
    if math.isinf(number) and "inf" not in stripped.lower():
        raise FieldError(1208, f"Overflow/Underflow (Long Double), Value '{stripped[:20]}', Type: Double")
    return stripped


def _boolean(text: str) -> str | None:
    stripped = text.strip().lower()
    if not stripped:
        return None
    if stripped in _TRUE:
        return "t"
    if stripped in _FALSE:
        return "f"
    raise FieldError(1210, "Unknown boolean format")


def _super(text: str) -> str:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        raise FieldError(1224, "Invalid JSON format for SUPER column") from None
    return text


def _date(options: Conversions) -> Converter:
    pattern = options.date_format

    def convert(text: str) -> str | None:
        stripped = text.strip()
        if not stripped:
            return None
        try:
            return _day(stripped, pattern).isoformat()
        except ValueError:
            if options.accept_any_date:
                return None
            wanted = pattern if pattern and pattern != "auto" else "YYYY-MM-DD"
            if len(stripped) < len(wanted):
                raise FieldError(1205, f"Invalid Date Format - length must be {len(wanted)} or more") from None
            raise FieldError(1205, f"Invalid date format or value [{wanted}]") from None

    return convert


def _day(text: str, pattern: str) -> dt.date:
    if not pattern and not _DEFAULT_DATE.fullmatch(text):
        raise ValueError(text)
    return _parse(text, pattern, (*_AUTO_DATES, *_AUTO_TIMES) if pattern == "auto" else ()).date()


def _timestamp(options: Conversions, *, zoned: bool) -> Converter:
    pattern = options.time_format
    default = "YYYY-MM-DD HH24:MI:SSOF" if zoned else "YYYY-MM-DD HH24:MI:SS"

    def convert(text: str) -> str | None:
        stripped = text.strip()
        if not stripped:
            return None
        try:
            moment = _moment(stripped, pattern, zoned=zoned)
        except (ValueError, OverflowError):
            if options.accept_any_date:
                return None
            wanted = default if pattern in {"", "auto"} else pattern
            raise FieldError(1206, f"Invalid timestamp format or value [{wanted}]") from None
        if moment.tzinfo is not None and not zoned:
            # A plain TIMESTAMP takes the value in UTC only in 'auto' mode and drops the offset otherwise.
            moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
        return moment.isoformat(sep=" ")

    return convert


def _moment(text: str, pattern: str, *, zoned: bool) -> dt.datetime:
    if pattern in {"epochsecs", "epochmillisecs"}:
        return _epoch(text, 1 if pattern == "epochsecs" else 1000)
    if pattern:
        return _parse(text, pattern, (*_AUTO_TIMES, *_AUTO_DATES) if pattern == "auto" else ())
    offset = _DEFAULT_OFFSET.search(text, 19) if zoned else None
    plain = text[: offset.start()] if offset else text
    if not _DEFAULT_TIME.fullmatch(plain):
        raise ValueError(text)
    zone = f"{int(offset[1]):+03d}:{offset[2] or '00'}" if offset else ""
    return dt.datetime.fromisoformat(plain + zone)


def _epoch(text: str, per_second: int) -> dt.datetime:
    seconds, rest = divmod(int(text), per_second)
    start = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return start + dt.timedelta(seconds=seconds, microseconds=rest * 1_000_000 // per_second)


def _parse(text: str, pattern: str, formats: tuple[str, ...]) -> dt.datetime:
    if pattern and not formats:
        return dt.datetime.strptime(text, _strptime(pattern))  # noqa: DTZ007 - the pattern says whether it has a zone
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        for candidate in formats:
            try:
                return dt.datetime.strptime(text, candidate)  # noqa: DTZ007 - a load file's times have no zone
            except ValueError:
                continue
        raise


def _strptime(pattern: str) -> str:
    parts = sorted(_PATTERN_PARTS, key=len, reverse=True)
    return re.sub("|".join(parts), lambda part: _PATTERN_PARTS[part[0].upper()], pattern, flags=re.IGNORECASE)
