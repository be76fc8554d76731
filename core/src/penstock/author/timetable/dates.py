"""Dates as authors write them, as plain instants in UTC."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from penstock.author.parse_session import call_site, report
from penstock.author.scope import current_dag
from penstock.author.timetable.zones import local_fault, to_zone
from penstock.errors import AuthoringError


def to_utc(value: Any, timezone: str, what: str) -> datetime:  # noqa: ANN401 - what an author wrote
    """Convert a date to a plain aware datetime in UTC, whatever subclass it is of; one without a zone is read in ``timezone``.

    Raises:
        AuthoringError: It is no date, or lies too far away.
    """
    from penstock.model.values.plain_value import plain_value  # noqa: PLC0415 - only a DAG with dates needs it

    plain = plain_value(value) if isinstance(value, datetime) else None
    if not isinstance(plain, datetime):
        raise AuthoringError(f"{what} is {value!r}; write datetime(2026, 1, 1, tzinfo=UTC).")
    shown = plain.isoformat(sep=" ")
    if plain.tzinfo is None:
        plain = plain.replace(tzinfo=to_zone(timezone))
    if fault := local_fault(plain):
        raise AuthoringError(f"{what} {shown} {fault}.")
    try:
        moment: datetime = plain.astimezone(UTC)
    except OverflowError:
        raise AuthoringError(f"{what} {shown} lies outside the calendar in UTC. Write it with tzinfo=UTC.") from None
    return moment


def is_naive(value: Any) -> bool:  # noqa: ANN401 - what an author wrote
    """Return whether a value is a date without a zone."""
    return isinstance(value, datetime) and value.tzinfo is None


def utc_now() -> datetime:
    """The present, for a DAG file or a task that asks for it."""
    return datetime.now(UTC)


_Moment = datetime  # a method below has the class' own name


class _Timezone:
    """``timezone``: aware instants, by the names that they have in Airflow's module."""

    utc = UTC

    @staticmethod
    def utcnow() -> _Moment:
        """The present."""
        return utc_now()

    @staticmethod
    def datetime(*args: Any, **kwargs: Any) -> _Moment:  # noqa: ANN401 - the arguments of datetime
        """An instant; in UTC unless ``tzinfo`` is given."""
        return _Moment(*args, **{"tzinfo": UTC, **kwargs})

    @staticmethod
    def parse(string: str, timezone: tzinfo | None = None) -> _Moment:
        """The instant of a text by ISO 8601; one without a zone is read in ``timezone``, or UTC. Raises ValueError."""
        found = _Moment.fromisoformat(string)
        return found if found.tzinfo is not None else found.replace(tzinfo=timezone or UTC)

    @staticmethod
    def make_aware(value: _Moment, timezone: tzinfo | None = None) -> _Moment:
        """A date without a zone, in ``timezone`` or UTC. Raises ValueError if it has one."""
        if value.tzinfo is not None:
            raise ValueError(f"{value.isoformat()} has a zone already")
        return value.replace(tzinfo=timezone or UTC)

    @staticmethod
    def is_naive(value: _Moment) -> bool:
        """Whether a date has no zone."""
        return is_naive(value)


timezone = _Timezone()


def days_ago(n: int, hour: int = 0, minute: int = 0, second: int = 0, microsecond: int = 0) -> datetime:
    """The start of the day, in UTC, that lies so many days back: a date that moves, and is noted as such.

    Airflow 2 has the function; a fixed date says what is meant.
    """
    text = f"days_ago({n}) is another date every day, so the DAG changes every day. Write a fixed date."
    report(current_dag(), call_site(), text, is_note=True)
    today = utc_now().replace(hour=hour, minute=minute, second=second, microsecond=microsecond)
    return today - timedelta(days=n)
