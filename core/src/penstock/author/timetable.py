"""What an author may write for ``schedule``, and the schedule that it means."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from penstock.errors import AuthoringError, did_you_mean

if TYPE_CHECKING:
    from penstock.author.dag import DAG
    from penstock.model.schedule import Schedule

PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FIELDS = 5
_LONGEST_S = 366 * 86400.0 * 100


class Cron:
    """Falls due at each tick of a cron expression (five fields or a preset), or of any of several.

    Args:
        expression: The expression or expressions.
        timezone: IANA name of the zone in which they are read; the DAG's unless given.
    """

    def __init__(self, expression: str | Iterable[str], *, timezone: str | None = None) -> None:
        self.expressions = (expression,) if isinstance(expression, str) else tuple(expression)
        self.timezone = timezone


class Interval:
    """Falls due every so often, counted from the DAG's start date, whatever the clock on the wall does."""

    def __init__(self, every: timedelta) -> None:
        self.every: Any = every


class Dates:
    """Falls due at given instants; each run's data interval is the instant itself."""

    def __init__(self, dates: Iterable[datetime]) -> None:
        self.dates = tuple(dates)


def zone_of(dag: "DAG") -> str:
    """Find the name of a DAG's time zone: its own, that of its start date as in Airflow, or UTC."""
    return dag.timezone or getattr(getattr(dag.start_date, "tzinfo", None), "key", None) or "UTC"


def schedule_of(dag: "DAG") -> "tuple[Schedule, datetime | None]":
    """Read a DAG's schedule, and the instant from which an interval schedule counts.

    Raises:
        AuthoringError: The time zone, the start date or the schedule is wrong.
    """
    to_zone(zone_of(dag))
    start = None if dag.start_date is None else to_utc(dag.start_date, dag.timezone, "start_date")
    return to_schedule(dag.schedule, zone_of(dag)), start


def to_schedule(value: Any, timezone: str) -> "Schedule":  # noqa: ANN401 - what an author wrote
    """Convert what an author wrote for a schedule, read in a time zone.

    Raises:
        AuthoringError: It is no schedule, or one that cannot work.
    """
    from penstock.model.schedule import Schedule, ScheduleKind, unworkable  # noqa: PLC0415 - only a build needs msgspec

    if value is None:
        return Schedule(timezone=timezone)
    if value == "@once":
        return Schedule(ScheduleKind.ONCE, timezone=timezone, text="@once")
    if isinstance(value, str | Cron):
        cron = value if isinstance(value, Cron) else Cron(value)
        zone = cron.timezone or timezone
        to_zone(zone)
        crons = tuple(_to_cron(each, zone) for each in cron.expressions)
        return Schedule(ScheduleKind.CRON, crons=crons, timezone=zone, text=" | ".join(map(str, cron.expressions)))
    if isinstance(value, timedelta | Interval):
        every: Any = value.every if isinstance(value, Interval) else value
        if not isinstance(every, timedelta) or not 0 < every.total_seconds() <= _LONGEST_S:
            raise AuthoringError(
                f"the schedule is every {every!r}; write a timedelta between zero and a hundred years."
            )
        return Schedule(ScheduleKind.INTERVAL, every_s=every.total_seconds(), timezone=timezone, text=f"every {every}")
    if isinstance(value, Dates):
        dates = tuple(sorted(to_utc(each, timezone, "a date of the schedule") for each in value.dates))
        for fault in filter(None, map(unworkable, dates)):
            raise AuthoringError(f"a date of the schedule, {fault}.")
        return Schedule(ScheduleKind.DATES, dates=dates, timezone=timezone, text=f"{len(dates)} dates")
    raise AuthoringError(
        f"the schedule is {value!r}; write a cron expression, a preset such as '@daily', '@once', a timedelta, "
        "Cron(...), Interval(...), Dates(...) or None."
    )


def to_utc(value: Any, timezone: str | None, what: str) -> datetime:  # noqa: ANN401 - what an author wrote
    """Convert a date to aware UTC; one without a zone is read in the DAG's.

    Raises:
        AuthoringError: It is no date, lies too far away, or has no zone and the DAG names none.
    """
    if not isinstance(value, datetime):
        raise AuthoringError(f"{what} is {value!r}; write datetime(2026, 1, 1, tzinfo=UTC).")
    shown = value.isoformat(sep=" ")
    if value.tzinfo is None:
        if timezone is None:
            raise AuthoringError(
                f"{what} {shown} is naive: it has no time zone. Write it with tzinfo=UTC, or give the DAG timezone='...'."
            )
        value = value.replace(tzinfo=to_zone(timezone))
    try:
        moment: datetime = value.astimezone(UTC)
    except OverflowError:
        raise AuthoringError(f"{what} {shown} lies outside the calendar in UTC. Write it with tzinfo=UTC.") from None
    return moment


def to_zone(name: Any) -> Any:  # noqa: ANN401 - what an author wrote; a tzinfo
    """Find the time zone of an IANA name.

    Raises:
        AuthoringError: There is none; the message has the nearest one that exists.
    """
    from zoneinfo import ZoneInfo, available_timezones  # noqa: PLC0415 - only zones other than UTC need it

    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, TypeError, OSError):
        write = "Write an IANA name such as 'Europe/Berlin'."
        advice = did_you_mean(str(name), available_timezones(), otherwise=write)
        raise AuthoringError(f"there is no time zone {name!r}. {advice}") from None


def _to_cron(expression: Any, timezone: str) -> str:  # noqa: ANN401 - what an author wrote
    """Convert a cron expression or a preset to five fields; raises AuthoringError unless it falls due at least once."""
    from cronsim import CronSim, CronSimError  # noqa: PLC0415 - 50 ms that only cron schedules need to spend

    if not isinstance(expression, str):
        raise AuthoringError(f"the cron expression is {expression!r}; write text such as '0 6 * * *'.")
    text = expression.strip()
    if text.startswith("@"):
        if text in PRESETS:
            return PRESETS[text]
        advice = did_you_mean(text, PRESETS, otherwise=f"There are: {', '.join(PRESETS)}, @once.")
        raise AuthoringError(f"there is no preset {text!r}. {advice}")
    fields = text.split()
    if len(fields) != _FIELDS:
        raise AuthoringError(
            f"the cron expression {text!r} has {len(fields)} fields; write five: minute hour day month weekday."
        )
    try:
        next(CronSim(text, datetime(2024, 1, 1, tzinfo=to_zone(timezone))))
    except CronSimError as error:
        raise AuthoringError(f"the cron expression {text!r} is wrong: {str(error).lower()}.") from None
    except StopIteration:
        raise AuthoringError(f"the cron expression {text!r} never falls due.") from None
    return " ".join(fields)
