"""Instants in a database: aware UTC in Python, microseconds since 1970 in SQLite, `timestamptz` in PostgreSQL."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_micros(at: datetime | None) -> int | None:
    """Microseconds since 1970 of an aware instant, exact; None stays None. Raises TypeError for a naive one."""
    if at is None:
        return None
    since = at - _EPOCH
    return since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds


def from_micros(micros: int | None) -> datetime | None:
    """The aware UTC instant of `to_micros`; None stays None."""
    return None if micros is None else _EPOCH + timedelta(microseconds=micros)


class Instant(TypeDecorator[datetime]):
    """An aware instant; what comes out is always UTC. A naive datetime is refused with a TypeError."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """An integer where the database has no type for instants."""
        return BigInteger() if dialect.name == "sqlite" else DateTime(timezone=True)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ANN401 - int or datetime
        """To the database."""
        if dialect.name == "sqlite":
            return to_micros(value)
        if value is not None and value.tzinfo is None:
            raise TypeError(f"{value!r} has no time zone")
        return value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ANN401 - int or datetime
        """From the database."""
        if dialect.name == "sqlite":
            return from_micros(value)
        return value.astimezone(UTC) if value is not None else None
