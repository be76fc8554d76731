"""Timetables: what an author may write for ``schedule``, and the schedule that it means."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from penstock.author.assets.asset import AssetOrTimeSchedule, as_awaited
from penstock.author.construct.checked import Checked
from penstock.author.construct.task_rules import LONGEST_S
from penstock.author.timetable.cron import to_cron
from penstock.author.timetable.dates import is_naive, to_utc
from penstock.author.timetable.provided import ProvidedTimetable
from penstock.author.timetable.timetable import Timetable
from penstock.author.timetable.zones import to_zone, zone_name, zone_of
from penstock.errors import AuthoringError

if TYPE_CHECKING:
    from penstock.author.dag import DAG
    from penstock.model.schedule import Schedule


_Word = TypeVar("_Word", bound=StrEnum)
_LONGEST_TEXT = 200  # of what lists show


class CronInterval(Checked):
    """Falls due at each tick of a cron expression, or of any of several; a run stands for the interval up to the tick.

    The run that starts at a tick has the interval since the tick before as its data interval, and the start of that as
    its logical date: ``ds`` is one interval earlier. Cron text as a DAG's ``schedule`` means this. `Cron` is its other
    name.

    Where the clock is changed, expressions whose minute or hour begins with ``*`` follow real time; for fixed times it is
    chosen what is meant.

    Args:
        expression: The expression (five fields or a preset), or a list of several.
        timezone: IANA name of the zone in which they are read; the DAG's unless given.
        gap: When a fixed time falls due that the clock leaves out: ``"after"`` at the first instant after the gap, ``"skip"``
            not at all.
        doubled: When one falls due that the clock shows twice: ``"first"``, ``"last"`` or ``"both"`` times.
    """

    def __init__(
        self,
        expression: str | Iterable[str],
        timezone: Any = None,  # noqa: ANN401 - checked when read
        *,
        gap: Literal["after", "skip"] = "after",
        doubled: Literal["first", "last", "both"] = "first",
    ) -> None:
        self.expressions = (expression,) if isinstance(expression, str) else tuple(expression)
        self.timezone, self.gap, self.doubled = timezone, gap, doubled

    def _fallback(self, arguments: dict[str, Any]) -> None:  # noqa: ARG002 - the base's
        self.expressions, self.timezone, self.gap, self.doubled = ("@daily",), None, "after", "first"


Cron = CronInterval


class CronTrigger(CronInterval):
    """Falls due at each tick of a cron expression, or of any of several; a run stands for the tick itself.

    Its data interval is empty, and its logical date is the tick: ``ds`` is the day on which it runs.

    Args:
        expression: The expression (five fields or a preset), or a list of several.
        timezone: IANA name of the zone in which they are read; the DAG's unless given.
        gap: As for `CronInterval`.
        doubled: As for `CronInterval`.
    """


class Interval(Checked):
    """Falls due every so often, counted from the DAG's start date, whatever the clock on the wall does."""

    def __init__(self, every: timedelta) -> None:
        self.every: Any = every

    def _fallback(self, arguments: dict[str, Any]) -> None:  # noqa: ARG002 - the base's
        self.every = timedelta(days=1)


class Dates(Checked):
    """Falls due at given instants; each run's data interval is the instant itself."""

    def __init__(self, dates: Iterable[datetime]) -> None:
        self.dates = tuple(dates)

    def _fallback(self, arguments: dict[str, Any]) -> None:  # noqa: ARG002 - the base's
        self.dates = ()


class AnyOf(Checked):
    """Falls due at each tick of any of several timetables, once where several have the same.

    If all of them make data intervals, a run stands for the time since the tick before, whichever of them it is of; if one of them
    does not, each run stands for its tick.

    Args:
        *timetables: What a schedule may be, but no ``"@once"`` and no `Timetable` of code.
    """

    def __init__(self, *timetables: Any) -> None:  # noqa: ANN401 - checked when read
        self.timetables = timetables

    def _fallback(self, arguments: dict[str, Any]) -> None:  # noqa: ARG002 - the base's
        self.timetables = ()


def schedule_of(dag: "DAG") -> "tuple[Schedule, datetime | None]":
    """Read a DAG's schedule, and the instant from which an interval schedule counts.

    Raises:
        AuthoringError: The time zone, the start date or the schedule is wrong.
    """
    zone = zone_of(dag) if needs_zone(dag) else "UTC"
    start = None if dag.start_date is None else to_utc(dag.start_date, zone, "start_date")
    return to_schedule(dag.schedule, zone), start


def needs_zone(dag: "DAG") -> bool:
    """Return whether anything of a DAG is read in its zone, so that the zone must have a name."""
    return dag.timezone is not None or is_naive(dag.end_date) or _reads_zone(dag.schedule)


def _reads_zone(schedule: Any) -> bool:  # noqa: ANN401 - what an author wrote
    if isinstance(schedule, AnyOf):
        return any(map(_reads_zone, schedule.timetables))
    if isinstance(schedule, AssetOrTimeSchedule):
        return _reads_zone(schedule.timetable)
    if isinstance(schedule, Dates):
        return any(map(is_naive, schedule.dates))
    if isinstance(schedule, CronInterval):
        return schedule.timezone is None
    return isinstance(schedule, str) and schedule != "@once"


def to_schedule(value: Any, timezone: str) -> "Schedule":  # noqa: ANN401 - what an author wrote
    """Convert what an author wrote for a schedule, read in a time zone.

    Raises:
        AuthoringError: It is no schedule, or one that cannot work.
    """
    from penstock.model.schedule import Schedule, ScheduleKind  # noqa: PLC0415 - only a build needs msgspec

    if value is None:
        return Schedule(timezone=timezone)
    if isinstance(value, AssetOrTimeSchedule) or as_awaited(value) is not None:
        return _asset_schedule(value, timezone)
    if value == "@once":
        return Schedule(ScheduleKind.ONCE, timezone=timezone, text="@once")
    if isinstance(value, str | CronInterval):
        return _cron_schedule(CronInterval(value) if isinstance(value, str) else value, timezone)
    if isinstance(value, timedelta | Interval):
        every = _duration(value.every if isinstance(value, Interval) else value)
        return Schedule(ScheduleKind.INTERVAL, every_s=every.total_seconds(), timezone=timezone, text=f"every {every}")
    if isinstance(value, Dates):
        return _dates_schedule(value, timezone)
    if isinstance(value, AnyOf):
        return _union(value, timezone)
    if isinstance(value, Timetable | ProvidedTimetable):
        return Schedule(
            ScheduleKind.TIMETABLE, timezone=timezone, text=str(value.summary())[:_LONGEST_TEXT], instants=True
        )
    raise AuthoringError(
        f"the schedule is {value!r}; write a cron expression, a preset such as '@daily', '@once', a timedelta, "
        f"Cron(...), CronTrigger(...), Interval(...), Dates(...), AnyOf(...), a Timetable, assets or None.{_nearest(value)}"
    )


def _asset_schedule(value: Any, timezone: str) -> "Schedule":  # noqa: ANN401 - what an author wrote
    """Convert a condition over assets, alone or beside a timetable."""
    from msgspec.structs import replace  # noqa: PLC0415 - only a build needs msgspec

    by_time = isinstance(value, AssetOrTimeSchedule)
    wanted = as_awaited(value.assets if by_time else value)
    if wanted is None:
        raise AuthoringError(
            f"AssetOrTimeSchedule waits for {value.assets!r:.200}; write assets, such as a & b, or a list of them."
        )
    timed, condition = to_schedule(value.timetable if by_time else None, timezone), wanted.condition()
    text = " | ".join(filter(None, (timed.text, str(condition))))
    return replace(timed, assets=condition, text=text[:_LONGEST_TEXT])


def timetable_of(value: Any) -> Timetable | None:  # noqa: ANN401 - what an author wrote
    """Return the timetable in code that a schedule is; None if it is another schedule, or could not be made here."""
    if isinstance(value, AssetOrTimeSchedule):
        return timetable_of(value.timetable)
    if isinstance(value, ProvidedTimetable):
        return value.made
    return value if isinstance(value, Timetable) else None


def _cron_schedule(cron: CronInterval, timezone: str) -> "Schedule":
    from penstock.model.cron.ticks import Doubled, Gap  # noqa: PLC0415 - only a build needs them
    from penstock.model.schedule import Schedule, ScheduleKind  # noqa: PLC0415 - only a build needs msgspec

    zone = timezone if cron.timezone is None else zone_name(cron.timezone)
    to_zone(zone)
    if not cron.expressions:
        raise AuthoringError("the schedule holds no cron expression. Write one, such as Cron('0 6 * * *').")
    crons = tuple(to_cron(each, zone) for each in cron.expressions)
    text = " | ".join(str.__str__(each) for each in cron.expressions)
    gap, doubled = _member(Gap, cron.gap, "gap"), _member(Doubled, cron.doubled, "doubled")
    instants = isinstance(cron, CronTrigger)
    return Schedule(
        ScheduleKind.CRON, crons=crons, timezone=zone, text=text, instants=instants, gap=gap, doubled=doubled
    )


def _union(given: AnyOf, timezone: str) -> "Schedule":
    from penstock.model.schedule import Schedule, ScheduleKind  # noqa: PLC0415 - as above

    parts = tuple(to_schedule(each, timezone) for each in given.timetables)
    if not parts:
        raise AuthoringError(
            "the schedule is AnyOf() of nothing. Write at least one timetable, such as Cron('0 6 * * *')."
        )
    for part, each in zip(parts, given.timetables, strict=True):
        if part.kind in (ScheduleKind.NONE, ScheduleKind.ONCE, ScheduleKind.TIMETABLE):
            raise AuthoringError(
                f"the schedule is AnyOf(...) of {each!r:.100}; write cron expressions, timedeltas, Cron(...), CronTrigger(...), "
                "Interval(...) or Dates(...). A Timetable of code can have all of the ticks itself."
            )
    zones = {part.timezone for part in parts}
    zone = zones.pop() if len(zones) == 1 else timezone
    text = " | ".join(part.text for part in parts)[:_LONGEST_TEXT]
    instants = not all(part.spans for part in parts)
    return Schedule(ScheduleKind.UNION, timezone=zone, text=text, instants=instants, parts=parts)


def _member(words: type[_Word], value: Any, name: str) -> _Word:  # noqa: ANN401 - what an author wrote
    """Read a word of an enumeration; raises AuthoringError for any other value."""
    found = next((word for word in words if isinstance(value, str) and word == value), None)
    if found is None:
        raise AuthoringError(f"{name} of the schedule is {value!r:.100}; write one of {', '.join(words)}.")
    return found


def _dates_schedule(given: Dates, timezone: str) -> "Schedule":
    from penstock.model.schedule import Schedule, ScheduleKind, unworkable  # noqa: PLC0415 - as above
    from penstock.model.text import counted  # noqa: PLC0415 - as above

    dates = tuple(sorted(to_utc(each, timezone, "a date of the schedule") for each in given.dates))
    for fault in filter(None, map(unworkable, dates)):
        raise AuthoringError(f"a date of the schedule, {fault}.")
    return Schedule(ScheduleKind.DATES, dates=dates, timezone=timezone, text=counted(len(dates), "date"))


def _duration(value: Any) -> timedelta:  # noqa: ANN401 - what an author wrote
    """Read the pause of an interval schedule as a plain timedelta; raises AuthoringError for any other value."""
    from penstock.model.values.plain_value import plain_value  # noqa: PLC0415 - only a DAG with an interval needs it

    plain = plain_value(value) if isinstance(value, timedelta) else None
    if not isinstance(plain, timedelta) or _calendar_parts(value) or not 1 <= plain.total_seconds() <= LONGEST_S:
        raise AuthoringError(
            f"the schedule is every {value!r}; write a timedelta of at least a second and at most a hundred years.{_nearest(value)}"
        )
    return plain


def _calendar_parts(value: Any) -> int:  # noqa: ANN401 - what an author wrote
    """Count the months in a pause whose length depends on the calendar, as dateutil's and pendulum's may."""
    years, months = getattr(value, "years", 0), getattr(value, "months", 0)
    return 12 * years + months if isinstance(years, int) and isinstance(months, int) else 0


def _nearest(value: Any) -> str:  # noqa: ANN401 - what an author wrote
    """Name the form that comes nearest to what is no schedule here; "" if there is none."""
    if isinstance(value, list | tuple | set) and value and all(isinstance(each, str) for each in value):
        return f" For several expressions write Cron({sorted(value)!r})."
    months = _calendar_parts(value)
    if months:
        near = f"0 0 1 */{months} *" if months in (2, 3, 4, 6) else "@yearly" if months >= 12 else "@monthly"
        return f" Months differ in length; the nearest is {near!r}."
    if type(value).__name__ == "relativedelta":
        return " Write a timedelta of the same length."
    return ""
