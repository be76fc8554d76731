"""The engine's state: everything that lives, and what the step in progress has changed of it."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from heapq import heappop, heappush

from penstock.engine.decisions.past_hold import looking_back
from penstock.engine.graph.compiled import CompiledDag
from penstock.engine.graph.live_backfill import LiveBackfill
from penstock.engine.limits.admission import Admission
from penstock.engine.limits.bucket import Bucket
from penstock.engine.limits.fairness import TenantRule
from penstock.engine.limits.resource import Needs
from penstock.engine.limits.resources import Resources
from penstock.engine.limits.time_of_day import LATENESS_S, TimeOfDay
from penstock.engine.live import Instance, LiveRun, Node
from penstock.engine.live_dag import NEVER, LiveDag
from penstock.engine.messages import LONGEST_WAIT_S, Dispatch, Kill, Step
from penstock.model.backfills.backfill import Backfill
from penstock.model.changes import Changes, LateAnswer
from penstock.model.dag import DagSpec
from penstock.model.notice import RunStateChanged, TaskStateChanged
from penstock.model.now import Now
from penstock.model.run import Run, TaskInstance, TaskKey, Try
from penstock.model.state import RunState, TaskState

UNWATCHED_S = 600.0
"""Seconds by which a step may come later, before what fell due meanwhile counts as if no scheduler had run."""
STEPS_PER_LEASE = 6
"""How often the engine asks to be stepped within a lease: a pause costs a try at most one such part of its lease."""


class State:
    """Everything that lives: runs, DAGs, pools, executors, timers; and the collected changes of the step in progress.

    The modules that decide (`flow`, `tries`, `runs`, `requests`) change it through its methods alone.
    """

    def __init__(
        self,
        lease_s: float,
        default_executor: str,
        sensor_executor: str,
        routes: Mapping[str, str],
        queue_limits: Mapping[str, int],
        tenants: Mapping[str, TenantRule],
        *,
        notify: bool,
    ) -> None:
        self.lease_s = lease_s
        self.default_executor, self.sensor_executor, self.routes = default_executor, sensor_executor, routes
        self._notify = notify
        self.runs: dict[int, LiveRun] = {}
        self.dags: dict[str, LiveDag] = {}
        self.backfills: dict[int, LiveBackfill] = {}
        self.consumers: dict[str, set[str]] = {}
        self.admission = Admission()
        self.resources = Resources(self.admission, routes, queue_limits, tenants)
        self.dags_to_check: set[str] = set()
        self.dags_awaiting_runs: set[str] = set()
        self.past_wanted: dict[int, None] = {}
        self._compiled: dict[tuple[str, str, tuple[str, ...]], CompiledDag] = {}
        self._timers: list[tuple[datetime, str]] = []
        self._retries: list[tuple[float, int, Instance]] = []
        self._timeouts: list[tuple[float, int]] = []
        self._leases: OrderedDict[Instance, float] = OrderedDict()
        self._seq = 0
        self.monotonic_s = self._lease_clock_s = self._expected_wait_s = 0.0
        self.now, self.time_of_day = NEVER, TimeOfDay()
        self.begin_step(Now(self.now, 0.0))
        self.time_of_day = TimeOfDay()  # nobody has read the clocks yet

    def begin_step(self, now: Now) -> None:
        """Start a step."""
        # A step that comes far later than was asked for means that the scheduler did not run: the machine slept, the
        # process was stopped, the database made it wait. Nobody could renew a lease meanwhile, so leases do not age either.
        elapsed = now.monotonic_s - self.monotonic_s
        self._lease_clock_s += min(elapsed, self._expected_wait_s + LATENESS_S)
        # What falls due next was worked out by a time of day that somebody has set since, and nothing fell due that it left out.
        cursors = (dag.cursor for dag in self.dags.values())
        if self.time_of_day.read(now, cursors) or elapsed > self._expected_wait_s + UNWATCHED_S:
            self.dags_to_check |= self.dags.keys()
            for dag in self.dags.values():
                dag.watched_since = now.wall
        self.now, self.monotonic_s = now.wall, now.monotonic_s
        self.resources.begin_step(now)
        self.changes = Changes()
        self.dispatches: list[Dispatch] = []
        self.kills: list[Kill] = []
        self.newly_ready: list[Instance] = []
        self.ended: deque[Instance] = deque()
        self._released: list[LiveRun] = []
        self._dirty: dict[Instance, None] = {}
        self._dropped: dict[TaskKey, TaskInstance] = {}
        self._removed: dict[TaskKey, Instance] = {}
        self._dirty_runs: dict[int, Run] = {}
        self._dirty_backfills: dict[int, Backfill] = {}
        self._dirty_tries: dict[tuple[TaskKey, int], Try] = {}
        self._late: dict[tuple[TaskKey, int], LateAnswer] = {}

    def mark_dirty(self, instance: Instance) -> None:
        """Store the instance's row at the end of the step."""
        self._dirty[instance] = None
        self._notify_task(instance)

    def delete_row(self, instance: Instance) -> None:
        """Delete the row of an instance that exists no more."""
        self._dirty.pop(instance, None)
        self.changes.removed.append(instance.key)

    def forget(self, instance: Instance) -> None:
        """Forget an instance without a live try, whose place another one takes."""
        self.admission.drop(instance)
        instance.retry_at_s = None
        self._dirty.pop(instance, None)

    def drop(self, instance: Instance) -> TaskInstance:
        """Store the row of an instance that is no part of its run any more, at the end of the step."""
        self.mark_dirty(instance)
        self.forget(instance)
        row = self._dropped[instance.key] = instance.row()
        return row

    def store_dropped(self, run: LiveRun, row: TaskInstance) -> None:
        """Store a row that is no part of its run, at the end of the step."""
        run.dropped[row.key] = self._dropped[row.key] = row

    def remove(self, run: LiveRun, instance: Instance, reason: str) -> None:
        """Let the row of a mapped instance stay as removed; listeners hear of it unless it is brought back in this step."""
        self.forget(instance)
        instance.reset("")
        instance.transition(TaskState.REMOVED, reason)
        instance.ended_at = self.now
        self.store_dropped(run, instance.row())
        self._removed[instance.key] = instance

    def bring_back(self, instance: Instance) -> None:
        """Let a new instance go on from the row of a removed one of its key, if there is one."""
        row = instance.node.run.dropped.get(instance.key)
        if row is not None and row.state is TaskState.REMOVED:
            del instance.node.run.dropped[instance.key]
            self.take_up(row)
            before = self._removed.pop(instance.key, None)
            instance.epoch, instance.try_number = row.epoch, row.try_number
            instance.notified_state = row.state if before is None else before.notified_state
            instance.map_key = row.map_key if before is not None else ""  # later it may have another element

    def take_up(self, row: TaskInstance) -> TaskInstance:
        """Take a dropped row up again: an instance will store it."""
        self._dropped.pop(row.key, None)
        return row

    def store_run(self, live: LiveRun, row: Run) -> None:
        """Replace a run's row and store it at the end of the step."""
        before, live.row = live.row.state, row
        self._dirty_runs[row.run] = row
        if (self._notify or live.compiled.alerting) and row.state is not before:
            facts = (row.dag_id, row.run_id, row.kind.value, before.value, row.state.value, row.reason, self.now)
            self.changes.notices.append(RunStateChanged(*facts, row.run, row.version))

    def store_backfill(self, live: LiveBackfill, row: Backfill) -> None:
        """Replace a backfill's row and store it at the end of the step."""
        live.row = row
        self._dirty_backfills[row.number] = row

    def _notify_task(self, instance: Instance) -> None:
        """Record for listeners that the instance's state changed, if it did."""
        if not (self._notify or instance.node.run.compiled.alerting) or instance.state is instance.notified_state:
            return
        run, key, before = instance.node.run.row, instance.key, instance.notified_state
        instance.notified_state = instance.state
        states = (before.value, instance.state.value, instance.reason, self.now)
        whose = (run.dag_id, run.run_id, key.task_id, key.map_index, instance.try_number)
        self.changes.notices.append(TaskStateChanged(*whose, *states, run.run, run.version))

    def store_try(self, key: TaskKey, attempt: Try) -> None:
        """Store a try's row at the end of the step."""
        self._dirty_tries[key, attempt.epoch] = attempt

    def record_late(self, answer: LateAnswer) -> None:
        """Record a late answer on its try; it changes nothing else."""
        self._late[answer.key, answer.epoch] = answer

    def finish_step(self) -> Step:
        """End the step: everything that changed, each row once and in its newest form."""
        # Only now, and not where the run ended: later events of this step (a clear, a mark, an answer) may still name it.
        for run in self._released:
            if run.row.state.finished and not run.tries and self.runs.get(run.row.run) is run:
                self._let_go_of(run)
        reasons: dict[Bucket, str] = {}
        # A reason is said of what is still queued now, after admission, and once a bucket: all in it wait for the same.
        for instance in self.newly_ready:
            if (bucket := instance.bucket) is not None:
                if bucket not in reasons:
                    reasons[bucket] = self.admission.refusal(instance)[1]
                instance.reason = reasons[bucket]
        for instance in self._removed.values():
            self._notify_task(instance)
        changes = self.changes
        changes.tasks = [*(instance.row() for instance in self._dirty), *self._dropped.values()]
        changes.runs = list(self._dirty_runs.values())
        changes.backfills = list(self._dirty_backfills.values())
        changes.tries = list(self._dirty_tries.values())
        changes.late = list(self._late.values())
        changes.rates = self.resources.take_rates()
        wait_s = self._wait_s()
        self._expected_wait_s = LONGEST_WAIT_S if wait_s is None else min(wait_s, LONGEST_WAIT_S)
        return Step(changes, tuple(self.dispatches), tuple(self.kills), wait_s)

    def _let_go_of(self, run: LiveRun) -> None:
        """Take a run that has ended out of memory; the store then says what it is to the runs behind it."""
        del self.runs[run.row.run]
        self.past_wanted.pop(run.row.run, None)
        dated = self.dag(run.row.dag_id).dated
        for number in dated.behind(run.row):
            self.forget_past(self.runs[number])
        dated.remove(run.row)

    def forget_past(self, run: LiveRun) -> None:
        """Forget which run was before another, and ask for it if a task is held meanwhile."""
        run.past, run.past_known = None, False
        if run.row.state is RunState.RUNNING and looking_back(run):
            self.past_wanted[run.row.run] = None

    def wake_dag_at(self, at: datetime, dag_id: str) -> None:
        """Check a DAG in the first step at or after an instant."""
        dag = self.dag(dag_id)
        if dag.wake_at is None or at < dag.wake_at:
            dag.wake_at = at
            heappush(self._timers, (at, dag_id))

    def wake_dags(self) -> None:
        """Mark the DAGs whose timer is due for a check."""
        while self._timers and self._timers[0][0] <= self.now:
            _, dag_id = heappop(self._timers)
            if dag_id in self.dags:  # else it was lost since
                self.dags[dag_id].wake_at = None
                self.dags_to_check.add(dag_id)

    def retry_after(self, seconds: float, instance: Instance) -> None:
        """Set the timer of an instance that is up for retry."""
        self._seq += 1
        instance.retry_at_s = self.monotonic_s + seconds
        heappush(self._retries, (instance.retry_at_s, self._seq, instance))

    def take_due_retries(self) -> list[Instance]:
        """Take the instances whose timer has run out; they may have changed their state since it was set."""
        due = []
        while self._retries and self._retries[0][0] <= self.monotonic_s:
            due.append(heappop(self._retries)[2])
        return due

    def limit_run(self, run: LiveRun) -> None:
        """Set the timer of a running run, if its DAG limits how long one may take; after a restart by the time of day."""
        limit_s, row = run.compiled.dag.run_timeout_s, run.row
        if limit_s is None:
            return
        if run.started_s is None:
            taken_s = (self.now - (row.started_at or self.now)).total_seconds()
            run.started_s = self.monotonic_s - max(0.0, min(taken_s, limit_s))
        run.timeout_s = self.monotonic_s if row.timed_out_at else max(self.monotonic_s, run.started_s + limit_s)
        # By number, so that a run that has ended is not kept in memory until its time would have been over.
        heappush(self._timeouts, (run.timeout_s, row.run))

    def take_overdue_runs(self) -> list[LiveRun]:
        """Take the runs whose time is over; they may have ended since their timers were set."""
        overdue = []
        while self._timeouts and self._timeouts[0][0] <= self.monotonic_s:
            at_s, number = heappop(self._timeouts)
            run = self.runs.get(number)
            if run is not None and run.timeout_s == at_s:
                run.timeout_s = None
                overdue.append(run)
        return overdue

    def renew_lease(self, instance: Instance) -> None:
        """Give the instance's live try a whole lease from now on."""
        # All leases are equally long, so the one renewed longest ago ends first: an ordered dict keeps them sorted at no cost,
        # where a heap would have to find and move an entry at each heartbeat.
        self._leases[instance] = self._lease_clock_s + self.lease_s
        self._leases.move_to_end(instance)

    def take_expired(self) -> list[Instance]:
        """Take the instances whose live try has not been renewed for a whole lease, in the order of their keys."""
        expired = []
        while self._leases and next(iter(self._leases.values())) <= self._lease_clock_s:
            expired.append(self._leases.popitem(last=False)[0])
        return sorted(expired, key=lambda instance: instance.key)

    def _wait_s(self) -> float | None:
        """Seconds until the next timer, whichever clock it is on; None if there is none."""
        if self.dags_to_check or self.past_wanted or any(backfill.asking for backfill in self.backfills.values()):
            return 0.0
        waits = []
        if self._leases:
            left = next(iter(self._leases.values())) - self._lease_clock_s
            waits.append(min(left, self.lease_s / STEPS_PER_LEASE))
        if self._retries:
            waits.append(self._retries[0][0] - self.monotonic_s)
        if (start_s := self.resources.next_start_s()) is not None:
            waits.append(start_s - self.monotonic_s)
        if self._timeouts:
            waits.append(self._timeouts[0][0] - self.monotonic_s)
        if self._timers:
            waits.append((self._timers[0][0] - self.now).total_seconds())
        return max(0.0, min(waits)) if waits else None

    def dag(self, dag_id: str) -> LiveDag:
        """The state of a DAG, created on first use."""
        if dag_id not in self.dags:
            self.dags[dag_id] = LiveDag(dag_id)
        return self.dags[dag_id]

    def compiled(self, dag: DagSpec, version: str, subset: Sequence[str]) -> CompiledDag:
        """The compiled form of a DAG version, or of some tasks of it, made once and kept while live runs use it."""
        ident = (dag.dag_id, version, tuple(subset))
        compiled = self._compiled.get(ident) if version else None
        if compiled is None:
            if len(self._compiled) > 2 * len(self.runs) + 16:
                used = {(run.row.dag_id, run.compiled.version, tuple(run.row.subset)) for run in self.runs.values()}
                self._compiled = {known: kept for known, kept in self._compiled.items() if known in used}
            compiled = self._compiled[ident] = CompiledDag(dag, version, subset)
        return compiled

    def instance(self, key: TaskKey) -> Instance | None:
        """A live instance by name, or None."""
        run = self.runs.get(key.run)
        return None if run is None else run.instance(key)

    def release(self, run: LiveRun) -> None:
        """Drop a run after this step if it has ended and no try of it lives; a request of the same step still finds it."""
        self._released.append(run)

    def attach_try(self, instance: Instance, attempt: Try) -> None:
        """Attach a live try to its instance; its lease begins."""
        self.renew_lease(instance)
        instance.attempt = attempt
        instance.node.tries += 1
        instance.node.run.tries += 1

    def detach_try(self, instance: Instance) -> None:
        """Detach a try that has ended; the resources that it held are free."""
        self._leases.pop(instance, None)
        if instance.attempt is not None and instance.attempt.started_at is None:
            self.resources.refund(instance)
        instance.attempt = None
        instance.node.tries -= 1
        instance.node.run.tries -= 1
        if instance.node.run.compiled.looking_back:
            self.dags_to_check.add(instance.node.run.row.dag_id)  # its run may wait for the past alone from now on
        self.admission.release(instance)
        self.free_place(instance.node.run)

    def free_place(self, run: LiveRun) -> None:
        """Give the place of a run that runs no more to another, once no try of it lives: what starts next must not meet it."""
        if run.row.state is not RunState.RUNNING and not run.tries:
            self.dag(run.row.dag_id).running.discard(run.row.run)
            self.dags_to_check.add(run.row.dag_id)

    def restore_try(self, instance: Instance, attempt: Try) -> None:
        """Attach a live try that was stored; it holds its resources even if the limits were lowered since."""
        self.admission.hold(instance, self.needs(instance.node))
        self.attach_try(instance, attempt)

    def kill(self, instance: Instance, reason: str) -> None:
        """Kill a live try; until it answers, it holds its resources and no other try of the instance is dispatched."""
        if instance.attempt is not None and not instance.cancelling:
            # It is marked and not detached: until the executor answers, the process may live, and its places are in use.
            instance.cancelling = True
            self.kills.append(Kill(instance.attempt.executor, instance.key, instance.epoch, reason))

    def executor_of(self, node: Node) -> str:
        """Name of the executor that is to run a task."""
        if node.task.sensor is not None:
            return self.sensor_executor
        return self.routes.get(node.task.queue, self.default_executor)

    def enqueue(self, instance: Instance) -> None:
        """Queue a ready instance for admission."""
        node = instance.node
        needs, competitor = self.needs(node), node.competitor
        if competitor is None:
            run = node.run
            later = self.dag(run.row.dag_id).backfill_of(run.row) is not None
            competitor = self.resources.competitor(run.row.dag_id, run.compiled.dag.tenant, needs[-1][0], int(later))
            node.competitor = competitor
        self.admission.add(instance, needs, competitor)
        self.newly_ready.append(instance)

    def needs(self, node: Node) -> Needs:
        """Resources that an instance needs to run, its executor's slots last."""
        if node.needs is None:
            dag, executor = self.dag(node.run.row.dag_id), self.resources.executor(self.executor_of(node))
            limit, tenant = dag.limit_of(node.task), node.run.compiled.dag.tenant
            node.needs = self.resources.needs(node.task, tenant, executor, dag.active_tasks, limit)
        return node.needs
