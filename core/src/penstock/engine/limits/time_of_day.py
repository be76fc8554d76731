"""Tells when the time of day was set, and doubts one that is far ahead of all that was seen before."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from penstock.model.now import Now

LATENESS_S = 1.0
"""Seconds by which a step may come later than the step before asked for, before that counts as a pause."""
FAR_AHEAD = timedelta(days=31)
"""By how much a time of day that is set ahead is doubted: a wrong one would have runs of all the time up to it."""
DOUBTED_S = 600.0
"""Seconds for which it is doubted, in which a wrong one can be mended; what it is then counts."""


class TimeOfDay:
    """The time of day from step to step.

    Attributes:
        doubted: Whether nothing is to fall due by it: it is far ahead of what it was and of all that fell due before.
    """

    def __init__(self) -> None:
        self.doubted = False
        self._last: Now | None = None
        self._believed: datetime | None = None
        self._doubted_since_s = 0.0

    def read(self, now: Now, cursors: Iterable[datetime | None]) -> bool:
        """Take the present; whether what falls due next has to be worked out anew.

        Args:
            now: The present.
            cursors: When the last run of each DAG that was created fell due; a clock that was behind is set ahead to these at least.
        """
        last, self._last = self._last, now
        if last is None or self._believed is None:
            self._believed = now.wall
            return True
        elapsed = timedelta(seconds=now.monotonic_s - last.monotonic_s)
        was_set = abs(now.wall - last.wall - elapsed).total_seconds() > LATENESS_S
        before, self.doubted = self.doubted, self._is_doubted(now, self._believed + elapsed, cursors)
        return was_set or (before and not self.doubted)

    def compare(self, believed: datetime, cursors: Iterable[datetime | None]) -> None:
        """Doubt the present if it is far ahead of a time of day that was believed before this one was read at all.

        Args:
            believed: What it read then.
            cursors: As for `read`.
        """
        if self._last is not None:
            self.doubted = self._is_doubted(self._last, believed, cursors)

    def _is_doubted(self, now: Now, expected: datetime, cursors: Iterable[datetime | None]) -> bool:
        if now.wall - expected <= FAR_AHEAD or any(each and now.wall - each <= FAR_AHEAD for each in cursors):
            self._believed = now.wall
            return False
        if not self.doubted:
            self._doubted_since_s = now.monotonic_s
        if now.monotonic_s - self._doubted_since_s >= DOUBTED_S:
            self._believed = now.wall
            return False
        self._believed = expected
        return True
