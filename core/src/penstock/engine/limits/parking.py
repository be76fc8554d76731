"""The buckets that wait for room at one resource, and the reservation for one that needs more than gets free at once.

Buckets stand in lines by the amount that they need, so that a large need that does not fit hides no small one. Small ones that pass it
would keep it waiting for ever, though, where there is always one of them. So a bucket that is at the head and does not fit is
awaited: once it was passed `PATIENCE` times, what gets free is kept for it. The reservation holds only while the
bucket needs nothing else that is not free, because otherwise it would keep idle what others could use. A place at its executor
does not count: executors are full whenever there is much to do, and what it waits for there is one place.
"""

from penstock.engine.limits.bucket import Bucket
from penstock.engine.limits.line import Line, Rank
from penstock.engine.limits.resource import Resource

PATIENCE = 10
"""So many others may take of a resource before what gets free there is kept for the one that is awaited."""


class Parking:
    """The lines at one resource.

    Attributes:
        lines: By the amount that each instance needs.
        passed: How many others took of the resource since the bucket that is awaited does not fit.
    """

    __slots__ = ("_awaited", "_resource", "lines", "passed")

    def __init__(self, resource: Resource) -> None:
        self._resource = resource
        self.lines: dict[int, Line] = {}
        self._awaited: Bucket | None = None
        self.passed = 0

    def park(self, bucket: Bucket, amount: int) -> None:
        """Have a bucket wait here until there is room for ``amount``."""
        line = self.lines.get(amount)
        if line is None:
            line = self.lines[amount] = Line(self._resource.fairness)
        line.push(bucket)

    @property
    def empty(self) -> bool:
        """Whether nothing waits here."""
        return all(line.head() is None for line in self.lines.values())

    def choose(self) -> Bucket | None:
        """The bucket that may be tried next; None if none may."""
        heads = [(*head, amount) for amount, line in self.lines.items() if (head := line.head()) is not None]
        awaited = self.reservation()
        if awaited is not None:
            if self._resource.has_room(awaited.amount_of(self._resource)):
                return awaited
            heads = [head for head in heads if not _outranked(head[1], awaited)]
        fitting = [(rank, bucket) for rank, bucket, amount in heads if self._resource.has_room(amount)]
        if awaited is None and heads:
            self._await(*min(heads))
        return min(fitting)[1] if fitting else None

    def reservation(self) -> Bucket | None:
        """The bucket for which what gets free is kept, if there is one."""
        awaited = self._awaited
        if awaited is None or self.passed < PATIENCE or not self._is_here(awaited):
            return None
        *limits, (executor, place) = awaited.needs
        impossible = self._resource.impossible(awaited.amount_of(self._resource)) or executor.impossible(place)
        others = (need for need in limits if need[0] is not self._resource)
        return awaited if not impossible and all(other.has_room(amount) for other, amount in others) else None

    def is_kept_from(self, bucket: Bucket) -> bool:
        """Whether a bucket that would fit must wait, because what is free is kept for another one."""
        awaited = self.reservation()
        return awaited is not None and awaited is not bucket and _outranked(bucket, awaited)

    def took(self, bucket: Bucket) -> bool:
        """Count that an instance of a bucket was given some; returns whether that one, or the last, passed another one."""
        if self._awaited is bucket:
            self._awaited, self.passed = None, 0
        elif self._awaited is not None:
            self.passed += 1
        return self.passed >= PATIENCE

    def refusal(self) -> str:
        """Why an instance waits that would fit, as a sentence."""
        amount = 0 if self._awaited is None else self._awaited.amount_of(self._resource)
        label, free = self._resource.label, self._resource.here - self._resource.used
        return f"{label} keeps its free {free} for a task that needs {amount} and was passed {self.passed} times"

    def _await(self, _rank: Rank, bucket: Bucket, amount: int) -> None:
        """Await the bucket at the head if it does not fit: of two that do not, the one that was first, or has the higher priority."""
        before = self._awaited
        if self._resource.has_room(amount) or amount <= 1 or bucket is before:
            return
        if before is None or not self._is_here(before) or not _outranked(bucket, before):
            self._awaited, self.passed = bucket, 0

    def _is_here(self, bucket: Bucket) -> bool:
        return bucket.place is not None and bucket.place is self.lines.get(bucket.amount_of(self._resource))


def _outranked(bucket: Bucket, awaited: Bucket) -> bool:
    """Whether a bucket has to let the one that is awaited go first: turns do not count, they would change all the time."""
    own, its = bucket.competitor.priority_class, awaited.competitor.priority_class
    if own != its:
        return own > its
    same = bucket.competitor.tenant is awaited.competitor.tenant
    return not same or bucket.priority <= awaited.priority
