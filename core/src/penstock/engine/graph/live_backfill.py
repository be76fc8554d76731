"""What the engine holds in memory of a backfill."""

from collections import deque
from collections.abc import Container

from penstock.engine.messages import DateFound, WantedDate
from penstock.model.backfills.backfill import Backfill, BackfillState


class LiveBackfill:
    """A backfill that is not final.

    Attributes:
        runs: Numbers of its runs that live: queued, running, or with a live try.
        queued: The queued ones, oldest first.
        wanted: Its next dates, of which nobody has said yet whether there is a run, by ordinal.
        found: What was said of them, by ordinal.
        waits_for: Number of the run of its next date that has to end first; 0 for none.
        ahead: How many dates it asks for at once, if that is more than it has room for: most of them were skipped lately.
    """

    __slots__ = ("ahead", "found", "queued", "row", "runs", "waits_for", "wanted")

    def __init__(self, row: Backfill) -> None:
        self.row = row
        self.runs: set[int] = set()
        self.queued: deque[int] = deque()
        self.wanted: dict[int, WantedDate] = {}
        self.found: dict[int, DateFound] = {}
        self.waits_for = self.ahead = 0

    @property
    def going(self) -> bool:
        """Whether it goes on, or will once it is resumed."""
        return self.row.state in (BackfillState.RUNNING, BackfillState.PAUSED)

    @property
    def asking(self) -> bool:
        """Whether it wants to know of dates of which nobody has said anything yet."""
        return len(self.found) < len(self.wanted)

    def forget_dates(self) -> None:
        """Forget what was asked for and what was said of it: it may not hold any more when it counts again."""
        self.wanted, self.found = {}, {}

    def next_queued(self, running: Container[int]) -> int | None:
        """The run of it that is to start next; None if none may."""
        active = sum(number in running for number in self.runs)
        may = self.row.state is BackfillState.RUNNING and active < self.row.spec.max_active_runs
        return self.queued[0] if self.queued and may else None
