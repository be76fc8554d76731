"""Pools: slots that tasks share, and a rate at which they start.

The rate is that of the generic cell rate algorithm (ITU-T I.371) without a burst: one instant says when the next task may start, each
start moves it on by the time between two, and nothing is counted or swept. In no period more tasks start than the rate says.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from penstock.engine.limits.resource import Resource
from penstock.model.limits.rate import Rate
from penstock.model.now import Now
from penstock.model.text import utc_text


class PoolRate(NamedTuple):
    """A pool's rate, and when the next task may start as far as that is stored."""

    rate: Rate | None
    next_at: datetime | None = None


class Present:
    """The present, for what is limited by time; set at the beginning of each step.

    Attributes:
        now: Both clocks.
    """

    __slots__ = ("now",)

    def __init__(self, now: Now) -> None:
        self.now = now


class PoolSlots(Resource):
    """A pool's slots, of which none is given while its rate forbids a start.

    Attributes:
        next_s: Monotonic instant from which the next task may start.
        moved: Whether that has changed since it was last stored.
    """

    __slots__ = ("_last", "_name", "_present", "_rate", "moved", "next_s")

    def __init__(self, name: str, limit: int, closed: str, present: Present) -> None:
        super().__init__(f"pool {name!r}", limit, closed)
        self._name = name
        self._present = present
        self._rate: Rate | None = None
        self._last: tuple[object, float] = (None, 0.0)
        self.next_s = 0.0
        self.moved = False

    @property
    def rated(self) -> bool:
        """Whether it has a rate."""
        return self._rate is not None

    @property
    def next_start(self) -> datetime | None:
        """When the next task may start; None if that is now."""
        now = self._present.now
        if self._rate is None or self.next_s <= now.monotonic_s:
            return None
        return now.wall + timedelta(seconds=self.next_s - now.monotonic_s)

    def set_rate(self, wanted: PoolRate) -> None:
        """Set the rate; the stored instant counts when it is first heard of, and none is further off than one interval."""
        now, (rate, next_at) = self._present.now, wanted
        if self._rate is None and next_at is not None:
            self.next_s = now.monotonic_s + (next_at - now.wall).total_seconds()
        self._rate = rate
        if rate is not None:
            self.next_s = min(self.next_s, now.monotonic_s + rate.interval_s)

    def has_room(self, amount: int) -> bool:
        """Whether ``amount`` is free now, and a task may start."""
        return super().has_room(amount) and (amount == 0 or self._rate is None or self._may_start())

    def start(self, holder: object) -> None:
        """Count a start."""
        if self._rate is not None:
            self._last = (holder, self.next_s)
            self.next_s = max(self.next_s, self._present.now.monotonic_s) + self._rate.interval_s
            self.moved = True

    def refund(self, holder: object) -> None:
        """Take back a start that came to nothing, unless another one was spaced from it since."""
        if self._rate is not None and holder is self._last[0]:
            self._last, self.next_s = (None, 0.0), self._last[1]
            self.moved = True

    def refusal(self, amount: int) -> str:
        """Why ``amount`` is not free now, as a sentence."""
        if not self.closed and amount > self.limit:
            found = super().refusal(amount) if self.limit else f"{self.label} is closed: it has 0 slots"
            return f"{found}. {'Enlarge' if self.limit else 'Open'} it with: penstock pools set {self._name} SLOTS"
        at = self.next_start
        if at is None or not super().has_room(amount):
            return super().refusal(amount)
        return f"{self.label} starts {self._rate} and no more: the next one is due at {utc_text(at)}"

    def _may_start(self) -> bool:
        return self.next_s <= self._present.now.monotonic_s
