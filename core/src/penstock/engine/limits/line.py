"""A line of buckets: backfills go last, tenants share fairly, then the highest priority goes first, then DAGs take turns, then age decides.

Each of these is a heap of its own, so that what changes by a choice is one entry of each heap: the tenant's start, and the
turn of one DAG. An entry whose rank has changed since is put right when it comes to the head; ranks only become worse while a
bucket stands in line, so that nothing further back can deserve the head before that.
"""

from heapq import heappop, heappush, heapreplace

from penstock.engine.limits.bucket import Bucket
from penstock.engine.limits.fairness import Competitor, Fairness, Tenant

Rank = tuple[int, float, int, int, int, int]
"""Of a bucket, the smallest first: its class, its tenant's start, its priority negated, its DAG's last turn and number, its age."""


class Line:
    """Buckets that wait at one place.

    Args:
        fairness: By which tenants share that place.
    """

    __slots__ = ("_classes",)

    def __init__(self, fairness: Fairness) -> None:
        self._classes = (_ClassBuckets(fairness), _ClassBuckets(fairness))

    def push(self, bucket: Bucket) -> None:
        """Put a bucket in line; it leaves the one in which it stands."""
        bucket.entry += 1
        bucket.place = self
        self._classes[bucket.competitor.priority_class].push(bucket)

    def head(self) -> tuple[Rank, Bucket] | None:
        """The bucket that goes first, with its rank; it stays in line. None if there is none."""
        for number, buckets in enumerate(self._classes):
            if (found := buckets.head()) is not None:
                rank, bucket = found
                return (number, *rank), bucket
        return None


class _ClassBuckets:
    """The buckets of one class in a line."""

    __slots__ = ("_fairness", "_heap", "_tenants")

    def __init__(self, fairness: Fairness) -> None:
        self._fairness = fairness
        self._tenants: dict[Tenant, _TenantBuckets] = {}
        self._heap: list[tuple[float, int, _TenantBuckets]] = []

    def push(self, bucket: Bucket) -> None:
        tenant = bucket.competitor.tenant
        buckets = self._tenants.get(tenant)
        if buckets is None:
            buckets = self._tenants[tenant] = _TenantBuckets(tenant)
            heappush(self._heap, (self._fairness.start(tenant), tenant.number, buckets))
        buckets.push(bucket)

    def head(self) -> tuple[tuple[float, int, int, int, int], Bucket] | None:
        while self._heap:
            start, number, buckets = self._heap[0]
            current = self._fairness.start(buckets.tenant)
            if current != start:
                heapreplace(self._heap, (current, number, buckets))
                continue
            found = buckets.head()
            if found is not None:
                (priority, served, turn), age, bucket = found
                return (start, priority, served, turn, age), bucket
            heappop(self._heap)
            del self._tenants[buckets.tenant]
        return None


class _TenantBuckets:
    """The buckets of one tenant in a line."""

    __slots__ = ("_groups", "_heap", "tenant")

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self._groups: dict[tuple[int, Competitor], _DagBuckets] = {}
        self._heap: list[tuple[tuple[int, int, int], _DagBuckets]] = []

    def push(self, bucket: Bucket) -> None:
        competitor = bucket.competitor
        key = (bucket.priority, competitor)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _DagBuckets(competitor, bucket.priority)
            heappush(self._heap, (group.rank(), group))
        heappush(group.heap, (bucket.age(), bucket.entry, bucket))

    def head(self) -> tuple[tuple[int, int, int], int, Bucket] | None:
        while self._heap:
            rank, group = self._heap[0]
            if rank != (current := group.rank()):
                heapreplace(self._heap, (current, group))
            elif (found := group.head()) is not None:
                return rank, *found
            else:
                heappop(self._heap)
                del self._groups[group.priority, group.competitor]
        return None


class _DagBuckets:
    """The buckets of one priority and one DAG in a line, the one that waits longest first."""

    __slots__ = ("competitor", "heap", "priority")

    def __init__(self, competitor: Competitor, priority: int) -> None:
        self.competitor, self.priority = competitor, priority
        self.heap: list[tuple[int, int, Bucket]] = []

    def rank(self) -> tuple[int, int, int]:
        return (-self.priority, self.competitor.served, self.competitor.number)

    def head(self) -> tuple[int, Bucket] | None:
        while self.heap:
            age, entry, bucket = self.heap[0]
            if entry != bucket.entry:
                heappop(self.heap)  # it stands elsewhere since; taking the entry out then would have meant a search
            elif (current := bucket.age()) != age:
                heapreplace(self.heap, (current, entry, bucket))
            else:
                return age, bucket
        return None
