"""When the scheduler looks into its inbox: woken at once, and without a wakeup from time to time, because one may be lost."""

from collections.abc import Callable

from penstock.engine.messages import LONGEST_WAIT_S
from penstock.store import Wakeup

_SOON_S = 0.001


class InboxWakeup:
    """The wakeup of requests.

    It is lost if who asked was killed after the commit, and while its pipe or session is cut.

    Args:
        wakeup: What requests wake.
        monotonic: Tells seconds that never go back.
    """

    def __init__(self, wakeup: Wakeup, monotonic: Callable[[], float]) -> None:
        self._wakeup, self._monotonic, self._due_s = wakeup, monotonic, 0.0

    def fileno(self) -> int:
        """What to wait on; a wakeup that was cut hears again, and what came meanwhile is due. Raises StoreError."""
        if self._wakeup.cut:
            self._wakeup.drain()
            self._due_s = 0.0
        return self._wakeup.fileno()

    @property
    def wait_s(self) -> float:
        """Seconds until the inbox is to be looked into although nobody has asked for it; 0 if it is."""
        left_s = self._due_s - self._monotonic()
        # What rounding leaves over would be waited for, for ever, by a clock that stands.
        return left_s if left_s > _SOON_S else 0.0

    def drain(self) -> None:
        """Make it quiet; the inbox is looked into now. Raises StoreError."""
        self._wakeup.drain()
        self._due_s = self._monotonic() + LONGEST_WAIT_S

    def close(self) -> None:
        """Stop waiting."""
        self._wakeup.close()
