"""Random schedules as plain data, and what differs in the instants at which they fall due."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

Plan = dict[str, Any]

MINUTES = ("0", "30", "15,45", "*/20", "*", "7", "5-50/15")
HOURS = ("*", "*/4", "*/6", "0", "2", "3", "1-3", "0,12", "23")
DAYS = ("*", "*", "*", "1", "15", "L", "29")
MONTHS = ("*", "*", "*", "3", "10", "*/3")
WEEKDAYS = ("*", "*", "*", "1-5", "SUN", "2#1", "6,0")
COUNT = 12
CLOCK_CHANGES = "the first instant after the gap"
"""A part of the line of docs/how-to/come-from-airflow.md on changes of the clock."""
DAY = timedelta(days=1)


def make_schedule(seed: int, number: int) -> Plan:
    """Make the schedule of this number in the series of a seed; half of them begin near a change of the clock."""
    chance = random.Random(f"schedule/{seed}/{number}")
    zone = chance.choice(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", chance.choice(ZONES)])
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=chance.randrange(3 * 365 * 24 * 60))
    changes = changes_of(zone)
    if changes and chance.random() < 0.5:
        start = chance.choice(changes[:6]) - timedelta(minutes=chance.randrange(36 * 60))
    made: Plan = {"number": number, "zone": zone, "start": start.isoformat()}
    if chance.random() < 0.15:
        return made | {"every_s": chance.choice([60, 900, 3600, 5400, 86400, 604800])}
    fields = [chance.choice(each) for each in (MINUTES, HOURS, DAYS, MONTHS, WEEKDAYS)]
    if "#" in fields[-1] or "L" in fields[2]:
        fields[2 if "#" in fields[-1] else 4] = "*"  # beside each other, Airflow wants both, and cron either
    return made | {"cron": " ".join(fields)}


ZONES = sorted(available_timezones())


def changes_of(zone: str) -> list[datetime]:
    """The days of the years 2026 to 2035 on which a zone's offset changes, in UTC."""
    days = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(10 * 365)]
    offsets = [day.astimezone(ZoneInfo(zone)).utcoffset() for day in days]
    return [day for day, one, other in zip(days[1:], offsets, offsets[1:], strict=False) if one != other]


def differences(plan: Plan, airflow: Iterable[str], penstock: Iterable[str]) -> tuple[list[str], set[str]]:
    """List the instants of one side alone, and the documented differences that were met.

    What a side finds across a change of the clock may differ, and so may what it finds within a day after that; nothing else may.
    """
    there, here = list(airflow), list(penstock)
    until = min(there[-1:] + here[-1:], default="")
    changes, across = changes_of(plan["zone"]), ""
    found, met = [], set()
    for before, at in pairwise([plan["start"], *sorted({*there, *here})]):
        since, to = datetime.fromisoformat(before) - DAY, datetime.fromisoformat(at)
        if any(since <= change <= to + DAY for change in changes):
            across = (to + DAY).isoformat()
        if at > until or (at in there and at in here):
            continue
        if at <= across:
            met.add(CLOCK_CHANGES)
        else:
            found.append(f"{at} falls due {'there' if at in there else 'here'} alone")
    return found, met
