"""Ready task instances that wait for the same."""

from collections import deque
from collections.abc import Iterator
from typing import Protocol

from penstock.engine.limits.fairness import Competitor
from penstock.engine.limits.resource import Needs, Resource


class Candidate(Protocol):
    """Something that waits for admission: a task instance.

    Attributes:
        bucket: Where it waits, or None; set by `Admission` alone.
        holds: What it uses; set by `Admission` alone.
    """

    bucket: "Bucket | None"
    holds: Needs

    @property
    def priority(self) -> int:
        """The larger goes first."""


class Bucket:
    """Ready instances of one competitor that need the same amounts of the same resources, and have the same priority.

    Attributes:
        size: How many wait in it.
        place: The line in which it stands, or None.
        entry: Counts how often it was put into a line; only its newest entry is valid.
        promoted: The resource from whose lines it came to the open ones, until it is its turn.
    """

    __slots__ = ("_waiting", "competitor", "entry", "needs", "place", "priority", "promoted", "size")

    def __init__(self, needs: Needs, priority: int, competitor: Competitor) -> None:
        self.needs, self.priority, self.competitor = needs, priority, competitor
        self._waiting: deque[tuple[int, Candidate]] = deque()
        self.place: object = None
        self.promoted: Resource | None = None
        self.size = self.entry = 0

    def append(self, number: int, instance: Candidate) -> None:
        """Have an instance wait behind all others; numbers grow, and no two buckets share one."""
        instance.bucket = self
        self._waiting.append((number, instance))
        self.size += 1

    def age(self) -> int:
        """Number of the instance that waits longest; it only grows while the bucket is not empty."""
        while self._waiting[0][1].bucket is not self:  # dropped since; taking it out then would have meant a search
            self._waiting.popleft()
        return self._waiting[0][0]

    def take(self) -> Candidate:
        """Take out the instance that waits longest."""
        self.age()
        instance = self._waiting.popleft()[1]
        self.drop(instance)
        return instance

    def drop(self, instance: Candidate) -> None:
        """Have an instance wait no more; an empty bucket leaves its line."""
        instance.bucket = None
        self.size -= 1
        if not self.size:
            self.leave()

    def leave(self) -> None:
        """Leave the line, whichever it is."""
        self.entry += 1
        self.place = None

    def amount_of(self, resource: Resource) -> int:
        """How much of a resource each instance needs; 0 if none."""
        return next((amount for needed, amount in self.needs if needed is resource), 0)

    def short_of(self) -> tuple[Resource, int] | None:
        """The first resource that has too little for one more, with what it takes; None if an instance may go."""
        for need in self.needs:
            if not need[0].has_room(need[1]):
                return need
        return None

    def __iter__(self) -> Iterator[Candidate]:
        """Those that wait."""
        return (instance for _, instance in self._waiting if instance.bucket is self)
