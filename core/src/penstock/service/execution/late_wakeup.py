"""Wakes schedulers for what can wait a moment: once for all of it."""

import contextlib
import threading
from collections.abc import Callable

from penstock.errors import StoreError
from penstock.store import REMOTE, Wakeups

AFTER_S = 0.25
"""Seconds after the first of it. A short try has ended by then, and its end wakes at once: a scheduler hears of both in one turn."""


class LateWakeup:
    """Wakes those who wait for news of remote tries.

    It is lost if this process ends meanwhile: schedulers look from time to time without one.

    Args:
        wakeups: How processes wake each other.
        timer: Makes what calls a function after some seconds, in a thread of its own.
    """

    def __init__(
        self, wakeups: Wakeups, timer: Callable[[float, Callable[[], None]], threading.Timer] = threading.Timer
    ) -> None:
        self._wakeups, self._timer = wakeups, timer
        self._lock, self._due = threading.Lock(), False

    def wake(self) -> None:
        """Wake them a little later."""
        with self._lock:
            if self._due:
                return
            self._due = True
        timer = self._timer(AFTER_S, self._send)
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError:  # the system gives no thread: what was claimed is claimed all the same
            with self._lock:
                self._due = False

    def _send(self) -> None:
        with self._lock:
            self._due = False
        with contextlib.suppress(StoreError):
            self._wakeups.send(REMOTE)
