"""How often the loader looks at a folder that changes without an end, as one does whose files write into it when they are imported."""

from collections import Counter
from collections.abc import Mapping

from penstock.model.text import counted

AT_ONCE = 20
"""Looks in a row that find something new and wait for nothing: whoever edits, copies or checks out sees his changes at once."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
_CALM_S = 30.0
_NAMED = 3


class Pace:
    """Counts the looks that found something new, and slows them down if there is no end of them.

    A look that comes long enough after the last one, beside the pause that was made between the two, begins anew.
    """

    def __init__(self) -> None:
        self._files: Mapping[str, str] | None = None
        self._looks, self._last_s, self._pause_s = 0, 0.0, 0.0
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
            self._looks, self._pause_s = 0, 0.0
            self._changed.clear()
        self._looks, self._last_s = self._looks + 1, now_s
        self._changed.update(name for name, _ in before.items() ^ files.items())
        if self._looks > AT_ONCE:
            self._pause_s = min(max(FIRST_PAUSE_S, self._pause_s * 2), LONGEST_PAUSE_S)
        return self._pause_s

    @property
    def why(self) -> str:
        """What to say of a pause: what changes, and what to do."""
        names = ", ".join(name for name, _ in self._changed.most_common(_NAMED))
        return (
            f"the DAGs folder changes all the time: {names} among the last {counted(self._looks, 'change')}. It is looked at after "
            f"pauses of up to {LONGEST_PAUSE_S:g} s until it is at rest. Have neither a DAG file nor a task write into it: each change "
            "is another version."
        )
