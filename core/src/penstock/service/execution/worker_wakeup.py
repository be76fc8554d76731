"""Wakes a server when there may be something to tell workers."""

from penstock.errors import StoreError
from penstock.service.installation import Installation
from penstock.store import WORKERS, Wakeup


class WorkerWakeup:
    """A descriptor that can be read then; while the database is away there is none, and whoever waits looks from time to time.

    Args:
        installation: Whose workers.
    """

    def __init__(self, installation: Installation) -> None:
        self._wakeups = installation.store.wakeups
        self._wakeup: Wakeup | None = None
        self.drain()

    def fileno(self) -> int:
        """The descriptor, which may change at `drain`; -1 for none."""
        return -1 if self._wakeup is None or self._wakeup.cut else self._wakeup.fileno()

    def drain(self) -> None:
        """Make it quiet until the next time; may take its time where the database is away."""
        try:
            if self._wakeup is None:
                self._wakeup = self._wakeups.listen(WORKERS)
            self._wakeup.drain()
        except StoreError:
            self.close()

    def close(self) -> None:
        """Stop listening."""
        if self._wakeup is not None:
            self._wakeup.close()
            self._wakeup = None
