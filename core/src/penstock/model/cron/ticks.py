"""The instants at which a cron expression falls due, in a zone whose clock is changed.

A cron expression means what it means to Debian's cron unless its author says otherwise: a job at a wall time that is skipped runs once, at
the first instant after the gap; one at a wall time that comes twice runs once, the first time; jobs whose minute or hour starts with
``*`` follow real time, always. Source: crontab(5) of Debian. `cronsim` finds the wall times that match; what instants they are is
decided here, because it loses ticks where a clock is changed by half an hour.
"""

import heapq
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

_SECOND, _MICROSECOND = timedelta(seconds=1), timedelta(microseconds=1)
_STEP = timedelta(hours=6)  # shorter than the time between any two changes of a zone's offset
_MARGINS = (_SECOND, timedelta(hours=3), timedelta(days=2))  # the last is more than any change of a zone's offset


class Gap(StrEnum):
    """When a fixed time falls due that a change of the clock leaves out: at the first instant after the gap, or not at all."""

    AFTER = "after"
    SKIP = "skip"


class Doubled(StrEnum):
    """When a fixed time falls due that a change of the clock brings twice."""

    FIRST = "first"
    LAST = "last"
    BOTH = "both"


def cron_ticks(cron: str, timezone: str, moment: datetime, gap: Gap, doubled: Doubled) -> Iterator[datetime]:
    """Every tick of an expression later than ``moment``, as UTC, in order."""
    minute, hour, *_ = cron.split()
    zone = _zone(timezone)
    if minute.startswith("*") or hour.startswith("*"):
        return _real_time_ticks(cron, zone, moment)
    if doubled is not Doubled.BOTH:
        return _wall_time_ticks(cron, zone, moment, gap, doubled)
    each = (_wall_time_ticks(cron, zone, moment, gap, times) for times in (Doubled.FIRST, Doubled.LAST))
    return (tick for tick, _ in itertools.groupby(heapq.merge(*each)))


def last_cron_tick(cron: str, timezone: str, moment: datetime, gap: Gap, doubled: Doubled) -> datetime | None:
    """The last tick not later than ``moment``: near where a search backwards lands, found by a search forwards."""
    from cronsim import CronSim  # noqa: PLC0415 - 50 ms that only cron schedules need to spend

    zone = _zone(timezone)
    backwards = CronSim(cron, _wall(moment, zone) + _SECOND, reverse=True)
    for near in itertools.islice(backwards, 3):
        for margin in _MARGINS:
            found = None
            since = near.replace(tzinfo=zone).astimezone(UTC) - margin
            for tick in cron_ticks(cron, timezone, since, gap, doubled):
                if tick > moment:
                    break
                found = tick
            if found is not None:
                return found
    return None


def _wall_time_ticks(cron: str, zone: tzinfo, moment: datetime, gap: Gap, doubled: Doubled) -> Iterator[datetime]:
    from cronsim import CronSim  # noqa: PLC0415 - as above

    last = moment
    # A time that comes twice, and whose last time is meant, may be earlier than what the clock reads now.
    since = _wall(moment, zone) - (_MARGINS[-1] if doubled is Doubled.LAST else timedelta(0))
    for wall in CronSim(cron, since):
        first = wall.replace(tzinfo=zone).astimezone(UTC)
        second = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
        at: datetime | None = second if doubled is Doubled.LAST else first
        # In a gap, the clock before it and the clock after it read such a time on both sides of the change.
        if second < first:
            at = _change(zone, second, first) if gap is Gap.AFTER else None
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


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - only zones other than UTC need it

    return ZoneInfo(name)
