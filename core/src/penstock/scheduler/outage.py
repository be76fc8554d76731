"""Waits for a database that cannot be had, while the tries that run run on."""

import selectors
import socket
from collections.abc import Callable
from typing import TypeVar

from penstock.errors import StoreUnavailableError
from penstock.processes.supervise import Backoff
from penstock.terminal import write_line

T = TypeVar("T")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0


class Outage:
    """The time in which the database cannot be had.

    Args:
        stop: A socket that is readable once nobody is to wait any more.
        selector: Makes what it waits with.
    """

    def __init__(
        self, stop: socket.socket, selector: Callable[[], selectors.BaseSelector] = selectors.DefaultSelector
    ) -> None:
        self._stop, self._selector = stop, selector
        self._backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        self._waiting = False

    def through(self, call: Callable[[], T]) -> T:
        """What a call gives, which is repeated until the database can be had.

        Raises:
            StoreUnavailableError: The scheduler is to stop meanwhile.
        """
        failed = False
        while True:
            try:
                found = call()
            except StoreUnavailableError as error:
                failed = True
                self.wait(error)
            else:
                # What can be read can perhaps not be written: an outage ends with what it began with.
                if failed:
                    self.over()
                return found

    def wait(self, error: StoreUnavailableError) -> None:
        """Wait a moment, longer from time to time; raises the error if the scheduler is to stop."""
        if not self._waiting:
            _log(f"{error} Nothing new is started until it can be had; tries that run, run on.")
        self._waiting = True
        with self._selector() as selector:
            selector.register(self._stop, selectors.EVENT_READ)
            if selector.select(self._backoff.pause()):
                raise error

    def over(self) -> None:
        """The database has served."""
        if self._waiting:
            _log("the database can be had again.")
            self._waiting = False
            self._backoff.reset()


def _log(line: str) -> None:
    write_line(line)
