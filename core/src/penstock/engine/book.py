"""What the engine knows, and what the step in progress has changed of it."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush

from penstock.engine.limits import Admission, Bucket, Needs, Resource, Tenant
from penstock.engine.live import Instance, LiveRun, Node
from penstock.engine.messages import DagUpdated, Dispatch, Kill, Step
from penstock.engine.plan import Plan
from penstock.model.changes import Changes, LateAnswer
from penstock.model.dag import DagSpec
from penstock.model.notice import RunStateChanged, TaskStateChanged
from penstock.model.run import Run, TaskKey, Try

UNLIMITED = 2**31


class DagBook:
    """What the engine knows of one DAG.

    Attributes:
        row: The newest version and its switches; None for a DAG of which only old runs are known.
        running: Numbers of its running runs.
        queued: Numbers of its queued runs, oldest first.
        wake_at: The earliest instant for which its timer is set; None if it is not.
        tenants: The DAG as a competitor, by executor: what it is served by one earns it no wait at another.
    """

    __slots__ = ("active_tasks", "cursor", "max_active_runs", "queued", "row", "running", "tenants", "wake_at")

    def __init__(self, dag_id: str) -> None:
        self.row: DagUpdated | None = None
        self.running: set[int] = set()
        self.queued: deque[int] = deque()
        self.cursor: datetime | None = None
        self.wake_at: datetime | None = None
        self.tenants: dict[str, Tenant] = {}
        self.max_active_runs = 0
        self.active_tasks = Resource(f"DAG {dag_id!r} (max_active_tasks)", 0)

    def take_limits(self, dag: DagSpec) -> None:
        """Take over the limits of a version; 0 is none."""
        self.max_active_runs = dag.max_active_runs or UNLIMITED
        self.active_tasks.limit = dag.max_active_tasks or UNLIMITED


class Lane:
    """One executor: its places, and when it was last heard."""

    __slots__ = ("heard_at", "name", "places", "tries")

    def __init__(self, name: str, now: datetime) -> None:
        self.name, self.heard_at = name, now
        self.places = Resource(f"executor {name!r}", 0, f"executor {name!r} is not there: it has told no capacity")
        self.tries: set[Instance] = set()


class Book:
    """All live state. Its methods are the vocabulary of the modules that decide."""

    def __init__(
        self, lease_s: float, default_executor: str, sensor_executor: str, routes: dict[str, str], *, notify: bool
    ) -> None:
        self.lease = timedelta(seconds=lease_s)
        self.default_executor, self.sensor_executor, self.routes = default_executor, sensor_executor, routes
        self._notify = notify
        self.runs: dict[int, LiveRun] = {}
        self.dags: dict[str, DagBook] = {}
        self.pools: dict[str, Resource] = {}
        self.lanes: dict[str, Lane] = {}
        self.admission = Admission()
        self.dags_to_look_at: set[str] = set()
        self.dags_awaiting_runs: set[str] = set()
        self._plans: dict[tuple[str, str], Plan] = {}
        self._timers: list[tuple[datetime, str]] = []
        self._retries: list[tuple[datetime, int, Instance]] = []
        self._seq = 0
        self.begin(datetime.min.replace(tzinfo=UTC))

    # What a step collects.

    def begin(self, now: datetime) -> None:
        """Start a step."""
        self.now = now
        self.changes = Changes()
        self.dispatches: list[Dispatch] = []
        self.kills: list[Kill] = []
        self.fresh: list[Instance] = []
        self.ended: deque[Instance] = deque()
        self._leaving: list[LiveRun] = []
        self._dirty: dict[Instance, None] = {}
        self._dirty_runs: dict[int, Run] = {}
        self._dirty_tries: dict[tuple[TaskKey, int], Try] = {}
        self._late: dict[tuple[TaskKey, int], LateAnswer] = {}

    def touch(self, instance: Instance) -> None:
        """The instance's row must be stored at the end of the step."""
        self._dirty[instance] = None
        if self._notify and instance.state is not instance.told:
            self._tell(instance)

    def forget_row(self, instance: Instance) -> None:
        """The instance exists no more; its row goes."""
        self._dirty.pop(instance, None)
        self.changes.removed.append(instance.key)

    def store_run(self, live: LiveRun, row: Run) -> None:
        """Replace a run's row and have it stored."""
        before, live.row = live.row.state, row
        self._dirty_runs[row.run] = row
        if self._notify and row.state is not before:
            self.changes.notices.append(
                RunStateChanged(
                    row.dag_id, row.run_id, row.kind.value, before.value, row.state.value, row.reason, self.now
                )
            )

    def _tell(self, instance: Instance) -> None:
        """Have listeners hear that the instance's state is another one."""
        run, key, before = instance.node.run.row, instance.key, instance.told
        instance.told = instance.state
        self.changes.notices.append(
            TaskStateChanged(
                run.dag_id,
                run.run_id,
                key.task_id,
                key.map_index,
                instance.try_number,
                before.value,
                instance.state.value,
                instance.reason,
                self.now,
            )
        )

    def store_try(self, key: TaskKey, attempt: Try) -> None:
        """Have a try's row stored."""
        self._dirty_tries[key, attempt.epoch] = attempt

    def note_late(self, answer: LateAnswer) -> None:
        """Have an answer that is not obeyed noted on its try."""
        self._late[answer.key, answer.epoch] = answer

    def finish(self) -> Step:
        """End the step: everything that changed, each row once and in its newest form."""
        for run in self._leaving:
            if run.row.state.finished and not run.tries:
                self.runs.pop(run.row.run, None)
        reasons: dict[Bucket, str] = {}
        for instance in self.fresh:
            if (bucket := instance.bucket) is not None:
                if bucket not in reasons:
                    reasons[bucket] = self.admission.reason(instance)
                instance.reason = reasons[bucket]
        changes = self.changes
        changes.tasks = [instance.row() for instance in self._dirty]
        changes.runs = list(self._dirty_runs.values())
        changes.tries = list(self._dirty_tries.values())
        changes.late = list(self._late.values())
        return Step(changes, tuple(self.dispatches), tuple(self.kills), self._wake_at())

    # Time.

    def look_at(self, at: datetime, dag_id: str) -> None:
        """Have a DAG looked at by the first step at or after an instant."""
        dag = self.dag(dag_id)
        if dag.wake_at is None or at < dag.wake_at:
            dag.wake_at = at
            heappush(self._timers, (at, dag_id))

    def wake_dags(self) -> None:
        """Have the DAGs looked at whose time has come."""
        while self._timers and self._timers[0][0] <= self.now:
            _, dag_id = heappop(self._timers)
            self.dag(dag_id).wake_at = None
            self.dags_to_look_at.add(dag_id)

    def retry_at(self, at: datetime, instance: Instance) -> None:
        """Have an instance that is up for retry looked at again at an instant."""
        self._seq += 1
        heappush(self._retries, (at, self._seq, instance))

    def retries_due(self) -> list[Instance]:
        """Take the instances whose retry is due; they may have changed their state since."""
        due = []
        while self._retries and self._retries[0][0] <= self.now:
            due.append(heappop(self._retries)[2])
        return due

    def silent_lanes(self) -> list[Lane]:
        """Executors that hold tries and were not heard for a whole lease."""
        return [lane for lane in self.lanes.values() if lane.tries and self.now >= lane.heard_at + self.lease]

    def _wake_at(self) -> datetime | None:
        wishes = [lane.heard_at + self.lease for lane in self.lanes.values() if lane.tries]
        if self._timers:
            wishes.append(self._timers[0][0])
        if self._retries:
            wishes.append(self._retries[0][0])
        if self.dags_to_look_at:
            wishes.append(self.now)
        return min(wishes, default=None)

    # Lookups.

    def dag(self, dag_id: str) -> DagBook:
        """The book of a DAG, opened on first use."""
        if dag_id not in self.dags:
            self.dags[dag_id] = DagBook(dag_id)
        return self.dags[dag_id]

    def plan(self, dag: DagSpec, version: str) -> Plan:
        """The compiled form of a DAG version, made once and kept while live runs use it."""
        ident = (dag.dag_id, version)
        plan = self._plans.get(ident) if version else None
        if plan is None:
            if len(self._plans) > 2 * len(self.runs) + 16:
                used = {(run.row.dag_id, run.plan.version) for run in self.runs.values()}
                self._plans = {known: kept for known, kept in self._plans.items() if known in used}
            plan = self._plans[ident] = Plan(dag, version)
        return plan

    def instance(self, key: TaskKey) -> Instance | None:
        """A live instance by name, or None."""
        run = self.runs.get(key.run)
        return None if run is None else run.instance(key)

    def release(self, run: LiveRun) -> None:
        """Forget a run after this step if it has ended, unless a try of it was told to end and has not answered.

        A request of the same step still finds it.
        """
        self._leaving.append(run)

    # Tries and what they use.

    def lane(self, name: str) -> Lane:
        """An executor by name, opened without capacity on first use."""
        if name not in self.lanes:
            self.lanes[name] = Lane(name, self.now)
        return self.lanes[name]

    def enter_lane(self, instance: Instance, attempt: Try) -> None:
        """A try of the instance is with an executor from now on; its lease runs."""
        lane = self.lane(attempt.executor)
        if not lane.tries:
            lane.heard_at = max(lane.heard_at, self.now)
        lane.tries.add(instance)
        instance.attempt = attempt
        instance.node.tries += 1
        instance.node.run.tries += 1

    def leave_lane(self, instance: Instance, attempt: Try) -> None:
        """Its try lives no more; what it used is free."""
        self.lane(attempt.executor).tries.discard(instance)
        instance.attempt = None
        instance.node.tries -= 1
        instance.node.run.tries -= 1
        self.admission.release(instance)

    def occupy(self, instance: Instance, attempt: Try) -> None:
        """A stored instance has a try that lives: it uses its places, full or not, until that try ends or is lost."""
        instance.holds = self.needs(instance.node)
        for resource, amount in instance.holds:
            resource.used += amount
        self.enter_lane(instance, attempt)

    def kill(self, instance: Instance, reason: str) -> None:
        """Tell a live try to end; until it answers, it keeps its places and no other try of the instance goes out."""
        if instance.attempt is not None and not instance.dying:
            instance.dying = True
            self.kills.append(Kill(instance.attempt.executor, instance.key, instance.epoch, reason))

    def executor_of(self, node: Node) -> str:
        """Name of the executor that is to run a task."""
        if node.task.sensor is not None:
            return self.sensor_executor
        return self.routes.get(node.task.queue, self.default_executor)

    def await_admission(self, instance: Instance) -> None:
        """The instance goes out as soon as the limits admit it."""
        node = instance.node
        needs, tenant = self.needs(node), node.tenant
        if tenant is None:
            tenants = self.dag(node.run.row.dag_id).tenants
            tenant = node.tenant = tenants.setdefault(self.executor_of(node), Tenant())
        self.admission.add(instance, needs, tenant)
        self.fresh.append(instance)

    def needs(self, node: Node) -> Needs:
        """What an instance takes to run, in the order in which refusals are named; a sensor takes no place."""
        if node.needs is None:
            task = node.task
            active_tasks = self.dag(node.run.row.dag_id).active_tasks
            places = self.lane(self.executor_of(node)).places
            if task.sensor is not None:
                node.needs = ((active_tasks, 0), (places, 1))
            else:
                node.needs = ((active_tasks, 1), (self._pool(task.pool), task.pool_slots), (places, 1))
            if task.max_active_per_run is not None:
                per_run = Resource(f"task {task.task_id!r} of this run (max_active_per_run)", task.max_active_per_run)
                node.needs = ((per_run, 1), *node.needs)
        return node.needs

    def _pool(self, name: str) -> Resource:
        if name not in self.pools:
            self.pools[name] = Resource(f"pool {name!r}", 0, _no_pool(name))
        return self.pools[name]

    def set_pools(self, slots: dict[str, int]) -> None:
        """Take over all pools; one that is gone admits nothing more."""
        for name, count in slots.items():
            pool = self._pool(name)
            pool.limit, pool.closed = UNLIMITED if count == -1 else count, ""
            self.admission.reopen(pool)
        for name in self.pools.keys() - slots.keys():
            self.pools[name].limit, self.pools[name].closed = 0, _no_pool(name)

    def set_capacity(self, executor: str, capacity: int | None) -> None:
        """An executor is there, with so many places."""
        lane = self.lane(executor)
        lane.places.limit = UNLIMITED if capacity is None else capacity
        self.hear(lane)

    def hear(self, lane: Lane) -> None:
        """An executor was heard: the leases of its tries are renewed, and it is sent work."""
        lane.heard_at = self.now
        lane.places.closed = ""
        self.admission.reopen(lane.places)


def _no_pool(name: str) -> str:
    return f"pool {name!r} does not exist. Create it with: penstock pools set {name} SLOTS"
