"""How many tasks may start in how much time."""

import re
from datetime import datetime

import msgspec

from penstock.errors import RequestError

LONGEST_PERIOD_S = 1e9
"""Seconds that a period may last: an instant so far ahead is still a date."""
_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_RATE = re.compile(r"([1-9]\d{0,8})/([1-9]\d{0,5})?(s|min|h|d)")


class Rate(msgspec.Struct, frozen=True):
    """So many starts in so many seconds, evenly spread."""

    count: int
    period_s: float

    @property
    def interval_s(self) -> float:
        """Seconds between two starts."""
        return self.period_s / self.count

    def __str__(self) -> str:
        """The rate as people write it, such as ``10/min``."""
        unit = next(name for name, seconds in reversed(_UNITS.items()) if not self.period_s % seconds or name == "s")
        number = self.period_s / _UNITS[unit]
        return f"{self.count}/{'' if number == 1 else f'{number:g}'}{unit}"


class RateUsed(msgspec.Struct, frozen=True):
    """When the next task of a pool with a rate may start."""

    pool: str
    next_at: datetime


def parse_rate(text: str) -> Rate:
    """Read a rate as people write it; raises RequestError for anything else."""
    found = _RATE.fullmatch(text)
    if found is None:
        raise RequestError(
            f"{text!r:.100} is no rate. Write a number of starts and a time in s, min, h or d, such as 10/min or 3/20s."
        )
    rate = Rate(int(found[1]), int(found[2] or 1) * _UNITS[found[3]])
    if rate.period_s > LONGEST_PERIOD_S:
        raise RequestError(
            f"the rate {text!r} has a period of more than {LONGEST_PERIOD_S:,.0f} seconds. Write a shorter one."
        )
    return rate
