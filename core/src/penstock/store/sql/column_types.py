"""Types of columns: how a value of Python is stored, in one place for statements of SQLAlchemy and for our bulk ones."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, DateTime, Dialect, LargeBinary, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from penstock.errors import DataUnreadableError

Encoder = Callable[[Any], Any]
Decoder = Callable[[Any], Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Instant(TypeDecorator[datetime]):
    """An aware instant, UTC when it is read; microseconds since 1970 in SQLite, ``timestamptz`` in PostgreSQL.

    A naive datetime is refused with a TypeError.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """An integer where the database has no type for instants."""
        return BigInteger() if dialect.name == "sqlite" else DateTime(timezone=True)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ANN401 - int or datetime
        """To the database."""
        return _to_micros(value) if dialect.name == "sqlite" else _aware(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Decoder:  # noqa: ARG002 - SQLAlchemy's
        """From the database; raises DataUnreadableError for what is none."""
        if dialect.name == "sqlite":
            return _reader(_from_micros, "instant")
        return _reader(lambda at: at.astimezone(UTC), "instant")


class Enumerated(TypeDecorator[StrEnum]):
    """A member of an enumeration, stored as its value."""

    impl = Text
    cache_ok = True

    def __init__(self, members: type[StrEnum]) -> None:
        super().__init__()
        self.members = members
        self._by_word = {str(member): member for member in members}

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's
        """To the database."""
        return _word(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Decoder:  # noqa: ARG002 - SQLAlchemy's
        """From the database; raises DataUnreadableError for what is none."""
        return _reader(self._by_word.__getitem__, self.members.__name__)


class FreeText(TypeDecorator[str]):
    """Text from users' code, which may hold anything: what databases refuse (NUL, lone surrogates) is made visible."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's
        """To the database."""
        return None if value is None else storable(value)


class Name(TypeDecorator[str]):
    """A name that users' code chose, part of a key; NUL in it is refused with a ValueError, as PostgreSQL does.

    Free text is made visible instead, but two names that differ must not become one.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's
        """To the database."""
        return None if value is None else _name(value)


class Json(TypeDecorator[Any]):
    """A value as JSON text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:  # noqa: ANN401, ARG002 - any JSON value; SQLAlchemy's
        """To the database."""
        return _json(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Decoder:  # noqa: ARG002 - SQLAlchemy's
        """From the database; raises DataUnreadableError for what is none."""
        return _reader(msgspec.json.decode, "JSON")


def encoder(column: Column[Any], dialect: Dialect) -> Encoder | None:
    """What turns a value for this column into what a bulk statement takes; None if it is taken as it is.

    Plain functions, not the types' own processors: these cost three calls a cell, and the scheduler writes a hundred
    thousand cells a second.
    """
    sqlite = dialect.name == "sqlite"
    match column.type:
        case Instant():
            return _to_micros if sqlite else _aware
        case Enumerated():
            return _word
        case Name():
            return _name
        case FreeText():
            return storable
        case Json():
            return _json
        case LargeBinary():
            return None if sqlite else _hex
        case _:
            return None


def storable(text: str) -> str:
    """The text with what databases refuse (NUL, lone surrogates) made visible."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _to_micros(at: datetime | None) -> int | None:
    """Microseconds since 1970, exact; subtracting raises TypeError for a naive instant."""
    if at is None:
        return None
    since = at - _EPOCH
    return since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds


@lru_cache(1 << 13)
def _from_micros(micros: int) -> datetime:
    """Back; a page of a run has thousands of instants, many of them more than once, and is read again and again."""
    return _EPOCH + timedelta(0, 0, micros)  # named, the argument takes longer to be found than to be used


def _reader(decode: Decoder, kind: str) -> Decoder:
    """What reads a cell; it passes this alone, where SQLAlchemy's `process_result_value` costs more."""

    def read(value: Any) -> Any:  # noqa: ANN401 - of the column's type
        try:
            return None if value is None else decode(value)
        except (KeyError, OverflowError, TypeError, msgspec.DecodeError, RecursionError, UnicodeError) as error:
            more = f": {error}" if kind == "JSON" else ""
            raise DataUnreadableError(f"{value!r:.200} is no {kind}{more}") from None

    return read


def _aware(at: datetime | None) -> datetime | None:
    if at is not None and at.tzinfo is None:
        raise TypeError(f"{at!r} has no time zone")
    return at


def _word(member: StrEnum | None) -> str | None:
    return None if member is None else member._value_


def _name(text: str) -> str:
    if "\0" in text:
        raise ValueError(f"{text!r} has a NUL character in it")
    return text


def _json(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return msgspec.json.encode(value).decode()


def _hex(data: bytes) -> str:
    """PostgreSQL's text form of ``bytea``."""
    return "\\x" + data.hex()
