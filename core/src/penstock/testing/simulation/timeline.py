"""What will happen in a world, and the time that passes until then."""

from collections.abc import Callable
from heapq import heappop, heappush

from penstock.testing.simulation.clock import SimulatedClock

TICK_S = 1e-6
"""No wait is shorter: a machine's clock has gone on by then, where a sum of numbers may stay what it was."""


class Timeline:
    """What happens later, in its order."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._coming: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0

    def at(self, seconds: float, then: Callable[[], None]) -> None:
        """Call ``then`` in so many seconds."""
        self._number += 1
        heappush(self._coming, (self._clock.monotonic_s + seconds, self._number, then))

    def go_on(self, left_s: float) -> float:
        """Go to where something happens next, at most so many seconds on; returns what is left of them."""
        end = self._clock.monotonic_s + max(left_s, TICK_S)
        if not self._coming or self._coming[0][0] > end:
            self._clock.advance_to(end)
            return 0.0
        at, _, then = heappop(self._coming)
        self._clock.advance_to(at)
        then()
        return end - self._clock.monotonic_s

    def let_pass(self, seconds: float) -> None:
        """Time passes for all but the scheduler."""
        end = self._clock.monotonic_s + seconds
        while self._coming and self._coming[0][0] <= end:
            at, _, then = heappop(self._coming)
            self._clock.pause(max(0.0, at - self._clock.monotonic_s))
            then()
        self._clock.pause(max(0.0, end - self._clock.monotonic_s))

    def stand_still(self, seconds: float) -> None:
        """Time passes for nobody."""
        self._coming = [(at + seconds, number, then) for at, number, then in self._coming]
        self._clock.pause(seconds)
