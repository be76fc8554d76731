"""Admission: which ready task instances may go out, under limits that never hide runnable work behind a full one.

Instances that need the same resources wait together in one *bucket*. A bucket whose resource is full is parked at that
resource and costs nothing until room appears there; so a full pool, DAG or executor is met once, not once an instance.
Among buckets that may go, the highest priority wins; among equals the DAG that has been served least (start-time fair
queueing, Goyal, Vin and Cheng 1996), so that a tenant with 10,000 tasks cannot starve one with 10.
"""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import Protocol

Needs = tuple[tuple["Resource", int], ...]


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
    """

    __slots__ = ("closed", "label", "limit", "parked", "used")

    def __init__(self, label: str, limit: int) -> None:
        self.label, self.limit, self.used, self.closed = label, limit, 0, ""
        self.parked: list[tuple[tuple[int, float, int], Bucket]] = []

    def refuses(self, amount: int) -> str:
        """Why ``amount`` cannot be had now, as a sentence; "" if it can."""
        if self.closed:
            return self.closed
        if self.used + amount <= self.limit:
            return ""
        if amount > self.limit:
            return f"{self.label} can never hold it: it needs {amount} of {self.limit}"
        return f"{self.label} is full: {self.used} of {self.limit}"


class Tenant:
    """A DAG as a competitor for places: how much it has been served, in virtual time."""

    __slots__ = ("served", "waiting")

    def __init__(self) -> None:
        self.served = 0.0
        self.waiting = 0


class Bucket:
    """Ready instances that need the same amounts of the same resources."""

    __slots__ = ("heap", "needs", "seq", "tenant")

    def __init__(self, needs: Needs, tenant: Tenant, seq: int) -> None:
        self.needs, self.tenant, self.seq = needs, tenant, seq
        self.heap: list[tuple[int, int, Candidate]] = []

    def key(self) -> tuple[int, float, int]:
        """Order among buckets: priority, then how little its DAG was served, then age."""
        return (self.heap[0][0], self.tenant.served, self.seq)

    def refusal(self) -> tuple[Resource, str] | None:
        """The first resource that is short, with its sentence; None if an instance may go."""
        for resource, amount in self.needs:
            if why := resource.refuses(amount):
                return resource, why
        return None


class Admission:
    """All ready instances, and the choice among them."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[tuple[int, int], ...], Bucket] = {}
        self._open: list[tuple[tuple[int, float, int], Bucket]] = []
        self._roomy: list[Resource] = []
        self._seq = 0
        self._clock = 0.0

    def add(self, instance: Candidate, needs: Needs, tenant: Tenant) -> None:
        """An instance became ready; it is admitted by a later `admit`."""
        ident = tuple((id(resource), amount) for resource, amount in needs)
        bucket = self._buckets.get(ident)
        if bucket is None:
            self._seq += 1
            bucket = self._buckets[ident] = Bucket(needs, tenant, self._seq)
        if tenant.waiting == 0:
            tenant.served = max(tenant.served, self._clock)
        tenant.waiting += 1
        self._seq += 1
        instance.bucket = bucket
        was_empty = not bucket.heap
        heappush(bucket.heap, (-instance.priority, self._seq, instance))
        if was_empty:
            heappush(self._open, (bucket.key(), bucket))

    def drop(self, instance: Candidate) -> None:
        """A ready instance is not wanted any more; it is passed over when its turn comes."""
        if instance.bucket is not None:
            instance.bucket.tenant.waiting -= 1
            instance.bucket = None

    def admit(self) -> Iterator[Candidate]:
        """Take the instances that may go now, best first; what each needs is in use from then on."""
        while True:
            while self._open:
                _, bucket = heappop(self._open)
                if not self._trim(bucket):
                    continue
                if (short := bucket.refusal()) is not None:
                    heappush(short[0].parked, (bucket.key(), bucket))
                    continue
                yield self._take(bucket)
            if not self._unpark():
                return

    def _take(self, bucket: Bucket) -> Candidate:
        _, _, instance = heappop(bucket.heap)
        for resource, amount in bucket.needs:
            resource.used += amount
        bucket.tenant.waiting -= 1
        bucket.tenant.served += 1.0
        self._clock = max(self._clock, bucket.tenant.served - 1.0)
        instance.bucket, instance.holds = None, bucket.needs
        if self._trim(bucket):
            heappush(self._open, (bucket.key(), bucket))
        return instance

    def _trim(self, bucket: Bucket) -> bool:
        """Forget dropped instances at the head; False, and the bucket is gone, if none is left."""
        while bucket.heap and bucket.heap[0][2].bucket is not bucket:
            heappop(bucket.heap)
        if not bucket.heap:
            self._buckets.pop(tuple((id(resource), amount) for resource, amount in bucket.needs), None)
        return bool(bucket.heap)

    def _unpark(self) -> bool:
        """Reopen the best bucket parked at a resource that has room again; False if there is none."""
        while self._roomy:
            resource = self._roomy[-1]
            if (entry := _first_that_fits(resource)) is not None:
                heappush(self._open, entry)
                return True
            self._roomy.pop()
        return False

    def release(self, instance: Candidate) -> None:
        """What an instance held is free again."""
        for resource, amount in instance.holds:
            resource.used -= amount
            self.reopen(resource)
        instance.holds = ()

    def reopen(self, resource: Resource) -> None:
        """Room may have appeared at a resource: its parked buckets are looked at again."""
        if resource.parked:
            heapify(resource.parked)
            self._roomy.append(resource)

    def reason(self, instance: Candidate) -> str:
        """Why a ready instance has not gone out yet."""
        if instance.bucket is None:
            return ""
        short = instance.bucket.refusal()
        return short[1] if short else "others go first: they have a higher priority or waited longer"


def _first_that_fits(resource: Resource) -> tuple[tuple[int, float, int], Bucket] | None:
    """Take the best parked bucket whose own need the resource can meet now; the others stay parked."""
    misfits = []
    found = None
    while resource.parked and not resource.refuses(0):
        entry = heappop(resource.parked)
        amount = next(amount for needed, amount in entry[1].needs if needed is resource)
        if not resource.refuses(amount):
            found = entry
            break
        misfits.append(entry)
    for entry in misfits:
        heappush(resource.parked, entry)
    return found
