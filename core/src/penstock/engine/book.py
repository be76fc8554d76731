"""What the engine knows, and what the step in progress has changed of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush

from penstock.engine.limits import Admission, Needs, Resource, Tenant
from penstock.engine.live import Instance, LiveRun
from penstock.engine.messages import DagUpdated, Dispatch, Kill, Step
from penstock.engine.plan import Plan
from penstock.model.changes import Changes
from penstock.model.dag import DagSpec
from penstock.model.run import Run, TaskKey
from penstock.model.state import RunState, TaskState

UNLIMITED = 2**31


class DagBook:
    """What the engine knows of one DAG.

    Attributes:
        row: The newest version and its switches; None for a DAG of which only old runs are known.
        running: Numbers of its running runs.
        queued: Numbers of its queued runs, oldest first.
    """

    __slots__ = ("active_tasks", "cursor", "queued", "row", "running", "tenant", "wake_at")

    def __init__(self, dag_id: str) -> None:
        self.row: DagUpdated | None = None
        self.running: set[int] = set()
        self.queued: deque[int] = deque()
        self.cursor: datetime | None = None
        self.wake_at: datetime | None = None
        self.tenant = Tenant()
        self.active_tasks = Resource(f"DAG {dag_id!r} (max_active_tasks)", UNLIMITED)


class Lane:
    """One executor: its places, and when it was last heard."""

    __slots__ = ("heard_at", "name", "places", "tries")

    def __init__(self, name: str) -> None:
        self.name = name
        self.places = Resource(f"executor {name!r}", 0)
        self.heard_at: datetime | None = None
        self.tries: set[Instance] = set()


class Book:
    """All live state. Its methods are the vocabulary of the modules that decide."""

    def __init__(self, lease_s: float, default_executor: str, sensor_executor: str, routes: dict[str, str]) -> None:
        self.lease = timedelta(seconds=lease_s)
        self.default_executor, self.sensor_executor, self.routes = default_executor, sensor_executor, routes
        self.runs: dict[int, LiveRun] = {}
        self.dags: dict[str, DagBook] = {}
        self.pools: dict[str, Resource] = {}
        self.lanes: dict[str, Lane] = {}
        self.per_task: dict[tuple[int, str], Resource] = {}
        self.admission = Admission()
        self.dags_to_look_at: set[str] = set()
        self.dags_awaiting_runs: set[str] = set()
        self._plans: dict[str, Plan] = {}
        self._timers: list[tuple[datetime, int, Callable[[Book], None]]] = []
        self._retries: list[tuple[datetime, int, Instance]] = []
        self._leases: list[tuple[datetime, int, str]] = []
        self._seq = 0
        self._output(datetime.min.replace(tzinfo=UTC))

    # What a step collects.

    def begin(self, now: datetime) -> None:
        """Start a step."""
        self._output(now)

    def _output(self, now: datetime) -> None:
        self.now = now
        self.changes = Changes()
        self.dispatches: list[Dispatch] = []
        self.kills: list[Kill] = []
        self.fresh: list[Instance] = []
        self.ended: deque[Instance] = deque()
        self._dirty: dict[Instance, None] = {}
        self._dirty_runs: dict[int, Run] = {}

    def touch(self, instance: Instance) -> None:
        """The instance's row must be stored at the end of the step."""
        self._dirty[instance] = None

    def forget_row(self, instance: Instance) -> None:
        """The instance exists no more; its row goes."""
        self._dirty.pop(instance, None)
        self.changes.removed.append(instance.key)

    def store_run(self, live: LiveRun, row: Run) -> None:
        """Replace a run's row and have it stored."""
        live.row = self._dirty_runs[row.run] = row

    def finish(self) -> Step:
        """End the step: everything that changed, each row once and in its newest form."""
        for instance in self.fresh:
            if instance.bucket is not None:
                instance.reason = self.admission.reason(instance)
        self.changes.tasks = [instance.row() for instance in self._dirty]
        self.changes.runs = list(self._dirty_runs.values())
        return Step(self.changes, tuple(self.dispatches), tuple(self.kills), self._wake_at())

    # Time.

    def call_at(self, at: datetime, then: Callable[[Book], None]) -> None:
        """Have ``then`` called by the first step at or after an instant."""
        self._seq += 1
        heappush(self._timers, (at, self._seq, then))

    def timers_due(self) -> list[Callable[[Book], None]]:
        """Take the timers that are due, oldest first."""
        due = []
        while self._timers and self._timers[0][0] <= self.now:
            due.append(heappop(self._timers)[2])
        return due

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

    def _wake_at(self) -> datetime | None:
        heads: list[datetime] = [heap[0][0] for heap in (self._timers, self._retries, self._leases) if heap]
        return min(heads, default=None)

    # Lookups.

    def dag(self, dag_id: str) -> DagBook:
        """The book of a DAG, opened on first use."""
        if dag_id not in self.dags:
            self.dags[dag_id] = DagBook(dag_id)
        return self.dags[dag_id]

    def plan(self, dag: DagSpec, version: str) -> Plan:
        """The compiled form of a DAG version, made once and kept while live runs use it."""
        plan = self._plans.get(version)
        if plan is None:
            used = {run.plan.version for run in self.runs.values()}
            self._plans = {known: kept for known, kept in self._plans.items() if known in used}
            plan = self._plans[version] = Plan(dag, version)
        return plan

    def instance(self, key: TaskKey) -> Instance | None:
        """A live instance by name, or None."""
        run = self.runs.get(key.run)
        return None if run is None else run.instance(key)

    def lane(self, name: str) -> Lane:
        """An executor by name, opened without capacity on first use."""
        if name not in self.lanes:
            self.lanes[name] = Lane(name)
        return self.lanes[name]

    def enter_lane(self, instance: Instance, executor: str) -> None:
        """A try of the instance is with an executor from now on; its lease runs."""
        lane = self.lane(executor)
        if not lane.tries:
            lane.heard_at = self.now
            self._watch(executor)
        instance.lane = executor
        lane.tries.add(instance)

    def occupy(self, instance: Instance) -> None:
        """A stored instance has a live try: it uses its places, full or not, until that try answers or is lost."""
        instance.holds = self.needs(instance)
        for resource, amount in instance.holds:
            resource.used += amount
        self.enter_lane(instance, self.executor_of(instance))

    def _watch(self, executor: str) -> None:
        lane = self.lane(executor)
        if lane.heard_at is not None:
            self._seq += 1
            heappush(self._leases, (lane.heard_at + self.lease, self._seq, executor))

    def silent_lanes(self) -> list[Lane]:
        """Executors that hold tries and were not heard for a whole lease; the others are watched on."""
        silent = []
        while self._leases and self._leases[0][0] <= self.now:
            executor = heappop(self._leases)[2]
            lane = self.lane(executor)
            if not lane.tries or lane.heard_at is None:
                continue
            if self.now >= lane.heard_at + self.lease:
                silent.append(lane)
            else:
                self._watch(executor)
        return silent

    def executor_of(self, instance: Instance) -> str:
        """Name of the executor that is to run it."""
        task = instance.node.task
        if task.sensor is not None:
            return self.sensor_executor
        return self.routes.get(task.queue, self.default_executor)

    def needs(self, instance: Instance) -> Needs:
        """What an instance takes to run, in the order in which refusals are named; a sensor takes no place."""
        run, task = instance.node.run, instance.node.task
        dag = self.dag(run.row.dag_id)
        places = (self.lane(self.executor_of(instance)).places, 1)
        if task.sensor is not None:
            return ((dag.active_tasks, 0), places)
        pool = self.pools.get(task.pool)
        if pool is None:
            pool = self.pools[task.pool] = Resource(f"pool {task.pool!r}", 0)
            pool.closed = f"pool {task.pool!r} does not exist. Create it with: penstock pools set {task.pool} SLOTS"
        needs: Needs = ((dag.active_tasks, 1), (pool, task.pool_slots), places)
        if task.max_active_per_run is not None:
            ident = (run.row.run, task.task_id)
            if ident not in self.per_task:
                label = f"task {task.task_id!r} of this run"
                self.per_task[ident] = Resource(label, task.max_active_per_run)
            needs = ((self.per_task[ident], 1), *needs)
        return needs

    # Limits.

    def set_pools(self, slots: dict[str, int]) -> None:
        """Take over all pools; one that is gone admits nothing more."""
        for name in self.pools.keys() | slots.keys():
            pool = self.pools.setdefault(name, Resource(f"pool {name!r}", 0))
            pool.limit = UNLIMITED if slots.get(name) == -1 else slots.get(name, 0)
            pool.closed = (
                ""
                if name in slots
                else f"pool {name!r} does not exist. Create it with: penstock pools set {name} SLOTS"
            )
            self.admission.reopen(pool)

    def set_capacity(self, executor: str, capacity: int | None) -> None:
        """An executor's places changed."""
        lane = self.lane(executor)
        lane.places.limit = UNLIMITED if capacity is None else capacity
        lane.heard_at = self.now
        self.admission.reopen(lane.places)

    # Explanations.

    def why(self, key: TaskKey) -> str:
        """Why an instance is where it is."""
        instance = self.instance(key)
        if instance is None:
            return "its run is not live"
        if instance.bucket is not None:
            return self.admission.reason(instance)
        run = instance.node.run
        if run.row.state is RunState.QUEUED:
            return f"its run has not started: {self.why_queued(run.row)}"
        if instance.state is TaskState.NONE:
            from_rules = instance.node.tally
            return f"waits for its upstream: {from_rules.pending} not finished"
        return instance.reason

    def why_queued(self, run: Run) -> str:
        """Why a queued run has not started."""
        dag = self.dag(run.dag_id)
        if dag.row is not None and dag.row.paused:
            return f"DAG {run.dag_id!r} is paused"
        limit = dag.row.dag.max_active_runs if dag.row is not None else self.runs[run.run].plan.dag.max_active_runs
        return f"DAG {run.dag_id!r} has {len(dag.running)} of {limit} active runs (max_active_runs)"
