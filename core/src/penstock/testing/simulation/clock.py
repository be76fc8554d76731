"""The simulated clocks: one that only goes forward, and a time of day that is set forward and back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from penstock.engine.limits.time_of_day import LATENESS_S
from penstock.model.now import Now

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class SimulatedClock:
    """Two clocks that move when they are told to.

    Attributes:
        monotonic_s: Seconds on the clock that only goes forward.
        paused_s: How many of them passed while the scheduler did not run, or waited for the database and heard nobody.
        pauses: How often it did not.
        offset: By how much the time of day is wrong.
        before_reading: Called before the scheduler reads the clock.
    """

    def __init__(self) -> None:
        self.monotonic_s = 5000.0
        self.paused_s = 0.0
        self.pauses = 0
        self.offset = timedelta()
        self.before_reading: Callable[[str], None] = lambda _: None
        self._waited_until_s, self._short_s, self._paused = 0.0, 0.0, False
        self._readings: dict[float, tuple[float, int]] = {}

    @property
    def wall(self) -> datetime:
        """The time of day."""
        return BEGAN + timedelta(seconds=self.monotonic_s - 5000.0) + self.offset

    def now(self) -> datetime:
        """The time of day, for the scheduler."""
        self.before_reading("reading the time of day")
        return self.wall

    def read(self) -> Now:
        """The present on both clocks, for the scheduler."""
        self.before_reading("reading the clocks")
        self._readings[self.monotonic_s] = (self.monotonic_s - self.paused_s, self.pauses)
        return Now(self.wall, self.monotonic_s)

    def running(self, now: Now) -> tuple[float, int]:
        """Seconds in which the scheduler ran, and how often it did not, when it read the clocks."""
        return self._readings[now.monotonic_s]

    def advance_to(self, monotonic_s: float) -> None:
        """Go forward to an instant; one in the past changes nothing."""
        self.monotonic_s = max(self.monotonic_s, monotonic_s)

    def waited(self, since_s: float) -> None:
        """Since an instant the scheduler has waited for the database; however often it tried meanwhile, that is one pause.

        What is shorter than the lateness that an engine takes for a pause is time like any other: leases run on in it.
        """
        if since_s != self._waited_until_s:
            self._short_s, self._paused = 0.0, False
        self._short_s += self.monotonic_s - since_s
        self._waited_until_s = self.monotonic_s
        if self._short_s >= LATENESS_S:
            self.paused_s += self._short_s
            self.pauses += not self._paused
            self._short_s, self._paused = 0.0, True

    def pause(self, seconds: float) -> None:
        """Go forward without the scheduler, which finds itself later than it asked for."""
        self.monotonic_s += seconds
        self.paused_s += seconds
        self.pauses += 1
