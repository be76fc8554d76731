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
_Queue = list[tuple[_Order, int, "Bucket"]]


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
        closed: Why nothing is admitted whatever the limit, as a sentence, such as for a paused DAG; else "".
        parked: Queues of the buckets that wait for room here, by the amount that each instance needs.
    """

    __slots__ = ("closed", "label", "limit", "parked", "used")

    def __init__(self, label: str, limit: int, closed: str = "") -> None:
        self.label, self.limit, self.used, self.closed = label, limit, 0, closed
        self.parked: dict[int, _Queue] = {}

    def has_room(self, amount: int) -> bool:
        """Whether ``amount`` is free now; a need of 0 is refused only while the resource is closed."""
        return not self.closed and (self.used + amount <= self.limit or amount == 0)

    def impossible(self, amount: int) -> bool:
        """Whether ``amount`` cannot become free by waiting."""
        return bool(self.closed) or amount > self.limit

    def refusal(self, amount: int) -> str:
        """Why ``amount`` is not free now, as a sentence."""
        if self.closed:
            return self.closed
        if amount > self.limit:
            return f"{self.label} can never hold it: it needs {amount} of {self.limit}"
        if amount > 1:
            return f"{self.label} has too little room: {self.used} of {self.limit} in use, and it needs {amount}"
        return f"{self.label} is full: {self.used} of {self.limit}"


class Tenant:
    """A competitor for resources, such as a DAG; ``served`` is the number of its last turn."""

    __slots__ = ("served",)

    def __init__(self) -> None:
        self.served = 0


class Bucket:
    """Ready instances that need the same amounts of the same resources.

    Attributes:
        heap: Its instances, best first; those that were dropped since are passed over.
        size: How many of them still wait.
        queue: Where it is queued: among the open ones or parked at a resource.
        generation: Counts how often it was queued; only its newest entry in a queue is valid.
        promoted: The resource from whose parked buckets it was promoted to the open ones, until it is its turn.
    """

    __slots__ = ("generation", "heap", "needs", "promoted", "queue", "seq", "size", "tenant")

    def __init__(self, needs: Needs, tenant: Tenant, seq: int) -> None:
        self.needs, self.tenant, self.seq = needs, tenant, seq
        self.heap: list[tuple[int, int, Candidate]] = []
        self.queue: _Queue | None = None
        self.promoted: Resource | None = None
        self.size = self.generation = 0

    def order(self) -> _Order:
        """Its rank among buckets, the smallest first: priority, then whose turn it is, then age."""
        while self.heap[0][2].bucket is not self:
            heappop(self.heap)
        return (self.heap[0][0], self.tenant.served, self.seq)

    def short_of(self) -> tuple[Resource, int] | None:
        """The first resource that has too little for one more, with what it takes; None if an instance may go."""
        for need in self.needs:
            if not need[0].has_room(need[1]):
                return need
        return None


class Admission:
    """All ready instances, and the choice among them."""

    def __init__(self) -> None:
        self._buckets: dict[Needs, Bucket] = {}
        self._open: _Queue = []
        self._freed: dict[Resource, None] = {}
        self._seq = 0

    def add(self, instance: Candidate, needs: Needs, tenant: Tenant) -> None:
        """Add a ready instance; a later `admit` admits it. Equal needs come from the same tenant."""
        self._seq += 1
        bucket = self._buckets.get(needs)
        if bucket is None:
            bucket = self._buckets[needs] = Bucket(needs, tenant, self._seq)
        instance.bucket = bucket
        bucket.size += 1
        heappush(bucket.heap, (-instance.priority, self._seq, instance))
        if bucket.queue is None:
            self._enqueue(bucket, self._open)
        elif bucket.heap[0][2] is instance:
            self._enqueue(bucket, bucket.queue)

    def drop(self, instance: Candidate) -> None:
        """Remove a ready instance that is not to go out any more."""
        if instance.bucket is not None:
            self._remove_one(instance.bucket)
            instance.bucket = None

    def admit(self) -> Iterator[Candidate]:
        """Take the instances that may go now, best first; what each needs is in use from then on."""
        for resource in self._freed:
            self._promote_one(resource)
        self._freed.clear()
        while (bucket := _best(self._open)) is not None:
            heappop(self._open)
            promoted, bucket.promoted = bucket.promoted, None
            # Checked when it is a bucket's turn and not before: what was admitted since may have taken the last room.
            short = bucket.short_of()
            instance = self._take(bucket) if short is None else None
            if short is not None:
                self._enqueue(bucket, short[0].parked.setdefault(short[1], []))
            # Whether this one went out or was parked elsewhere, the resource that promoted it may have room for the next.
            if promoted is not None:
                self._promote_one(promoted)
            if instance is not None:
                yield instance

    def release(self, instance: Candidate) -> None:
        """Release the resources that an instance held."""
        for resource, amount in instance.holds:
            resource.used -= amount
            self.recheck(resource)
        instance.holds = ()

    def recheck(self, resource: Resource) -> None:
        """Check the buckets parked at a resource in the next `admit`, because room may have appeared there."""
        if resource.parked:
            self._freed[resource] = None

    def reason(self, instance: Candidate) -> str:
        """Why a ready instance has not gone out yet; what only the user can change comes before what passes by itself."""
        if instance.bucket is None:
            return ""
        short = [(resource, amount) for resource, amount in instance.bucket.needs if not resource.has_room(amount)]
        if not short:
            return "others go first: they have a higher priority or it is their turn"
        resource, amount = next((need for need in short if need[0].impossible(need[1])), short[0])
        return resource.refusal(amount)

    def _take(self, bucket: Bucket) -> Candidate:
        bucket.order()  # drops what no longer waits from the head
        _, _, instance = heappop(bucket.heap)
        for resource, amount in bucket.needs:
            resource.used += amount
        self._seq += 1
        bucket.tenant.served = self._seq
        instance.bucket, instance.holds = None, bucket.needs
        self._remove_one(bucket)
        if bucket.size:
            # Back among all others with its tenant's new turn: one bucket never sends out two in a row past an equal.
            self._enqueue(bucket, self._open)
        return instance

    def _remove_one(self, bucket: Bucket) -> None:
        """Count one waiting instance less in a bucket; an empty bucket is removed, wherever it is queued."""
        bucket.size -= 1
        if not bucket.size:
            bucket.generation += 1
            del self._buckets[bucket.needs]

    def _enqueue(self, bucket: Bucket, queue: _Queue) -> None:
        bucket.generation += 1
        bucket.queue = queue
        heappush(queue, (bucket.order(), bucket.generation, bucket))

    def _promote_one(self, resource: Resource) -> None:
        """Promote the best bucket parked at a resource to the open ones; the next one follows when it is its turn."""
        # One only, not all that might fit: a release frees room for few instances, and opening every bucket parked here
        # would cost as much as the queue is long, each time. `admit` promotes the next one from here at this one's turn.
        queues = [queue for amount, queue in resource.parked.items() if resource.has_room(amount)]
        fitting = [(bucket.order(), queue) for queue in queues if (bucket := _best(queue)) is not None]
        if fitting:
            # Buckets are parked by the amount they need, so that a large need that does not fit hides no small one.
            _, queue = min(fitting, key=lambda choice: choice[0])
            _, _, bucket = heappop(queue)
            bucket.promoted = resource
            self._enqueue(bucket, self._open)


def _best(queue: _Queue) -> Bucket | None:
    """The first bucket of a queue; it stays there. Invalid entries are dropped, outdated orders corrected, on the way."""
    while queue:
        order, generation, bucket = queue[0]
        if generation != bucket.generation:
            heappop(queue)  # it was queued elsewhere since; removing the entry then would have meant a search
        # An order only gets worse while a bucket is queued (its tenant was served elsewhere, its best instance was dropped;
        # a better instance queues it anew), so no bucket further back can deserve the head unless the head has moved.
        elif (current := bucket.order()) != order:
            heapreplace(queue, (current, generation, bucket))
        else:
            return bucket
    return None
