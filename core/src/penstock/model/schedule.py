"""When a DAG's runs fall due: cron, interval, once, explicit dates, a timetable in code or never, in the DAG's own time zone.

A schedule is a set of ticks. Two neighbouring ticks of a cron or an interval schedule enclose a data interval; an
explicit date stands for itself. Every instant that goes in or comes out is aware, and what comes out is UTC. The calendar ends with the
years 1 and 9999: there is no tick beyond, and none so near to its ends that it could not be written in every zone.

Where the clock is changed, a cron expression means what it means to Debian's cron: a job at a wall time that is skipped runs once, at
the first instant after the gap; one at a wall time that comes twice runs once, the first time; jobs whose minute or hour starts
with ``*`` follow real time. Source: crontab(5) of Debian. `cronsim` finds the wall times that match; what instants they are is decided
here, because it loses ticks where a clock is changed by half an hour.
"""

import bisect
import functools
import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import NamedTuple, ParamSpec, TypeVar

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND, _MICROSECOND = timedelta(seconds=1), timedelta(microseconds=1)
_STEP = timedelta(hours=6)  # shorter than the time between any two changes of a zone's offset
_MARGINS = (_SECOND, timedelta(hours=3), timedelta(days=2))  # the last is more than any change of a zone's offset


_FIRST_YEAR, _LAST_YEAR = 2, 9998
_P = ParamSpec("_P")
_T = TypeVar("_T")


def _within_calendar(find: Callable[_P, _T]) -> Callable[_P, _T | None]:
    """Have a search find nothing where it leaves the calendar, instead of raising: its instants are an author's."""

    @functools.wraps(find)
    def found(*args: _P.args, **kwargs: _P.kwargs) -> _T | None:
        try:
            return find(*args, **kwargs)
        except (ArithmeticError, ValueError):
            return None

    return found


def unworkable(instant: datetime) -> str:
    """Why no schedule can begin at an instant, as a sentence; "" if one can."""
    if _FIRST_YEAR <= instant.year <= _LAST_YEAR:
        return ""
    return (
        f"{instant.isoformat()} is at the end of the calendar. Write a date in the years {_FIRST_YEAR} to {_LAST_YEAR}"
    )


class ScheduleKind(StrEnum):
    """The ways a DAG can be scheduled."""

    NONE = "none"
    ONCE = "once"
    CRON = "cron"
    INTERVAL = "interval"
    DATES = "dates"
    TIMETABLE = "timetable"


class DataInterval(NamedTuple):
    """The span of data that a run stands for: start inclusive, end exclusive, both aware UTC."""

    start: datetime
    end: datetime


class PlannedRun(NamedTuple):
    """A run that a timetable foresees: its data interval, and the instant from which it may run, all aware UTC."""

    start: datetime
    end: datetime
    run_after: datetime


class Schedule(msgspec.Struct, frozen=True, omit_defaults=True):
    """A schedule as data.

    Attributes:
        kind: Which of the other fields count.
        crons: Cron expressions of five fields or presets already expanded; a run falls due at each tick of any.
        every_s: Seconds between two ticks of an interval schedule, counted from the anchor: the DAG's start date, or
            the start of 1970 in UTC if it has none.
        dates: Explicit instants, sorted, aware UTC.
        timezone: IANA name of the zone in which cron expressions are read.
        text: What the author wrote, for people.
        instants: Whether each tick stands for itself as an empty data interval, and not for the span up to the next.
        planned: Upcoming runs of a timetable in code, in the order in which they fall due. They are stored with the DAG, and in no
            version of it: a plan that is carried on is no change of the DAG.
    """

    kind: ScheduleKind = ScheduleKind.NONE
    crons: tuple[str, ...] = ()
    every_s: float = 0.0
    dates: tuple[datetime, ...] = ()
    timezone: str = "UTC"
    text: str = ""
    instants: bool = False
    planned: tuple[PlannedRun, ...] = ()

    @property
    def spans(self) -> bool:
        """Whether two neighbouring ticks enclose a data interval."""
        return self.kind is not ScheduleKind.DATES and not self.instants

    @_within_calendar
    def tick_after(self, moment: datetime, anchor: datetime | None = None) -> datetime | None:
        """The first tick later than ``moment``; None if there is none, as after the last date."""
        if self.kind is ScheduleKind.CRON:
            found = (next(_cron_ticks(cron, self.timezone, moment), None) for cron in self.crons)
            return min((tick for tick in found if tick is not None), default=None)
        if self.kind is ScheduleKind.INTERVAL:
            return self._interval_tick(moment, anchor, 1)
        if self.kind is ScheduleKind.DATES:
            index = bisect.bisect_right(self.dates, moment)
            return self.dates[index] if index < len(self.dates) else None
        return None

    @_within_calendar
    def tick_at_or_after(self, moment: datetime, anchor: datetime | None = None) -> datetime | None:
        """The first tick not earlier than ``moment``."""
        return self.tick_after(moment - timedelta(microseconds=1), anchor)

    @_within_calendar
    def tick_at_or_before(self, moment: datetime, anchor: datetime | None = None) -> datetime | None:
        """The last tick not later than ``moment``; None if there is none, as before the first date."""
        if self.kind is ScheduleKind.CRON:
            found = (_last_cron_tick(cron, self.timezone, moment) for cron in self.crons)
            return max((tick for tick in found if tick is not None), default=None)
        if self.kind is ScheduleKind.INTERVAL:
            return self._interval_tick(moment, anchor, 0)
        if self.kind is ScheduleKind.DATES:
            index = bisect.bisect_right(self.dates, moment)
            return self.dates[index - 1] if index else None
        return None

    @_within_calendar
    def tick_before(self, moment: datetime, anchor: datetime | None = None) -> datetime | None:
        """The last tick earlier than ``moment``."""
        return self.tick_at_or_before(moment - timedelta(microseconds=1), anchor)

    def intervals(self, since: datetime, until: datetime, anchor: datetime | None = None) -> Iterator[DataInterval]:
        """The data intervals that start at or after ``since`` and not after ``until``, oldest first.

        This is what a backfill of these two dates runs. A schedule without ticks has none.
        """
        start = self.tick_at_or_after(since, anchor)
        while start is not None and start <= until:
            interval = self.interval_from(start, anchor)
            if interval is None:
                return
            yield interval
            start = self.tick_after(start, anchor)

    def interval_from(self, tick: datetime, anchor: datetime | None = None) -> DataInterval | None:
        """The data interval that starts at this tick: up to the next, or the instant itself."""
        if not self.spans:
            return DataInterval(tick, tick)
        end = self.tick_after(tick, anchor)
        return None if end is None else DataInterval(tick, end)

    def manual_interval(self, logical: datetime, anchor: datetime | None = None) -> DataInterval:
        """The data interval of a run asked for by hand: the last one between two ticks that is complete at the logical date.

        Without one, or with explicit dates, it is the logical date itself.
        """
        if self.spans and self.kind in (ScheduleKind.CRON, ScheduleKind.INTERVAL):
            end = self.tick_at_or_before(logical, anchor)
            start = None if end is None else self.tick_before(end, anchor)
            if start is not None and end is not None:
                return DataInterval(start, end)
        return DataInterval(logical, logical)

    def _interval_tick(self, moment: datetime, anchor: datetime | None, further: int) -> datetime:
        """The last tick not later than ``moment``, or the one ``further`` ticks after it, to the microsecond."""
        origin = (anchor or _EPOCH).astimezone(UTC)
        every = timedelta(seconds=self.every_s)
        return origin + every * ((moment - origin) // every + further)


def _cron_ticks(cron: str, timezone: str, moment: datetime) -> Iterator[datetime]:
    """Every tick later than ``moment``, as UTC, in order."""
    minute, hour, *_ = cron.split()
    zone = _zone(timezone)
    if minute.startswith("*") or hour.startswith("*"):
        return _real_time_ticks(cron, zone, moment)
    return _wall_time_ticks(cron, zone, moment)


def _wall_time_ticks(cron: str, zone: tzinfo, moment: datetime) -> Iterator[datetime]:
    from cronsim import CronSim  # noqa: PLC0415 - 50 ms that only cron schedules need to spend

    last = moment
    for wall in CronSim(cron, _wall(moment, zone)):
        first = wall.replace(tzinfo=zone).astimezone(UTC)
        second = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
        # In a gap, the clock before it and the clock after it read such a time on both sides of the change.
        at = _change(zone, second, first) if second < first else first
        if at is not None and at > last:
            yield at
            last = at


def _real_time_ticks(cron: str, zone: tzinfo, moment: datetime) -> Iterator[datetime]:
    from cronsim import CronSim  # noqa: PLC0415 - as above

    since: datetime | None = moment
    wall_since = _wall(moment, zone)
    while since is not None:
        offset, change = _offset(zone, since), None
        for wall in CronSim(cron, wall_since):
            at = (wall - offset).replace(tzinfo=UTC)
            change = _change(zone, since, at)
            if change is not None:
                # The clock goes on from another time, which may match itself.
                wall_since = _wall(change, zone) - _SECOND
                break
            yield at
            since = at
        since = change


def _change(zone: tzinfo, since: datetime, until: datetime) -> datetime | None:
    """The first instant later than ``since`` and not later than ``until`` from which a zone has another offset; None without."""
    offset, low = _offset(zone, since), since
    while low < until:
        high = min(low + _STEP, until)
        if _offset(zone, high) != offset:
            while high - low > _MICROSECOND:
                middle = low + (high - low) / 2
                low, high = (middle, high) if _offset(zone, middle) == offset else (low, middle)
            return high
        low = high
    return None


def _offset(zone: tzinfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def _wall(moment: datetime, zone: tzinfo) -> datetime:
    """What a clock on the wall reads at an instant."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _last_cron_tick(cron: str, timezone: str, moment: datetime) -> datetime | None:
    """The last tick not later than ``moment``: near where a search backwards lands, found by a search forwards."""
    from cronsim import CronSim  # noqa: PLC0415 - as above

    zone = _zone(timezone)
    backwards = CronSim(cron, _wall(moment, zone) + _SECOND, reverse=True)
    for near in itertools.islice(backwards, 3):
        for margin in _MARGINS:
            found = None
            for tick in _cron_ticks(cron, timezone, near.replace(tzinfo=zone).astimezone(UTC) - margin):
                if tick > moment:
                    break
                found = tick
            if found is not None:
                return found
    return None


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - only zones other than UTC need it

    return ZoneInfo(name)
