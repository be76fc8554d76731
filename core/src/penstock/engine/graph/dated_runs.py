"""The live runs of a DAG in the order of their logical dates."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from datetime import datetime

from penstock.model.run import Run

_LAST = 1 << 62


class DatedRuns:
    """Finds what stands next to a run, in a time that hardly grows with how many there are."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: list[tuple[datetime, int]] = []

    def add(self, run: Run) -> None:
        """Have a run stand in the line, if it has a logical date."""
        if run.logical_date is not None:
            insort(self._entries, (run.logical_date, run.run))

    def remove(self, run: Run) -> None:
        """Have a run leave the line."""
        if run.logical_date is not None:
            place = bisect_left(self._entries, (run.logical_date, run.run))
            if self._entries[place : place + 1] == [(run.logical_date, run.run)]:
                del self._entries[place]

    def __iter__(self) -> Iterator[int]:
        """Numbers of the runs, the earliest date first."""
        return iter([number for _, number in self._entries])

    def before(self, run: Run) -> Iterator[int]:
        """Numbers of the runs of earlier dates, the nearest first; none for a run without a date."""
        place = 0 if run.logical_date is None else bisect_left(self._entries, (run.logical_date, 0))
        while place:
            place -= 1
            yield self._entries[place][1]

    def behind(self, run: Run) -> list[int]:
        """Numbers of the runs of the next later date; none for a run without a date."""
        if run.logical_date is None or len(self._entries) < 2:
            return []
        first = place = bisect_left(self._entries, (run.logical_date, _LAST))
        while place < len(self._entries) and self._entries[place][0] == self._entries[first][0]:
            place += 1
        return [number for _, number in self._entries[first:place]]
