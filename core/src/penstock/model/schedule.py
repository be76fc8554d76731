"""When a DAG's runs fall due: cron, interval, dates, any of several, once, a timetable in code or never, in the DAG's own time zone.

A schedule is a set of ticks. Two neighbouring ticks of a cron or an interval schedule enclose a data interval; an
explicit date stands for itself. Every instant that goes in or comes out is aware, and what comes out is UTC. The calendar ends with the
years 1 and 9999: there is no tick beyond, and none so near to its ends that it could not be written in every zone.
"""

import bisect
import contextlib
import functools
import heapq
import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, ParamSpec, TypeVar

import msgspec

from penstock.model.assets.asset_condition import AssetCondition
from penstock.model.cron.ticks import Doubled, Gap, cron_ticks, last_cron_tick

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
    UNION = "union"


class Overlap(StrEnum):
    """What becomes of a run that falls due while as many runs of its DAG are active as may be.

    ``queue``: it waits for its turn. ``queue_latest``: only the newest waits, those before it are skipped. ``skip``: it is skipped.
    ``cancel``: the oldest active run of the schedule is cancelled, and it starts once that has ended.
    """

    QUEUE = "queue"
    QUEUE_LATEST = "queue_latest"
    SKIP = "skip"
    CANCEL = "cancel"


class DataInterval(NamedTuple):
    """The span of data that a run stands for: start inclusive, end exclusive, both aware UTC."""

    start: datetime
    end: datetime

    @classmethod
    def exact(cls, at: datetime) -> "DataInterval":
        """An instant alone."""
        return cls(at, at)


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
        gap, doubled: What becomes of a fixed time of a cron expression that the clock skips, or shows twice.
        parts: The schedules of which a union has the ticks.
        planned: Upcoming runs of a timetable in code, in the order in which they fall due. They are stored with the DAG, and in no
            version of it: a plan that is carried on is no change of the DAG.
        assets: The assets whose events make runs, besides those that fall due; None if none do.
    """

    kind: ScheduleKind = ScheduleKind.NONE
    crons: tuple[str, ...] = ()
    every_s: float = 0.0
    dates: tuple[datetime, ...] = ()
    timezone: str = "UTC"
    text: str = ""
    instants: bool = False
    gap: Gap = Gap.AFTER
    doubled: Doubled = Doubled.FIRST
    parts: "tuple[Schedule, ...]" = ()
    planned: tuple[PlannedRun, ...] = ()
    assets: AssetCondition | None = None

    @property
    def spans(self) -> bool:
        """Whether two neighbouring ticks enclose a data interval."""
        return self.kind is not ScheduleKind.DATES and not self.instants

    @property
    def recurs(self) -> bool:
        """Whether its ticks go on for ever, so that there is one before any instant."""
        parts = any(part.recurs for part in self.parts)
        return parts or self.kind in (ScheduleKind.CRON, ScheduleKind.INTERVAL)

    @_within_calendar
    def tick_after(self, moment: datetime, anchor: datetime | None = None) -> datetime | None:
        """The first tick later than ``moment``; None if there is none, as after the last date."""
        if self.kind is ScheduleKind.CRON:
            found = (next(cron_ticks(cron, self.timezone, moment, self.gap, self.doubled), None) for cron in self.crons)
            return min((tick for tick in found if tick is not None), default=None)
        if self.kind is ScheduleKind.INTERVAL:
            return self._interval_tick(moment, anchor, 1)
        if self.kind is ScheduleKind.DATES:
            index = bisect.bisect_right(self.dates, moment)
            return self.dates[index] if index < len(self.dates) else None
        found = (part.tick_after(moment, anchor) for part in self.parts)
        return min((tick for tick in found if tick is not None), default=None)

    @_within_calendar
    def tick_at_or_after(self, moment: datetime, anchor: datetime | None = None) -> datetime | None:
        """The first tick not earlier than ``moment``."""
        return self.tick_after(moment - timedelta(microseconds=1), anchor)

    @_within_calendar
    def tick_at_or_before(self, moment: datetime, anchor: datetime | None = None) -> datetime | None:
        """The last tick not later than ``moment``; None if there is none, as before the first date."""
        if self.kind is ScheduleKind.CRON:
            found = (last_cron_tick(cron, self.timezone, moment, self.gap, self.doubled) for cron in self.crons)
            return max((tick for tick in found if tick is not None), default=None)
        if self.kind is ScheduleKind.INTERVAL:
            return self._interval_tick(moment, anchor, 0)
        if self.kind is ScheduleKind.DATES:
            index = bisect.bisect_right(self.dates, moment)
            return self.dates[index - 1] if index else None
        found = (part.tick_at_or_before(moment, anchor) for part in self.parts)
        return max((tick for tick in found if tick is not None), default=None)

    @_within_calendar
    def tick_before(self, moment: datetime, anchor: datetime | None = None) -> datetime | None:
        """The last tick earlier than ``moment``."""
        return self.tick_at_or_before(moment - timedelta(microseconds=1), anchor)

    def intervals(self, since: datetime, until: datetime, anchor: datetime | None = None) -> Iterator[DataInterval]:
        """The data intervals that start at or after ``since`` and not after ``until``, oldest first.

        This is what a backfill of these two dates runs. A schedule without ticks has none.
        """
        first = self.tick_at_or_after(since, anchor)
        if first is None:
            return
        ticks = self._ticks_from(first, anchor)
        for start, end in itertools.pairwise(ticks) if self.spans else ((tick, tick) for tick in ticks):
            if start > until:
                return
            yield DataInterval(start, end)

    def _ticks_from(self, tick: datetime, anchor: datetime | None) -> Iterator[datetime]:
        """A tick and all that follow; of cron expressions by one search, which costs a fifth of one for each tick."""
        yield tick
        if self.kind is ScheduleKind.CRON:
            with contextlib.suppress(ArithmeticError, ValueError):  # as in `_within_calendar`
                each = (cron_ticks(cron, self.timezone, tick, self.gap, self.doubled) for cron in self.crons)
                yield from (tick for tick, _ in itertools.groupby(heapq.merge(*each)))
            return
        following = self.tick_after(tick, anchor)
        while following is not None:
            yield following
            following = self.tick_after(following, anchor)

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
        if self.spans and self.recurs:
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
