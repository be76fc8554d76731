"""Which DAGs are held, so that their live tries end and another scheduler can have them: for a stated time, and not again at once."""

from collections.abc import Callable, Collection, Sequence

MOST_HELD = 20
"""DAGs that are held at once at most."""
PAUSES, LONGEST_PAUSE_S = 10.0, 3600.0
"""A DAG whose tries did not end in time is held again after a pause: so many times as long as it was held, doubled each time."""


class Handover:
    """The DAGs that a scheduler holds.

    Args:
        longest_s: Seconds for which one is held at most; 0 for not at all.
        movable: Whether a DAG's live tries end by themselves.

    Attributes:
        longest_s: The same.
    """

    def __init__(self, longest_s: float, movable: Callable[[str], bool]) -> None:
        self.longest_s, self._movable = longest_s, movable
        self._until: dict[str, float] = {}
        self._pauses: dict[str, float] = {}
        self._again: dict[str, float] = {}

    @property
    def held(self) -> Collection[str]:
        """The DAGs that are held."""
        return self._until.keys()

    def decide(self, misplaced: Sequence[str], now_s: float) -> None:
        """Choose which are held from now on.

        Args:
            misplaced: Those that another scheduler is to own, and that have live tries.
            now_s: The monotonic instant.
        """
        left = set(misplaced)
        for known in (self._until, self._pauses, self._again):
            for dag_id in known.keys() - left:
                del known[dag_id]
        for dag_id in [dag_id for dag_id, until_s in self._until.items() if now_s >= until_s]:
            del self._until[dag_id]
            pause_s = max(PAUSES * self.longest_s, 2.0 * self._pauses.get(dag_id, 0.0))
            self._pauses[dag_id] = min(LONGEST_PAUSE_S, pause_s)
            self._again[dag_id] = now_s + self._pauses[dag_id]
        for dag_id in misplaced if self.longest_s else ():
            if len(self._until) >= MOST_HELD:
                break
            if dag_id not in self._until and now_s >= self._again.get(dag_id, now_s) and self._movable(dag_id):
                self._until[dag_id] = now_s + self.longest_s
