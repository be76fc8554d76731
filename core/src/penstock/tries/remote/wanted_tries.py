"""How many tries a remote executor wants to hold at once."""

from collections.abc import Callable

from penstock.model.remote.try_pace import TryPace
from penstock.spec.remote import RemoteOptions
from penstock.tries.remote.live_workers import LiveWorkers
from penstock.tries.remote.open_tries import OpenTries

AHEAD_S, MOST_AHEAD = 0.25, 1_000
"""Seconds within which what is offered ahead while tries are short will have been claimed, and how many these are at most."""
MOST_STUCK = 1_000
"""Tries that wait for workers of a queue which has none, and that are not counted against the places of others."""


class WantedTries:
    """Counts them: as many as the engine says it takes, else as many as the workers that are there have slots, and some ahead.

    Args:
        options: Of the executor.
        workers: Its workers.
        held: What it has.
        keep: Takes the number whenever it has changed, without what is added for a moment: for short tries, and for what waits for
            workers that are not there.
    """

    def __init__(
        self, options: RemoteOptions, workers: LiveWorkers, held: OpenTries, keep: Callable[[int], None]
    ) -> None:
        self._options, self._workers, self._held, self._keep = options, workers, held, keep
        self._pace, self._kept = TryPace(AHEAD_S, MOST_AHEAD), -1

    def ended(self, now_s: float, ran_s: float) -> None:
        """Note that a try has ended that took so many seconds."""
        self._pace.ended(now_s, ran_s)

    def number(self, engine_slots: int | None, now_s: float) -> int:
        """How many there are to be.

        Args:
            engine_slots: What the engine says it takes; None if that is for its workers to say.
            now_s: The monotonic instant.
        """
        found, more = self._options.slots or engine_slots, 0
        if found is None:
            ahead, slots = 1 + max(0.0, self._options.ahead), self._workers.slots()
            offered = self._held.offered
            stuck = sum(max(0, number - int(ahead * self._workers.slots(queue))) for queue, number in offered.items())
            # What waits for workers that are not there takes no place of what others could run.
            found = int(ahead * slots)
            more = min(stuck, MOST_STUCK) + self._pace.ahead(now_s) if slots else 0
        if found != self._kept:
            self._kept = found
            self._keep(found)
        return found + more
