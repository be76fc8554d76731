"""Holds schedules against a clock on the wall that is read minute by minute, around each change of each zone's offset.

``python core/tests/model/clock_walk.py`` takes every zone of the tz database through twenty years. Zones whose clocks change by the same
amounts at the same instants of these years read the same all the time: one of them is walked.
"""

import argparse
import random
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim

from penstock.model.cron.ticks import Doubled, Gap
from penstock.model.schedule import Schedule, ScheduleKind

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NEAR_CHANGES = (
    "*/20 * * * *",
    "30 * * * *",
    "20 */4 * * *",
    "0 */2 * * *",
    "15 2 * * *",
    "0,30 0-3 * * *",
    "0 0 * * *",
)


def changes_of(zone: tzinfo, first: int, last: int) -> list[datetime]:
    """The instants from which a zone has another offset, to the minute, of the years from ``first`` and before ``last``."""
    start, found = datetime(first, 1, 1, tzinfo=UTC), []
    days = [(start + timedelta(days=day)).astimezone(zone) for day in range(365 * (last - first))]
    for before, after in pairwise(days):
        if before.utcoffset() != after.utcoffset():
            at = before.astimezone(UTC)
            while at.astimezone(zone).utcoffset() == before.utcoffset():
                at += MINUTE
            found.append(at)
    return found


def alike(zones: Iterable[str], first: int, last: int) -> dict[tuple[object, ...], list[str]]:
    """The zones whose clocks read the same from the year ``first`` to before ``last``, by their changes and offsets."""
    found: dict[tuple[object, ...], list[str]] = {}
    start = datetime(first, 1, 1, tzinfo=UTC)
    for name in zones:
        zone = ZoneInfo(name)
        changes = changes_of(zone, first, last)
        offsets = (at.astimezone(zone).utcoffset() for at in (start, *changes))
        found.setdefault((*changes, *offsets), []).append(name)
    return found


def read_clock(zone: tzinfo, first: datetime, hours: int) -> list[tuple[datetime, datetime]]:
    """What a clock on the wall reads at each minute, without its zone."""
    return [(at, at.astimezone(zone).replace(tzinfo=None)) for at in (first + MINUTE * n for n in range(hours * 60))]


def expected_ticks(
    expression: str, clock: Sequence[tuple[datetime, datetime]], gap: Gap, doubled: Doubled
) -> list[datetime]:
    """Go through what a clock has read minute by minute, and say when it reads a time that matches, or passes one without reading it."""
    walls = [wall for _, wall in clock]
    last = max(walls)
    matching = set(takewhile(lambda wall: wall <= last, CronSim(expression, min(walls) - MINUTE)))
    if any(field.startswith("*") for field in expression.split()[:2]):
        return [at for at, wall in clock if wall in matching]
    found: set[datetime] = set()
    for match in matching:
        shown = [at for at, wall in clock if wall == match]
        if shown:
            found |= {Doubled.FIRST: {shown[0]}, Doubled.LAST: {shown[-1]}, Doubled.BOTH: {*shown}}[doubled]
        elif gap is Gap.AFTER:
            found.add(next(at for at, wall in clock if wall > match))
    return sorted(found)


def check_ticks(zone: str, change: datetime, expressions: Iterable[str], chance: random.Random) -> None:
    """Raise AssertionError for the first tick around a change of a zone's clock that is not that of the clock on the wall."""
    first = change - 26 * HOUR
    clock = read_clock(ZoneInfo(zone), first, 80)
    for expression in expressions:
        gap, doubled = chance.choice(list(Gap)), chance.choice(list(Doubled))
        schedule = Schedule(ScheduleKind.CRON, crons=(expression,), timezone=zone, gap=gap, doubled=doubled)
        ticks = expected_ticks(expression, clock, gap, doubled)
        for one, other in pairwise(tick for tick in ticks if tick >= first + 24 * HOUR):
            where = f"{expression} in {zone} from {one}, {gap}, {doubled}"
            just_before = other - timedelta(microseconds=1)  # the next may be a minute later: a gap may begin at 00:01
            for at in (one, min(one + MINUTE, just_before), one + (other - one) / 2, just_before):
                assert schedule.tick_after(at) == other, where
                assert schedule.tick_at_or_before(at) == one, where
            if one > change + 6 * HOUR:
                break


def main(argv: Sequence[str] | None = None) -> int:
    """Walk; the exit code is 1 if a tick was wrong.

    Args:
        argv: Arguments of the command line without the program's name; None for those of the process.
    """
    parser = argparse.ArgumentParser(prog="clocks", description="Hold schedules against clocks that are watched.")
    parser.add_argument("--zones", nargs="*", help="zones; all unless given")
    parser.add_argument("--first", type=int, default=2017, help="the first year")
    parser.add_argument("--years", type=int, default=20, help="how many years")
    given = parser.parse_args(argv)
    began, walked, failed = time.perf_counter(), 0, 0
    zones = given.zones or sorted(available_timezones())
    last = given.first + given.years
    groups = alike(zones, given.first, last)
    for zone, *_ in groups.values():
        for change in changes_of(ZoneInfo(zone), given.first, last):
            walked += 1
            try:
                check_ticks(zone, change, NEAR_CHANGES, random.Random(f"{zone} {change}"))
            except AssertionError as error:
                failed += 1
                _say(str(error))
    _say(
        f"{len(zones)} zones, {len(groups)} of them unlike, {walked} changes in {time.perf_counter() - began:.0f} s: {failed} failed"
    )
    return 1 if failed else 0


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command prints


if __name__ == "__main__":
    sys.exit(main())
