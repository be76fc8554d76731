"""Admission: which ready task instances may go out, under limits that never hide runnable work behind a full one.

Instances that need the same resources wait together in one *bucket*. A bucket whose resource is full is parked at that
resource and costs nothing until room appears there; so a full pool, DAG or executor is met once, not once an instance.
Among buckets that may go, the highest priority wins; among equals the tenant that was served least recently, so that
one with 10,000 tasks cannot starve one with 10. Every task counts alike, so taking turns is fair queueing; and unlike
a count of what was served, it gives no claim to a tenant that was held up by a limit of its own.
"""

from collections.abc import Iterator
from heapq import heappop, heappush, heapreplace
from typing import Protocol

Needs = tuple[tuple["Resource", int], ...]
_Order = tuple[int, int, int]
_Line = list[tuple[_Order, int, "Bucket"]]


class Candidate(Protocol):
    """Something that waits for admission: a task instance.

    Attributes:
        priority: The larger goes first.
        bucket: Where it waits, or None; set by `Admission` alone.
        holds: What it uses; set by `Admission` alone.
    """

    priority: int
    bucket: "Bucket | None"
    holds: Needs


class Resource:
    """Something of which there is a limited amount: an executor's places, a pool's slots, a DAG's active tasks.

    Attributes:
        label: How a sentence names it, such as ``pool 'warehouse'``.
        limit: How much there is; may be lowered below ``used``, then nothing new is admitted until it has drained.
        closed: A sentence if nothing is admitted whatever the limit, such as for a paused DAG; else "".
        parked: Buckets that wait for room here, by how much each instance of them needs.
    """

    __slots__ = ("closed", "label", "limit", "parked", "used")

    def __init__(self, label: str, limit: int, closed: str = "") -> None:
        self.label, self.limit, self.used, self.closed = label, limit, 0, closed
        self.parked: dict[int, _Line] = {}

    def has(self, amount: int) -> bool:
        """Whether ``amount`` can be had now; one that needs nothing is kept out only where all are."""
        return not self.closed and (self.used + amount <= self.limit or amount == 0)

    def shut(self, amount: int) -> bool:
        """Whether ``amount`` cannot be had however long one waits."""
        return bool(self.closed) or amount > self.limit

    def refusal(self, amount: int) -> str:
        """Why ``amount`` cannot be had now, as a sentence."""
        if self.closed:
            return self.closed
        if amount > self.limit:
            return f"{self.label} can never hold it: it needs {amount} of {self.limit}"
        if amount > 1:
            return f"{self.label} has too little room: {self.used} of {self.limit} in use, and it needs {amount}"
        return f"{self.label} is full: {self.used} of {self.limit}"


class Tenant:
    """A competitor for places, such as a DAG; ``served`` is the number of its last turn."""

    __slots__ = ("served",)

    def __init__(self) -> None:
        self.served = 0


class Bucket:
    """Ready instances that need the same amounts of the same resources.

    Attributes:
        heap: Its instances, best first; those that were dropped since are passed over.
        size: How many of them still wait.
        line: Where it stands: among the open ones or parked at a resource.
        ticket: Number of its valid place there; older ones are void.
        raised: The resource from whose parked buckets it was taken last, until it is its turn.
    """

    __slots__ = ("heap", "line", "needs", "raised", "seq", "size", "tenant", "ticket")

    def __init__(self, needs: Needs, tenant: Tenant, seq: int) -> None:
        self.needs, self.tenant, self.seq = needs, tenant, seq
        self.heap: list[tuple[int, int, Candidate]] = []
        self.line: _Line | None = None
        self.raised: Resource | None = None
        self.size = self.ticket = 0

    def order(self) -> _Order:
        """Its rank among buckets, the smallest first: priority, then whose turn it is, then age."""
        while self.heap[0][2].bucket is not self:
            heappop(self.heap)
        return (self.heap[0][0], self.tenant.served, self.seq)

    def short_of(self) -> tuple[Resource, int] | None:
        """The first resource that has too little for one more, with what it takes; None if an instance may go."""
        for need in self.needs:
            if not need[0].has(need[1]):
                return need
        return None


class Admission:
    """All ready instances, and the choice among them."""

    def __init__(self) -> None:
        self._buckets: dict[Needs, Bucket] = {}
        self._open: _Line = []
        self._roomy: dict[Resource, None] = {}
        self._seq = 0

    def add(self, instance: Candidate, needs: Needs, tenant: Tenant) -> None:
        """An instance became ready; it is admitted by a later `admit`. Equal needs come from the same tenant."""
        self._seq += 1
        bucket = self._buckets.get(needs)
        if bucket is None:
            bucket = self._buckets[needs] = Bucket(needs, tenant, self._seq)
        instance.bucket = bucket
        bucket.size += 1
        heappush(bucket.heap, (-instance.priority, self._seq, instance))
        if bucket.line is None:
            self._stand(bucket, self._open)
        elif bucket.heap[0][2] is instance:
            self._stand(bucket, bucket.line)

    def drop(self, instance: Candidate) -> None:
        """A ready instance is not wanted any more."""
        if instance.bucket is not None:
            self._forget(instance.bucket)
            instance.bucket = None

    def admit(self) -> Iterator[Candidate]:
        """Take the instances that may go now, best first; what each needs is in use from then on."""
        for resource in self._roomy:
            self._raise_one(resource)
        self._roomy.clear()
        while (bucket := _best(self._open)) is not None:
            heappop(self._open)
            raised, bucket.raised = bucket.raised, None
            short = bucket.short_of()
            instance = self._take(bucket) if short is None else None
            if short is not None:
                self._stand(bucket, short[0].parked.setdefault(short[1], []))
            if raised is not None:
                self._raise_one(raised)
            if instance is not None:
                yield instance

    def release(self, instance: Candidate) -> None:
        """What an instance held is free again."""
        for resource, amount in instance.holds:
            resource.used -= amount
            self.reopen(resource)
        instance.holds = ()

    def reopen(self, resource: Resource) -> None:
        """Room may have appeared at a resource: the buckets parked there are looked at again."""
        if resource.parked:
            self._roomy[resource] = None

    def reason(self, instance: Candidate) -> str:
        """Why a ready instance has not gone out yet; what only a person can lift comes before what passes by itself."""
        if instance.bucket is None:
            return ""
        short = [(resource, amount) for resource, amount in instance.bucket.needs if not resource.has(amount)]
        if not short:
            return "others go first: they have a higher priority or it is their turn"
        resource, amount = next((need for need in short if need[0].shut(need[1])), short[0])
        return resource.refusal(amount)

    def _take(self, bucket: Bucket) -> Candidate:
        bucket.order()
        _, _, instance = heappop(bucket.heap)
        for resource, amount in bucket.needs:
            resource.used += amount
        self._seq += 1
        bucket.tenant.served = self._seq
        instance.bucket, instance.holds = None, bucket.needs
        self._forget(bucket)
        if bucket.size:
            self._stand(bucket, self._open)
        return instance

    def _forget(self, bucket: Bucket) -> None:
        """One instance less waits in a bucket; an empty one is gone, wherever it stood."""
        bucket.size -= 1
        if not bucket.size:
            bucket.ticket += 1
            del self._buckets[bucket.needs]

    def _stand(self, bucket: Bucket, line: _Line) -> None:
        bucket.ticket += 1
        bucket.line = line
        heappush(line, (bucket.order(), bucket.ticket, bucket))

    def _raise_one(self, resource: Resource) -> None:
        """Open the best of the buckets parked at a resource that it has room for; the next follows at that one's turn.

        So no bucket is looked at in vain but one, and the choice is among the best of all resources that have room.
        """
        lines = [line for amount, line in resource.parked.items() if resource.has(amount)]
        fitting = [(bucket.order(), line) for line in lines if (bucket := _best(line)) is not None]
        if fitting:
            _, line = min(fitting, key=lambda choice: choice[0])
            _, _, bucket = heappop(line)
            bucket.raised = resource
            self._stand(bucket, self._open)


def _best(line: _Line) -> Bucket | None:
    """The bucket that is first in line; it is left there. Void places are dropped, outdated orders are mended.

    An order only gets worse while a bucket stands (its tenant has been served elsewhere, its best instance was
    dropped), so looking at the head is enough.
    """
    while line:
        order, ticket, bucket = line[0]
        if ticket != bucket.ticket:
            heappop(line)
        elif (current := bucket.order()) != order:
            heapreplace(line, (current, ticket, bucket))
        else:
            return bucket
    return None
