"""The keeper's loop: waits for services, and looks after each."""

import select
from collections.abc import Callable, Sequence

from penstock.keeper.kept_service import KeptService


class Keeper:
    """Keeps services alive, none of which waits for another.

    Args:
        services: The services.
        monotonic: Tells seconds that never go back.
    """

    def __init__(self, services: Sequence[KeptService], monotonic: Callable[[], float]) -> None:
        self._services, self._monotonic = services, monotonic

    def run(self, stop: int) -> None:
        """Work until ``stop`` is readable, and then until every service has ended."""
        while stop not in self._wait([stop]):
            continue
        for each in self._services:
            each.stop()
        while not all(each.ended for each in self._services):
            self._wait([])

    def _wait(self, others: Sequence[int]) -> list[int]:
        """Wait until something happens or is due, and deal with it; returns the descriptors that can be read."""
        due = [each.due for each in self._services if each.due is not None]
        reading = [*others, *(fd for each in self._services for fd in each.readable)]
        writing = [fd for each in self._services for fd in each.writable]
        wait_s = max(0.0, min(due) - self._monotonic()) if due else None
        ready, _, _ = select.select(reading, writing, [], wait_s)
        for each in self._services:
            each.step()
        return ready
