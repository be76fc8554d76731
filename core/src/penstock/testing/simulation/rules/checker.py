"""What must hold after every transaction, whatever happens: checked on the stored rows, apart from the engine."""

from collections import Counter
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select

from penstock.engine.messages import DagUpdated, Step
from penstock.engine.runs.due import next_due
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.notice import Notice, TaskStateChanged
from penstock.model.now import Now
from penstock.model.run import RunKind, TaskKey, Try
from penstock.model.schedule import Overlap
from penstock.model.state import RunState, TaskState, TriggerRule
from penstock.store import Store
from penstock.store.sql import tables
from penstock.store.sql.notices import read
from penstock.testing.simulation.rules.backfills import BackfillRules, with_only
from penstock.testing.simulation.rules.doubted_clock import DoubtedClock
from penstock.testing.simulation.rules.mapped_rules import MappedRules
from penstock.testing.simulation.rules.past_rules import PastRules
from penstock.testing.simulation.rules.rows import Rows, ident_of
from penstock.testing.simulation.rules.trigger_rules import BROKEN, allowed

S = TaskState
WAITING = {Overlap.QUEUE: 16, Overlap.QUEUE_LATEST: 1, Overlap.SKIP: 0, Overlap.CANCEL: 1}
"""Scheduled runs of a DAG that may wait at once."""


class SharedLimits:
    """The limits as they are now, kept apart from the engine's."""

    def __init__(self) -> None:
        self.pools: dict[str, int] = {}
        self.capacity: dict[str, int] = {}
        self.routes: dict[str, str] = {}
        self.rated: set[str] = set()
        self.queues: dict[str, int] = {}
        self.tenants: dict[str, int] = {}

    def executor(self, task: TaskSpec) -> str:
        """Where a task belongs."""
        return "waiter" if task.sensor is not None else self.routes.get(task.queue, "local")


class Checker:
    """Holds each committed step against the rows before it."""

    def __init__(self, store: Rows, limits: SharedLimits) -> None:
        self.store, self.limits, self._clock, self._doubted = store, limits, DoubtedClock(), False
        self.spent, self.before = Counter[TaskKey](), dict[TaskKey, TaskState]()
        self.outcomes, self.notified = dict[tuple[TaskKey, int], object](), dict[tuple[object, ...], str]()
        self.backfills = BackfillRules(store)
        self.past, self.mapped = PastRules(store, self.dag_of), MappedRules(store, self.dag_of)
        self._reduced, self._left = dict[tuple[str, ...], DagSpec](), set[str]()
        self._not_before: dict[str, tuple[DagUpdated, datetime]] = {}

    def check(self, step: Step, touched: set[int]) -> None:
        """Raise AssertionError for the first thing that does not hold after this step was stored."""
        if not step.changes:
            return
        self._notices(step)
        self._epochs(step)
        self._tries(step)
        self._states(step, touched)
        self.past.check(step, self.before, touched)
        self.mapped.check(step)
        self._dispatches(step)
        self._runs(step)
        self._nothing_hidden()
        for key in step.changes.removed:
            self.before.pop(key, None)
        self.before.update((task.key, task.state) for task in step.changes.tasks)

    def reread(self, store: Store, damaged: Collection[int]) -> None:
        """Something else than a step has written rows: a run that could not be handled has failed, and listeners hear it."""
        self.notified.clear()
        with store.database.read() as connection:
            for body in connection.execute(select(tables.notice.c.body).order_by(tables.notice.c.number)).scalars():
                notice = read(body)
                self.notified[_ident(notice)] = notice.state
        for run in self.store.runs.values():
            known = self.notified.get((run.dag_id, run.run_id), "queued")
            assert known == run.state, f"{run.run_id} of {run.dag_id} is {run.state}, listeners know it as {known}"
        for key, task in self.store.tasks.items():
            if key.run in damaged:  # what its state was before, nobody can say any more
                run = self.store.runs[key.run]
                self.notified[run.dag_id, run.run_id, key.task_id, key.map_index] = task.state
        self.before = {key: task.state for key, task in self.store.tasks.items()}

    def forgot(self) -> None:
        """The engine knows nothing any more."""
        self._left = set()

    def turn_ended(self, now: Now, *, followed: bool) -> None:
        """The scheduler rests: no run waits that might start, and none is missing that is due.

        A turn that wants to be ``followed`` at once may leave something for the next one, and that leaves nothing of it.
        """
        self._doubted = self._clock.doubted(now)
        found = self._undone(now.wall)
        missed = found & self._left if followed else found
        assert not missed, "; ".join(sorted(missed))
        self._left = found

    def _undone(self, now: datetime) -> set[str]:
        """What the scheduler might have done by now, a sentence each."""
        found = set[str]()
        running, queued, fresh, backfilled = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
        alive, begun = {attempt.run for attempt in self.open_tries()}, self.store.of_run
        for run in self.store.runs.values():
            if run.state.finished and run.run not in alive:
                continue
            active = run.state is RunState.RUNNING or run.run in alive
            running[run.dag_id] += active
            if self.backfills.backfill_of(run) is not None:
                backfilled[run.dag_id] += active
                continue
            queued[run.dag_id] += run.state is RunState.QUEUED
            made = run.kind is RunKind.SCHEDULED and not begun.get(run.run)
            fresh[run.dag_id] += made and run.state is RunState.QUEUED
        for dag_id, row in self.store.dags.items():
            room = (row.dag.max_active_runs or 10**9) - running[dag_id]
            if row.paused:
                continue
            if room > 0 and queued[dag_id]:
                found.add(f"{queued[dag_id]} runs of {dag_id} wait, and {room} more may be active")
            held_back = row.dag.catchup and row.dag.overlap is Overlap.QUEUE
            kept = WAITING[row.dag.overlap] + backfilled[dag_id]
            if not held_back and fresh[dag_id] > kept:
                found.add(f"{fresh[dag_id]} runs of {dag_id} wait, at most {kept} should")
            if row.active and (room > 0 or not held_back) and (due := self._due(row, now)) is not None:
                found.add(f"a run of {dag_id} is due since {due}")
        return found

    def _due(self, row: DagUpdated, now: datetime) -> datetime | None:
        """The date of a DAG that is missing, if one is; one that is still to come is not asked for again until then."""
        dag_id, (known, until) = row.dag.dag_id, self._not_before.get(row.dag.dag_id, (None, now))
        if self._doubted or (known is row and now < until):
            return None
        due = next_due(row.dag, row.cursor, now)
        if due is not None and due.at > now:
            self._not_before[dag_id] = (row, due.at)
        return due.at if due is not None and due.at <= now else None

    def dag_of(self, number: int) -> DagSpec:
        """The version of its DAG that a run has, with the tasks that the run has."""
        run = self.store.runs[number]
        if not run.subset:
            return self.store.versions[run.version]
        ident = (run.version, *run.subset)
        if ident not in self._reduced:
            self._reduced[ident] = with_only(self.store.versions[run.version], run.subset)
        return self._reduced[ident]

    def task(self, key: TaskKey) -> TaskSpec:
        """The structure of the task that an instance belongs to."""
        return self.dag_of(key.run).task(key.task_id)

    def has_task(self, key: TaskKey) -> bool:
        """Whether the run's version has the task: a row of an earlier version may have none."""
        return any(task.task_id == key.task_id for task in self.dag_of(key.run).tasks)

    def open_tries(self) -> list[Try]:
        """Tries without an outcome."""
        return list(self.store.open.values())

    def _notices(self, step: Step) -> None:
        """What listeners heard so far is a chain without a gap, and it ends at the stored rows."""
        for notice in step.changes.notices:
            self._received(notice)
        runs = self.store.runs
        rows: list[tuple[tuple[object, ...], str]] = [((r.dag_id, r.run_id), r.state.value) for r in step.changes.runs]
        rows += [
            ((runs[t.run].dag_id, runs[t.run].run_id, t.task_id, t.map_index), t.state.value)
            for t in step.changes.tasks
        ]
        for ident, state in rows:
            known = self.notified.get(ident, "none" if len(ident) > 2 else "queued")
            assert known == state, f"{ident} is {state}, listeners know it as {known}"

    def _received(self, notice: Notice) -> None:
        ident = _ident(notice)
        known = self.notified.get(ident, "none" if len(ident) > 2 else "queued")
        assert notice.previous == known != notice.state, f"listeners know {ident} as {known}, and hear {notice}"
        self.notified[ident] = notice.state

    def _epochs(self, step: Step) -> None:
        for dispatch in step.dispatches:
            key, epoch = dispatch.instance.key, dispatch.instance.epoch
            assert epoch > self.spent[key], f"{key} goes out with epoch {epoch}, {self.spent[key]} is spent"
            self.spent[key] = epoch
            assert self.store.tasks[key].state is S.QUEUED, (
                f"{key} goes out, its row says {self.store.tasks[key].state}"
            )

    def _tries(self, step: Step) -> None:
        alive = Counter(TaskKey(a.run, a.task_id, a.map_index) for a in self.open_tries())
        for key, count in alive.items():
            assert count == 1, f"{key} has {count} live tries"
        for attempt in step.changes.tries:
            ident = (TaskKey(attempt.run, attempt.task_id, attempt.map_index), attempt.epoch)
            old = self.outcomes.get(ident)
            assert old is None, f"the try {ident} had ended as {old} and is written again"
            self.outcomes[ident] = attempt.outcome
        for key in {task.key for task in step.changes.tasks} | {ident_of(attempt)[0] for attempt in step.changes.tries}:
            task = self.store.tasks.get(key)
            if task is not None and task.state.live:
                assert alive[key] == 1, f"{key} is {task.state}, and no try of it lives"

    def _states(self, step: Step, touched: set[int]) -> None:
        for task in step.changes.tasks:
            key, old = task.key, self.before.get(task.key, S.NONE)
            if key.run in touched or self.mapped.moved(key, old, task.state, step):
                continue
            if old.finished and task.state is not old:
                raise AssertionError(f"{key} was {old} and is {task.state}, and nobody asked for it")
            if old is S.NONE and task.state is not S.NONE and self.has_task(key):
                self._edges(key, task.state, task.reason)

    def _edges(self, key: TaskKey, state: TaskState, reason: str) -> None:
        spec = self.task(key)
        if reason.startswith(("cut off by", "run timeout")):
            return
        if state is S.CANCELLED:
            assert self.store.runs[key.run].cancelled_at is not None, f"{key} was cancelled, its run was not"
            return
        tallies, open_tasks = Counter[TaskState](), 0
        setups = Counter[TaskState]()
        for up in spec.upstream:
            states = self._states_above(key, spec, up)
            open_tasks += not all(s.finished for s in states)
            tallies.update(s for s in states if s.finished)
            if self.task(TaskKey(key.run, up)).setup:
                setups.update(s for s in states if s.finished)
        setup = self._setup_verdict(key, spec)
        expected = allowed(spec.trigger_rule, tallies, setups, done=open_tasks == 0, any_upstream=bool(spec.upstream))
        if reason.startswith(("it was mapped over nothing", "cannot expand", "there is nothing to map over")):
            state = S.SCHEDULED
        if spec.trigger_rule is TriggerRule.ALL_SUCCESS and state is S.SKIPPED and tallies[S.SKIPPED]:
            return  # a failure of the same step came too late to change it
        got = state if state in (S.SKIPPED, S.UPSTREAM_FAILED) else S.SCHEDULED
        if setup is not None:
            assert got is not S.SCHEDULED or S.SUCCESS in setup, (
                f"{key} became {state}, and what it waits for is {setup}"
            )
            if got in setup:
                return
        assert got is expected, f"{key} became {state} ({reason}); its rule says {expected} to {dict(tallies)}"

    def _states_above(self, key: TaskKey, spec: TaskSpec, up: str) -> list[TaskState]:
        """States of a task upstream that count for an instance: those of all, or in its mapped group that of its own index."""
        rows = [row for row in self.store.of_run[key.run].values() if row.task_id == up]
        states = {row.map_index: row.state for row in rows if row.state is not S.REMOVED}
        beside = bool(spec.group) and self.task(TaskKey(key.run, up)).group == spec.group
        return [states[key.map_index]] if beside and key.map_index in states else list(states.values())

    def _setup_verdict(self, key: TaskKey, spec: TaskSpec) -> set[TaskState] | None:
        """What the setups above a task say, written down a second time: SUCCESS to go on, NONE to wait; None if there are none.

        Where one was skipped and another failed, the first that ended decides, and it is not known here which that was.
        """
        tasks = {t.task_id: t for t in self.dag_of(key.run).tasks}

        def above(task_id: str) -> set[str]:
            return {up for each in tasks[task_id].upstream for up in (each, *above(each))}

        teardowns = {name: [t.task_id for t in tasks.values() if t.teardown and name in t.upstream] for name in tasks}
        setups = {name for name in above(spec.task_id) if tasks[name].setup}
        if spec.teardown:
            own = setups & set(spec.upstream)
            asked = {name for name in above(spec.task_id) - set(spec.upstream) if own & above(name)}
        elif spec.trigger_rule in (TriggerRule.ALWAYS, TriggerRule.ALL_DONE_SETUP_SUCCESS):
            asked = set()
        else:
            asked = {n for n in setups if not teardowns[n] or any(spec.task_id in above(t) for t in teardowns[n])}
        if not asked:
            return None
        states = [state for up in asked for state in self._states_above(key, spec, up)]
        if not spec.teardown and (ended := set(states) - {S.SUCCESS}):
            verdicts = {S.UPSTREAM_FAILED} if ended & set(BROKEN) else set[TaskState]()
            return (verdicts | ({S.SKIPPED} & ended)) or {S.NONE}
        return {S.SUCCESS} if all(s.finished for s in states) else {S.NONE}

    def _dispatches(self, step: Step) -> None:
        if not step.dispatches:
            return
        used = self._used()
        for dispatch in step.dispatches:
            key = dispatch.instance.key
            assert self.store.runs[key.run].state is RunState.RUNNING, f"{key} goes out, its run does not run"
            assert dispatch.run.dag_id in self.store.dags, f"{key} goes out, its DAG is not stored"
            assert not self.store.dags[dispatch.run.dag_id].paused, f"{key} goes out, its DAG is paused"
            if dispatch.task.setup:
                self._taken_down(key, dispatch.task.group)
            assert dispatch.executor == self.limits.executor(dispatch.task)
            for name, amount, limit in self._limits_of(key, dispatch.executor):
                assert not amount or used[name] <= limit, f"{' '.join(name)} is overfull: {used[name]} of {limit}"

    def _taken_down(self, key: TaskKey, group: str) -> None:
        """No teardown of a setup that goes out is at work still; of a mapped group, none of its own index."""
        old = [TaskKey(a.run, a.task_id, a.map_index) for a in self.open_tries()]
        old = [k for k in old if self._takes_down(k, key) and group in ("", self.task(k).group)]
        old = [k for k in old if not group or k.map_index == key.map_index]
        assert not old, f"{key} goes out while {', '.join(map(str, old))} takes down what it makes"

    def _takes_down(self, key: TaskKey, setup: TaskKey) -> bool:
        """Whether an instance is a teardown of that setup."""
        task = self.task(key) if key.run == setup.run and self.has_task(key) else None
        return task is not None and task.teardown and setup.task_id in task.upstream

    def _used(self) -> Counter[tuple[str, ...]]:
        """How much of each limit live tries take."""
        used = Counter[tuple[str, ...]]()
        for attempt in self.open_tries():
            for name, amount, _ in self._limits_of(TaskKey(attempt.run, attempt.task_id), attempt.executor):
                used[name] += amount
        return used

    def _limits_of(self, key: TaskKey, executor: str) -> list[tuple[tuple[str, ...], int, int]]:
        """Each limit that a try is under: its name, how much of it the try takes, and how much there is."""
        run, task = self.store.runs[key.run], self.task(key)
        dag = self.dag_of(key.run)
        newest = self.store.dags[run.dag_id].dag if run.dag_id in self.store.dags else dag
        found: list[tuple[tuple[str, ...], int, int]] = [
            (("executor", executor), 1, self.limits.capacity.get(executor, 0))
        ]
        if task.max_active_per_run is not None:
            found.append((("run", str(key.run), key.task_id), 1, task.max_active_per_run))
        per_dag = [each.max_active_per_dag or 0 for each in newest.tasks if each.task_id == key.task_id]
        if task.max_active_per_dag is not None and any(per_dag):
            found.append((("task", run.dag_id, key.task_id), 1, per_dag[0]))
        if task.sensor is None:
            found.append((("pool", task.pool), task.pool_slots, self.limits.pools.get(task.pool, 0)))
            found.append((("DAG", run.dag_id), 1, newest.max_active_tasks or 10**9))
            found.append((("tenant", dag.tenant), 1, self.limits.tenants.get(dag.tenant, 10**9)))
            found.append((("queue", task.queue), 1, self.limits.queues.get(task.queue, 10**9)))
        return found

    def _runs(self, step: Step) -> None:
        if not step.changes.runs:
            return
        running = Counter(run.dag_id for run in self.store.runs.values() if run.state is RunState.RUNNING)
        by_run = {run.run: [task.state for task in self.store.of_run[run.run].values()] for run in step.changes.runs}
        for run in step.changes.runs:
            limit = self.store.dags[run.dag_id].dag.max_active_runs
            if run.state is RunState.RUNNING:
                assert running[run.dag_id] <= (limit or 10**9), f"{running[run.dag_id]} runs of {run.dag_id} are active"
                assert not all(s.finished for s in by_run[run.run]), f"run {run.run} runs, and all of it is done"
            if run.state is RunState.SKIPPED:
                assert run.kind is RunKind.SCHEDULED, f"run {run.run} was skipped, and somebody asked for it"
                assert not by_run[run.run], f"run {run.run} was skipped, and has begun"
            elif run.state.finished:
                assert all(s.finished for s in by_run[run.run]), f"run {run.run} ended with tasks that have not"
                self._verdict(run.run, run.state)

    def _verdict(self, number: int, state: RunState) -> None:
        if state is RunState.CANCELLED:
            return
        dag = self.dag_of(number)
        teardowns = {t.task_id for t in dag.tasks if t.teardown and not t.fails_run}
        inner = {up for t in dag.tasks if t.task_id not in teardowns for up in t.upstream}
        leaves = {t.task_id for t in dag.tasks} - inner - teardowns
        leaves = leaves or {t.task_id for t in dag.tasks} - {up for t in dag.tasks for up in t.upstream}
        states = [t.state for key, t in self.store.of_run[number].items() if key.task_id in leaves]
        broken = any(s in BROKEN for s in states) or self.store.runs[number].timed_out_at is not None
        expected = RunState.FAILED if broken else RunState.SUCCESS
        assert state is expected, f"run {number} ended as {state}, its leaves say {expected}"

    def _nothing_hidden(self) -> None:
        """No ready instance is left behind that every limit would admit, but for one that a larger need has waited for."""
        used = self._used()
        alive = {TaskKey(a.run, a.task_id, a.map_index) for a in self.open_tries()}
        free, awaited = list[tuple[TaskKey, str]](), set[str]()
        running = [run for run in self.store.runs.values() if run.state is RunState.RUNNING]
        for run, key, row in [(each, *of_it) for each in running for of_it in self.store.of_run[each.run].items()]:
            if row.state is not S.SCHEDULED or key in alive or self.store.dags[run.dag_id].paused:
                continue
            task = self.task(key)
            if task.setup and any(self._takes_down(other, key) for other in alive):
                continue
            limits = self._limits_of(key, self.limits.executor(task))
            short = {name for name, amount, limit in limits if used[name] + amount > limit}
            large = 1 < task.pool_slots <= self.limits.pools.get(task.pool, 0)
            if task.sensor is None and task.pool in self.limits.rated:
                continue  # its next start may not be due
            if not short:
                free.append((key, task.pool))
            elif large and short - {limits[0][0]} == {("pool", task.pool)}:
                awaited.add(task.pool)
        for key, pool in free:
            kept = pool in awaited and self.task(key).sensor is None
            assert kept, f"{key} is ready, nothing is full, and it does not go out: {self.store.tasks[key].reason}"


def _ident(notice: Notice) -> tuple[object, ...]:
    task = (notice.task_id, notice.map_index) if isinstance(notice, TaskStateChanged) else ()
    return (notice.dag_id, notice.run_id, *task)
