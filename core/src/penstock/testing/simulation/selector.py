"""What the scheduler of a world waits with: real descriptors, and the world's time."""

import selectors
from collections.abc import Callable, Mapping
from typing import Any

from penstock.engine.messages import LONGEST_WAIT_S
from penstock.testing.simulation.held import held


class SimulatedSelector(selectors.BaseSelector):
    """Waits by letting the world go on until a descriptor is readable.

    Args:
        waiting: Called before each wait, with whether it is for what executors tell, and not for the end of an outage.
        go_on: Has the world go on by one event, at most so many seconds, and is told what is waited for; returns those that are left.
    """

    def __init__(self, waiting: Callable[[bool], None], go_on: Callable[[float, bool], float]) -> None:
        self._real = selectors.DefaultSelector()
        self._waiting, self._go_on = waiting, go_on

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Wait for a descriptor."""
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """Wait for it no more."""
        return self._real.unregister(fileobj)

    @held
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait until a descriptor is readable, or for so many seconds."""
        for_news = len(self._real.get_map()) > 1
        self._waiting(for_news)
        assert timeout is not None, "the scheduler waits for ever"
        assert timeout <= LONGEST_WAIT_S, f"the scheduler waits for {timeout} s"
        left: float = timeout
        while not (ready := self._real.select(0)) and left > 0:
            left = self._go_on(left, for_news)
        return ready

    def close(self) -> None:
        """Close it."""
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """What is waited for."""
        return self._real.get_map()
