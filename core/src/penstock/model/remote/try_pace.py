"""How fast short tries come to their ends, and so how many beyond the slots will have begun in a moment."""

from collections import deque

SHORT_S = 1.0
"""Seconds that a try takes at most to count: what ends after longer says nothing of how soon the next slot is free."""
_WINDOW_S, _LEAST_S = 0.5, 0.02
_FEWEST = 2


class TryPace:
    """Counts the ends of short tries; for one thread at a time.

    Args:
        ahead_s: Seconds within which what is taken beyond the slots is to have begun.
        most: Tries beyond the slots, at most.
    """

    def __init__(self, ahead_s: float, most: int) -> None:
        self._ahead_s, self._most = ahead_s, most
        self._ends: deque[float] = deque()

    def ended(self, now_s: float, ran_s: float) -> None:
        """Note that a try has ended.

        Args:
            now_s: The monotonic instant.
            ran_s: Seconds that it took.
        """
        if ran_s <= SHORT_S:
            self._ends.append(now_s)

    def ahead(self, now_s: float) -> int:
        """Tries beyond the slots that will have begun soon, if those that follow are as short as those that have ended lately."""
        while self._ends and now_s - self._ends[0] > _WINDOW_S:
            self._ends.popleft()
        number = len(self._ends)
        if number < _FEWEST:
            return 0
        seconds = max(_LEAST_S, now_s - self._ends[0])
        return min(self._most, int(self._ahead_s * number / seconds))
