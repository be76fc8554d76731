"""Every limited resource of an installation by its name, and what a task needs of them."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import NamedTuple

from penstock.engine.limits.admission import Admission
from penstock.engine.limits.bucket import Candidate
from penstock.engine.limits.fairness import Competitor, Tenant, TenantRule
from penstock.engine.limits.pool import PoolRate, PoolSlots, Present
from penstock.engine.limits.resource import UNLIMITED, Needs, Resource
from penstock.model.dag import TaskSpec
from penstock.model.limits.rate import RateUsed
from penstock.model.now import Now

NO_SLOTS = "has no slots now: none of its workers takes tries"
"""What is said of an executor that nobody can be handed to, after its name; `penstock tasks why` knows more."""
_POOL, _QUEUE, _TENANT = "pool:", "queue:", "tenant:"


class Demand(NamedTuple):
    """What is in use, and could be, of one limit that crosses schedulers.

    Attributes:
        key: Its name among all of them.
        limit: How much there is in all.
        used: How much is in use here.
        wanted: How much those need that wait for it here.
        largest: The most that one of these needs.
        starts: How often some of it was given here.
    """

    key: str
    limit: int
    used: int
    wanted: int
    largest: int
    starts: int


class Resources:
    """Pools, executors, queues, tenants and tasks with a limit; each is made when it is first asked for.

    Args:
        admission: Is told where room may have appeared.
        routes: Name of the executor by queue.
        queue_limits: Tasks of a queue at once, of those queues that have a limit.
        tenants: The tenants of which the installation says something.
    """

    def __init__(
        self,
        admission: Admission,
        routes: Mapping[str, str],
        queue_limits: Mapping[str, int],
        tenants: Mapping[str, TenantRule],
    ) -> None:
        self._admission, self._routes, self._tenants = admission, routes, tenants
        self._numbers = count()
        self._present = Present(Now(datetime.min.replace(tzinfo=UTC), 0.0))
        self._pools: dict[str, PoolSlots] = {}
        self._executors: dict[str, Resource] = {}
        self._queues = {
            name: Resource(f"queue {name!r} (max_active_tasks)", limit) for name, limit in queue_limits.items()
        }
        self._tenant_tasks = {
            name: Resource(f"{_tenant(name)} (max_active_tasks)", rule.max_active_tasks)
            for name, rule in tenants.items()
            if rule.max_active_tasks is not None
        }
        self._shares: Mapping[str, int] | None = None
        self._known: dict[str, Tenant] = {}
        self._competitors: dict[tuple[str, str, Resource, int], Competitor] = {}

    def competitor(self, dag_id: str, tenant: str, executor: Resource, priority_class: int = 0) -> Competitor:
        """A DAG of a tenant as it competes for the slots of an executor: its turns at one do not count at another."""
        key = (dag_id, tenant, executor, priority_class)
        found = self._competitors.get(key)
        if found is None:
            known = self._known.get(tenant)
            if known is None:
                rule = self._tenants.get(tenant, TenantRule())
                known = self._known[tenant] = Tenant(next(self._numbers), rule.weight)
            found = self._competitors[key] = Competitor(known, next(self._numbers), priority_class)
        return found

    def needs(
        self, task: TaskSpec, tenant: str, executor: Resource, of_dag: Resource, of_task: Resource | None
    ) -> Needs:
        """What each instance of a task needs, in the order in which refusals are named; a sensor needs no slot of a pool.

        Args:
            task: The task.
            tenant: That of its DAG.
            executor: The slots of the executor that is to run it.
            of_dag: The active tasks of its DAG.
            of_task: The instances of it over all runs; None if these have no limit.
        """
        needs: list[tuple[Resource, int]] = []
        if task.max_active_per_run is not None:
            per_run = Resource(
                f"task {task.task_id!r} of this run (max_active_tis_per_dagrun)", task.max_active_per_run
            )
            needs.append((per_run, 1))
        if of_task is not None:
            needs.append((of_task, 1))
        active = 0 if task.sensor is not None else 1
        needs.append((of_dag, active))
        if active:
            needs += [(shared, 1) for shared in self._shared(tenant, task.queue)]
            needs.append((self._pool(task.pool), task.pool_slots))
        return (*needs, (executor, 1))

    def _shared(self, tenant: str, queue: str) -> Iterator[Resource]:
        if tenant in self._tenant_tasks:
            yield self._tenant_tasks[tenant]
        if queue in self._queues:
            yield self._queues[queue]

    def executor(self, name: str) -> Resource:
        """The slots of an executor by name, created closed on first use: it is open once it reports its capacity."""
        if name not in self._executors:
            closed = _no_executor(name, [queue for queue, routed in self._routes.items() if routed == name])
            self._executors[name] = Resource(f"executor {name!r}", 0, closed)
        return self._executors[name]

    def set_capacity(self, name: str, capacity: int | None, *, draining: bool = False) -> None:
        """Set how many tries an executor holds at once; none because its scheduler is about to end, if that drains."""
        slots = self.executor(name)
        slots.limit = UNLIMITED if capacity is None else capacity
        slots.closed = "" if slots.limit else f"executor {name!r} {NO_SLOTS}"
        if draining:
            slots.closed = f"executor {name!r} is drained: its scheduler ends once the tries that run have ended"
        self._admission.recheck(slots)

    def begin_step(self, now: Now) -> None:
        """Set the present; what waits for a rate that is due is looked at in this step."""
        self._present.now = now
        for pool in self._pools.values():
            if pool.rated and pool.next_start is None:
                self._admission.recheck(pool)

    def next_start_s(self) -> float | None:
        """Monotonic instant at which the first pool may start another one that waits for its rate; None if none does."""
        waits = (pool for pool in self._pools.values() if pool.next_start and self._admission.is_waited_for(pool))
        return min((pool.next_s for pool in waits), default=None)

    def refund(self, holder: Candidate) -> None:
        """Take back the start of a try that never started."""
        for resource, _ in holder.holds:
            resource.refund(holder)
            self._admission.recheck(resource)

    def take_rates(self) -> list[RateUsed]:
        """When the next may start of each pool whose rate was used, or given back, since the last call."""
        now, found = self._present.now, []
        for name, pool in self._pools.items():
            if pool.moved:
                pool.moved = False
                found.append(RateUsed(name, pool.next_start or now.wall))
        return found

    def set_pools(self, slots: Mapping[str, int], rates: Mapping[str, PoolRate]) -> None:
        """Replace sizes and rates of all pools; a deleted pool admits nothing."""
        for name, number in slots.items():
            pool = self._pool(name)
            pool.set_rate(rates.get(name, PoolRate(None)))
            pool.limit, pool.closed = UNLIMITED if number == -1 else number, ""
            pool.share = self._share(_POOL + name, pool)
            self._admission.recheck(pool)
        for name in self._pools.keys() - slots.keys():
            self._pools[name].limit, self._pools[name].closed = 0, _no_pool(name)

    def lend(self, shares: Mapping[str, int] | None) -> None:
        """Set how much of each limit that crosses schedulers may be used here, by its key; None for all of it."""
        self._shares = shares
        for key, resource in self._crossing():
            resource.share = self._share(key, resource)
            self._admission.recheck(resource)

    def demands(self) -> list[Demand]:
        """What is in use, and could be, of each limit that crosses schedulers."""
        return [self._demand(key, resource) for key, resource in self._crossing() if resource.limit < UNLIMITED]

    def _demand(self, key: str, resource: Resource) -> Demand:
        waiting = [(bucket.size, bucket.amount_of(resource)) for bucket in self._admission.waiting_for(resource)]
        fitting = [(size, amount) for size, amount in waiting if amount <= resource.limit]
        wanted = sum(size * amount for size, amount in fitting)
        largest = max((amount for _, amount in fitting), default=0)
        return Demand(key, resource.limit, resource.used, wanted, largest, resource.starts)

    def _crossing(self) -> Iterator[tuple[str, Resource]]:
        """Every limit that DAGs of several schedulers share, by a key that no other has."""
        for prefix, resources in ((_POOL, self._pools), (_QUEUE, self._queues), (_TENANT, self._tenant_tasks)):
            for name, resource in resources.items():
                yield prefix + name, resource

    def _share(self, key: str, resource: Resource) -> int | None:
        unlimited = self._shares is None or resource.limit >= UNLIMITED
        return None if unlimited or self._shares is None else self._shares.get(key, 0)

    def _pool(self, name: str) -> PoolSlots:
        if name not in self._pools:
            self._pools[name] = PoolSlots(name, 0, _no_pool(name), self._present)
        return self._pools[name]


def _tenant(name: str) -> str:
    return f"tenant {name!r}" if name else "the tenant of all DAGs that name none"


def _no_pool(name: str) -> str:
    return f"pool {name!r} does not exist. Create it with: penstock pools set {name} SLOTS"


def _no_executor(name: str, queues: list[str]) -> str:
    routed = f", and tries of queue {', '.join(map(repr, queues))} are for it" if queues else ""
    return f"executor {name!r} is not there{routed}. `penstock doctor` says whether it is configured and can be made"
