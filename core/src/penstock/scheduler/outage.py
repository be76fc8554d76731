"""Waits for a database that cannot be had, while the tries that run run on."""

import select
import sys
from collections.abc import Callable
from typing import TypeVar

from penstock.errors import StoreUnavailableError
from penstock.processes.supervise import Backoff

T = TypeVar("T")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0


class Outage:
    """The time in which the database cannot be had.

    Args:
        stop: A descriptor that is readable once nobody is to wait any more.
    """

    def __init__(self, stop: int) -> None:
        self._stop = stop
        self._backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        self._waiting = False

    def through(self, call: Callable[[], T]) -> T:
        """What a call gives, which is repeated until the database can be had.

        Raises:
            StoreUnavailableError: The scheduler is to stop meanwhile.
        """
        while True:
            try:
                found = call()
            except StoreUnavailableError as error:
                self.wait(error)
            else:
                self.over()
                return found

    def wait(self, error: StoreUnavailableError) -> None:
        """Wait a moment, longer from time to time; raises the error if the scheduler is to stop."""
        if not self._waiting:
            _log(f"{error} Nothing new is started until it can be had; tries that run, run on.")
        self._waiting = True
        if select.select([self._stop], [], [], self._backoff.pause())[0]:
            raise error

    def over(self) -> None:
        """The database has served."""
        if self._waiting:
            _log("the database can be had again.")
            self._waiting = False
            self._backoff.reset()


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the scheduler's terminal
