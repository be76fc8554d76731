"""Something of which there is a limited amount, and who holds it."""

from datetime import datetime

from penstock.engine.limits.fairness import Fairness

Needs = tuple[tuple["Resource", int], ...]

UNLIMITED = 2**31


class Resource:
    """Something of which there is a limited amount: an executor's places, a pool's slots, a DAG's active tasks.

    Attributes:
        label: How a sentence names it, such as ``pool 'warehouse'``.
        limit: How much there is; may be lowered below ``used``, then nothing new is admitted until it has drained.
        share: How much of that may be used here, if other schedulers use it, too; None for all of it.
        starts: How often some of it was given.
        closed: Why nothing is admitted whatever the limit, as a sentence, such as for a paused DAG; else "".
        holders: What each that holds some of it holds, in the order in which they got it.
        used: The sum of that.
        fairness: How it was shared among tenants.
    """

    __slots__ = ("closed", "fairness", "holders", "label", "limit", "share", "starts", "used")

    def __init__(self, label: str, limit: int, closed: str = "") -> None:
        self.label, self.limit, self.closed = label, limit, closed
        self.holders: dict[object, int] = {}
        self.used = self.starts = 0
        self.share: int | None = None
        self.fairness = Fairness()

    @property
    def here(self) -> int:
        """How much may be used here."""
        return self.limit if self.share is None else min(self.limit, self.share)

    @property
    def next_start(self) -> datetime | None:
        """When the next task may start, if a rate forbids it now."""
        return None

    def has_room(self, amount: int) -> bool:
        """Whether ``amount`` is free now; a need of 0 is refused only while the resource is closed."""
        return not self.closed and (self.used + amount <= self.here or amount == 0)

    def impossible(self, amount: int) -> bool:
        """Whether ``amount`` cannot become free by waiting."""
        return bool(self.closed) or amount > self.limit

    def hold(self, holder: object, amount: int) -> None:
        """Give ``amount`` to a holder that has none of it."""
        if amount:
            self.holders[holder] = amount
            self.used += amount
            self.starts += 1

    def free(self, holder: object) -> None:
        """Take back what a holder has."""
        # What is in use is the sum of what is held, and changes nowhere else: no count can leak.
        self.used -= self.holders.pop(holder, 0)

    def start(self, holder: object) -> None:
        """Count that a holder starts: of no matter but for a rate."""

    def refund(self, holder: object) -> None:
        """Take back the start of a holder that came to nothing."""

    def refusal(self, amount: int) -> str:
        """Why ``amount`` is not free now, as a sentence."""
        if self.closed:
            return self.closed
        if amount > self.limit:
            return f"{self.label} can never hold it: it needs {amount} of {self.limit}"
        if self.used + amount <= self.limit:
            return f"{self.label} is lent to other schedulers: {self.used} of {self.here} in use here, of {self.limit} in all"
        if amount > 1:
            return f"{self.label} has too little room: {self.used} of {self.limit} in use, and it needs {amount}"
        return f"{self.label} is full: {self.used} of {self.limit}"
