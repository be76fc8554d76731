"""Admission: which ready task instances may go out, under limits that never hide runnable work behind a full one.

Instances that need the same resources wait together in one *bucket*. A bucket whose resource is full is parked at that
resource and costs nothing until room appears there; so a full pool, DAG or executor is met once, not once an instance.
Which of the buckets goes first that may go is decided by the lines in which they stand.
"""

from collections.abc import Iterable, Iterator

from penstock.engine.limits.bucket import Bucket, Candidate
from penstock.engine.limits.fairness import Competitor
from penstock.engine.limits.line import Line
from penstock.engine.limits.parking import Parking
from penstock.engine.limits.resource import Needs, Resource


class Admission:
    """All ready instances, and the choice among them."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[Needs, int, Competitor], Bucket] = {}
        self._open: dict[Resource, Line] = {}
        self._parking: dict[Resource, Parking] = {}
        self._freed: dict[Resource, None] = {}
        self._kept: dict[Resource, None] = {}
        self._seq = 0

    def add(self, instance: Candidate, needs: Needs, competitor: Competitor) -> None:
        """Add a ready instance; a later `admit` admits it. The last of its needs is what it competes for if nothing else is short."""
        self._seq += 1
        key = (needs, instance.priority, competitor)
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(*key)
        bucket.append(self._seq, instance)
        if bucket.place is None:
            self._open_up(bucket)

    def drop(self, instance: Candidate) -> None:
        """Remove a ready instance that is not to go out any more."""
        bucket = instance.bucket
        if bucket is not None:
            bucket.drop(instance)
            self._forget_empty(bucket)

    def admit(self) -> Iterator[Candidate]:
        """Take the instances that may go now, best first; what each needs is in use from then on."""
        for resource in self._freed:
            self._promote_one(resource)
        self._freed.clear()
        while (bucket := self._next()) is not None:
            promoted, bucket.promoted = bucket.promoted, None
            # Checked when it is a bucket's turn and not before: what was admitted since may have taken the last room.
            short = self._short_of(bucket)
            instance = self._take(bucket) if short is None else None
            if short is not None:
                self._parking_at(short[0]).park(bucket, short[1])
            # Whether this one went out or was parked elsewhere, the resource that promoted it may have room for the next.
            if promoted is not None:
                self._promote_one(promoted)
            if instance is not None:
                yield instance

    def hold(self, instance: Candidate, needs: Needs) -> None:
        """Have an instance hold what it needs, whether or not there is room for it."""
        instance.holds = needs
        for resource, amount in needs:
            resource.hold(instance, amount)

    def release(self, instance: Candidate) -> None:
        """Release the resources that an instance held."""
        for resource, _ in instance.holds:
            resource.free(instance)
            self.recheck(resource)
        instance.holds = ()

    def release_one(self, instance: Candidate, resource: Resource) -> None:
        """Release one of the resources that an instance holds, if it does."""
        resource.free(instance)
        self.recheck(resource)
        instance.holds = tuple(need for need in instance.holds if need[0] is not resource)

    def recheck(self, resource: Resource) -> None:
        """Check the buckets parked at a resource in the next `admit`, because room may have appeared there."""
        if resource in self._parking:
            self._freed[resource] = None

    def is_waited_for(self, resource: Resource) -> bool:
        """Whether buckets are parked at a resource."""
        return resource in self._parking

    def refusal(self, instance: Candidate) -> tuple[Resource | None, str]:
        """What holds a ready instance back, and why as a sentence; None if nothing does but the choice.

        What only the user can change comes before what passes by itself.
        """
        bucket = instance.bucket
        if bucket is None:
            return None, ""
        short = [(resource, amount) for resource, amount in bucket.needs if not resource.has_room(amount)]
        if short:
            resource, amount = next((need for need in short if need[0].impossible(need[1])), short[0])
            return resource, resource.refusal(amount)
        kept = self._kept_from(bucket)
        if kept is not None:
            return kept[0], self._parking[kept[0]].refusal()
        return None, "others go first: they have a higher priority or it is their turn"

    def waiting_for(self, resource: Resource) -> Iterable[Bucket]:
        """The buckets whose instances need some of a resource."""
        return (bucket for bucket in self._buckets.values() if bucket.amount_of(resource))

    def _next(self) -> Bucket | None:
        """Take out the bucket whose turn it is; None if none is open."""
        while True:
            heads = [head for line in self._open.values() if (head := line.head()) is not None]
            if heads:
                # Virtual times of two executors are no measure of each other, so between them class and priority decide.
                _, bucket = heads[0] if len(heads) == 1 else min(heads, key=lambda head: (head[0][0], *head[0][2:]))
                bucket.leave()
                return bucket
            # A reservation has no effect any more once its bucket went out, was dropped, or is short of something else.
            lapsed = [resource for resource in self._kept if self._parking[resource].reservation() is None]
            if not any(self._promote_one(resource) for resource in lapsed):
                return None

    def _short_of(self, bucket: Bucket) -> tuple[Resource, int] | None:
        return bucket.short_of() or self._kept_from(bucket)

    def _kept_from(self, bucket: Bucket) -> tuple[Resource, int] | None:
        """The first resource that keeps what is free for another bucket."""
        if self._kept:
            for need in bucket.needs:
                if need[1] and need[0] in self._kept and self._parking[need[0]].is_kept_from(bucket):
                    return need
        return None

    def _take(self, bucket: Bucket) -> Candidate:
        instance = bucket.take()
        competitor = bucket.competitor
        self.hold(instance, bucket.needs)
        for resource, amount in bucket.needs:
            if amount:
                resource.fairness.serve(competitor.tenant, amount)
                resource.start(instance)
                self._count(resource, bucket)
        self._seq += 1
        competitor.served = self._seq
        if bucket.size:
            # Back among all others with its DAG's new turn: one bucket never sends out two in a row past an equal.
            self._open_up(bucket)
        self._forget_empty(bucket)
        return instance

    def _count(self, resource: Resource, bucket: Bucket) -> None:
        """Count for what is awaited at a resource that an instance took some of it."""
        parking = self._parking.get(resource)
        if parking is None:
            return
        if parking.took(bucket):
            self._kept[resource] = None
        else:
            self._kept.pop(resource, None)

    def _forget_empty(self, bucket: Bucket) -> None:
        if not bucket.size:
            self._buckets.pop((bucket.needs, bucket.priority, bucket.competitor), None)

    def _open_up(self, bucket: Bucket) -> None:
        """Put a bucket in line with those that may go; all in one line compete for the same executor."""
        resource = bucket.needs[-1][0]
        line = self._open.get(resource)
        if line is None:
            line = self._open[resource] = Line(resource.fairness)
        line.push(bucket)

    def _parking_at(self, resource: Resource) -> Parking:
        parking = self._parking.get(resource)
        if parking is None:
            parking = self._parking[resource] = Parking(resource)
        return parking

    def _promote_one(self, resource: Resource) -> bool:
        """Promote the best bucket parked at a resource to the open ones; the next one follows when it is its turn."""
        # One only, not all that might fit: a release frees room for few instances, and opening every bucket parked here
        # would cost as much as the queue is long, each time. `admit` promotes the next one from here at this one's turn.
        parking = self._parking.get(resource)
        if parking is None:
            return False
        bucket = parking.choose()
        if bucket is None:
            if parking.empty:  # of a limit that a run has for itself, nothing may stay behind
                del self._parking[resource]
                self._kept.pop(resource, None)
            return False
        bucket.promoted = resource
        self._open_up(bucket)
        return True
