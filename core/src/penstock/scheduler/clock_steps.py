"""Tells that the time of day was set, by comparing it with the clock that nobody sets."""

from collections.abc import Callable
from datetime import datetime, timedelta

from penstock.clock import Clock
from penstock.engine.limits.time_of_day import DOUBTED_S, FAR_AHEAD
from penstock.model.limits.clock_difference import MOST_DIFFERENCE
from penstock.model.text import utc_text

_DOUBTED = f"Unless runs fell due lately by it, none does for {DOUBTED_S / 60:g} minutes, in which a wrong clock can be set right"


class ClockSteps:
    """Reports each step of the time of day that is larger than clocks may differ.

    Args:
        report: Takes a line about each.
    """

    def __init__(self, clock: Clock, report: Callable[[str], None]) -> None:
        self._clock, self._report = clock, report
        self._last = clock.read()

    def begin(self, believed: datetime | None) -> None:
        """Report a present that is far ahead of what the clock read when it was believed last; None if it never was."""
        if believed is not None and self._last.wall - believed > FAR_AHEAD:
            self._report(
                f"the clock reads {utc_text(self._last.wall)}, and read {utc_text(believed)} when what is old was deleted last. {_DOUBTED}"
            )

    def set_back(self) -> bool:
        """Whether the time of day was set back since the last call."""
        last, now = self._last, self._clock.read()
        self._last = now
        step = now.wall - last.wall - timedelta(seconds=now.monotonic_s - last.monotonic_s)
        if abs(step) < MOST_DIFFERENCE:
            return False
        self._report(_line(step, now.wall))
        return step < timedelta()


def _line(step: timedelta, now: datetime) -> str:
    whither, seconds = "ahead" if step > timedelta() else "back", timedelta(seconds=round(abs(step).total_seconds()))
    line = f"the time of day was set {whither} by {seconds}, to {utc_text(now)}"
    if step <= FAR_AHEAD:
        return f"{line}. See: penstock doctor"
    return f"{line}. {_DOUBTED}"
