"""Lets one of several threads run at a time: which, and when, is for the world to say, so that a seed gives the same history again."""

import threading
from collections.abc import Callable

from penstock.testing.simulation.held import CrashError

_STACK_S = 60.0
"""Longest time of the real clock for which a thread may run without coming back."""


class Turnstile:
    """One thread, which runs only while the world waits for it.

    Args:
        work: What it does; it comes back by `come_back` whenever it waits.

    Attributes:
        ended: Whether the work is done.
        killed: Whether it is to end where it is.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._raised: BaseException | None = None
        self.ended = self.killed = False

    def go(self) -> None:
        """Have it run until it waits, or ends; raises what it raised."""
        if not self._thread.is_alive() and not self.ended:
            self._thread.start()
        else:
            self._go.release()
        assert self._back.acquire(timeout=_STACK_S), "a scheduler of the world does not come back"
        if self._raised is not None:
            raise self._raised

    def come_back(self) -> None:
        """Let the world go on, and wait to be called again; raises CrashError if the process was killed meanwhile."""
        self._back.release()
        self._go.acquire()
        if self.killed:
            raise CrashError("while it waited")

    def end(self) -> None:
        """Kill it, if it has begun and not ended."""
        self.killed = True
        if self._thread.is_alive():
            self.go()
            self._thread.join()

    def _run(self) -> None:
        try:
            self._work()
        except CrashError:
            pass
        except BaseException as error:  # noqa: BLE001 - a thread's error is the world's
            self._raised = error
        self.ended = True
        self._back.release()
