"""How often the loader looks at a folder that changes without an end, as one does whose files write into it when they are imported."""

from collections import Counter
from collections.abc import Mapping

AT_ONCE, EACH_S = 20, 5.0
"""Looks in a row that find something new and wait for nothing, and the seconds after which there is one more of these: whoever edits,
copies or checks out sees his changes at once, and whoever saves all the time within that many seconds."""
MANY, LONGEST_PAUSE_S = 120, 60.0
"""The same, for looks that go on for so long that nobody can be editing."""
_CALM_S = 30.0
_NAMED_AFTER = 2 * AT_ONCE
_NAMED = 3


class _Budget:
    """Looks that may be made: so many at once, and one more after each while."""

    def __init__(self, most: int, each_s: float) -> None:
        self._most, self._each_s = most, each_s
        self._left, self._at_s = float(most), 0.0

    def taken(self, now_s: float) -> float:
        """Take one at an instant; returns the seconds until it would have been there."""
        self._left = min(self._left + (now_s - self._at_s) / self._each_s, self._most) - 1
        self._at_s = now_s
        return max(0.0, -self._left * self._each_s)


class Pace:
    """Counts the looks that found something new, and slows them down if there is no end of them.

    A look that comes long enough after the last one, beside the pause that was made between the two, begins anew.
    """

    def __init__(self) -> None:
        self._files: Mapping[str, str] | None = None
        self._last_s, self._pause_s = 0.0, 0.0
        self._begin()

    def _begin(self) -> None:
        self._looks, self._pause_s = 0, 0.0
        self._budgets = (_Budget(AT_ONCE, EACH_S), _Budget(MANY, LONGEST_PAUSE_S))
        self._changed: Counter[str] = Counter()

    def looked(self, files: Mapping[str, str], now_s: float) -> float:
        """Take what a look has found; returns the seconds until the next one.

        Args:
            files: The content hashes of all files, by name.
            now_s: Monotonic seconds at the end of the look.
        """
        before, self._files = self._files, files
        if before is None or before == files:
            return 0.0
        if now_s - self._last_s > self._pause_s + _CALM_S:
            self._begin()
        self._looks, self._last_s = self._looks + 1, now_s
        self._changed.update(name for name, _ in before.items() ^ files.items())
        self._pause_s = max(budget.taken(now_s) for budget in self._budgets)
        return self._pause_s

    @property
    def why(self) -> str:
        """What to say of pauses once there were many: what changes, and what to do; "" before."""
        if self._looks <= _NAMED_AFTER:
            return ""
        names = ", ".join(sorted(name for name, _ in self._changed.most_common(_NAMED)))
        return (
            f"the DAGs folder changes all the time, most of all {names}. It is looked at every {EACH_S:g} s, and later every "
            f"{LONGEST_PAUSE_S:g} s, until it is at rest. Have neither a DAG file nor a task write into it: each change is another version."
        )
