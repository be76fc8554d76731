"""One run of one DAG in this process, without a database and without other processes: for tests and for debuggers.

The engine is the real one: trigger rules, retries, mapping, branches and limits are those of production. What differs:
tries run one after the other here, so that an ``execution_timeout`` cannot end one and a crash is a crash;
sensors poke on the clock that was handed in, which may jump instead of waiting.
"""

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

import msgspec

from penstock.author.abstract_operator import AbstractOperator
from penstock.author.build.build import build_dag
from penstock.author.dag import DAG
from penstock.author.operator import Operator
from penstock.author.run.coroutines import completed
from penstock.author.run.execution import Prepared, prepare, run_try
from penstock.author.run.failed import failed
from penstock.author.run.stored_plan import from_plan
from penstock.author.runtime import BaseRuntime, Runtime
from penstock.engine.engine import Engine
from penstock.engine.messages import CapacityChanged, Dispatch, Event, Kill, PastFound, PoolsUpdated, RunAdded, Step
from penstock.errors import InternalError
from penstock.model.assets.event import NewAssetEvent
from penstock.model.attempt import TryEnd, TryFacts, TryInputs
from penstock.model.connection import Connection
from penstock.model.dag import DEFAULT_POOL, TaskSpec, XComRef
from penstock.model.now import Now
from penstock.model.run import UNMAPPED, NewRun, Run, TaskInstance, TaskKey, Try, XCom
from penstock.model.state import Outcome, RunState
from penstock.spec.executor import LOCAL, WAITER, TryFinished, TryStarted
from penstock.tries.inputs import Inputs
from penstock.tries.try_requests import facts_of

_LEASE_S = 3e9  # a century: nothing gets lost in one process, however far its clock jumps
_SLOTS = 1 << 20


class WaitingClock(Protocol):
    """Tells the present and lets it pass."""

    def now(self) -> datetime:
        """The present as aware UTC."""

    def sleep_until(self, moment: datetime) -> None:
        """Return when that moment has come."""


class TryDone(NamedTuple):
    """A try that ended, as `InlineRun` passes it to its callback."""

    task: TaskInstance
    end: TryEnd


class InlineRun:
    """Runs a DAG.

    Args:
        dag: The DAG, as its file made it.
        runtime: Answers what tasks ask: connections, Variables, runs of other DAGs.
        clock: The time.
        resolve: Class of an operator by capability id.
        file: Name of the DAG's file, for messages.
        on_try_end: Called with every try that ended.

    Raises:
        penstock.errors.AuthoringError: If anything is wrong with the DAG.

    Attributes:
        spec: The DAG as data.
        run: The run's row, in its newest form.
        tasks: Task instances by key, in their newest form.
        tries: Every try by key and epoch.
        xcoms: JSON of values that tasks left.
        checkpoints: JSON of what task instances keep across their own tries, by instance and key.
        kept_state: Number and JSON of what tasks and assets keep from run to run, by task id or URI and key.
        asset_events: Events of assets that tasks made, in their order.
    """

    def __init__(
        self,
        dag: DAG,
        runtime: Runtime,
        clock: WaitingClock,
        *,
        resolve: Callable[[str], type[Operator]] | None = None,
        file: str = "",
        on_try_end: Callable[[TryDone], None] = lambda _: None,
    ) -> None:
        self._dag, self._runtime, self._clock, self._resolve, self._on_try_end = (
            dag,
            runtime,
            clock,
            resolve,
            on_try_end,
        )
        self.spec = build_dag(dag, file)
        self.tasks: dict[TaskKey, TaskInstance] = {}
        self.tries: dict[tuple[TaskKey, int], Try] = {}
        self.xcoms = _RunValues()
        self.checkpoints: dict[tuple[TaskKey, str], bytes] = {}
        self.kept_state: dict[tuple[str, str], tuple[int, bytes]] = {}
        self.state_numbers = itertools.count(1)
        self.asset_events: list[NewAssetEvent] = []
        self.run: Run | None = None
        self._engine = Engine(lease_s=_LEASE_S)
        self._waiting: list[tuple[datetime, int, _Wait]] = []
        self._serial = itertools.count()

    def play(self, new: NewRun) -> Run:
        """Run a run to its end and return it; raises InternalError if it can go neither forward nor back.

        If it is interrupted, what waits cleans up: nobody will go on with it.
        """
        try:
            return self._play(new)
        except BaseException:
            for _, _, wait in self._waiting:
                wait.clean_up()
            raise

    def _play(self, new: NewRun) -> Run:
        self.run = Run(
            run=1,
            dag_id=new.dag_id,
            run_id=new.run_id,
            kind=new.kind,
            state=RunState.QUEUED,
            version="inline",
            created_at=self._clock.now(),
            logical_date=new.logical_date,
            interval_start=new.interval_start,
            interval_end=new.interval_end,
            conf=new.conf,
            consumed=new.consumed,
        )
        pools = {DEFAULT_POOL: _SLOTS, **{task.pool: _SLOTS for task in self.spec.tasks}}
        events: list[Event] = [
            CapacityChanged(LOCAL, None),
            CapacityChanged(WAITER, None),
            PoolsUpdated(pools),
            RunAdded(self.run, self.spec),
        ]
        began = self._clock.now()
        while True:
            now = self._clock.now()
            step = self._engine.step(events, Now(now, (now - began).total_seconds()))
            self._keep(step)
            if self.run.state.finished and not step.dispatches:
                return self.run
            events = [
                # There is this one run, and no past of it.
                *(PastFound(each.run, None) for each in self._engine.past_wanted),
                *self._killed(step.kills),
                *self._run_dispatches(step.dispatches),
            ] or self._pass_time(step.wait_s)

    def _keep(self, step: Step) -> None:
        changes = step.changes
        for run in changes.runs:
            self.run = run
        for key in changes.removed:
            self.tasks.pop(key, None)
        self.tasks |= {task.key: task for task in changes.tasks}
        self.tries |= {(TaskKey(each.run, each.task_id, each.map_index), each.epoch): each for each in changes.tries}
        for key in changes.cleared:
            self.xcoms.clear(key)
        for xcom in changes.xcoms:
            self.xcoms.keep(xcom)
        self.asset_events += changes.asset_events

    def _run_dispatches(self, dispatches: Iterable[Dispatch]) -> Iterator[Event]:
        for dispatch in dispatches:
            yield TryStarted(dispatch.instance.key, dispatch.instance.epoch, 0, self._clock.now())
            facts, inputs = facts_of(dispatch, self.spec), self._inputs(dispatch)
            if dispatch.task.sensor is None:
                yield self._finished(
                    dispatch, run_try(self._operator(dispatch.task), facts, inputs, self._runtime_of_try(dispatch))
                )
            else:
                wait = _Wait(dispatch, self._operator(dispatch.task), facts, inputs, self._runtime_of_try(dispatch))
                yield from self._poke(wait)

    def _killed(self, kills: Iterable[Kill]) -> Iterator[Event]:
        """End what waits; all other tries have ended before the engine could say so."""
        for kill in kills:
            for place in [place for place in self._waiting if place[2].dispatch.instance.key == kill.key]:
                self._waiting.remove(place)
                heapq.heapify(self._waiting)
                place[2].clean_up()
                yield self._finished(place[2].dispatch, TryEnd(Outcome.CANCELLED, kill.reason))

    def _poke(self, wait: "_Wait") -> Iterator[Event]:
        now = self._clock.now()
        end = wait.poke(now)
        if end is None:
            heapq.heappush(self._waiting, (wait.next_poke(now), next(self._serial), wait))
        else:
            yield self._finished(wait.dispatch, end)

    def _pass_time(self, wait_s: float | None) -> list[Event]:
        """Let the time pass until something is due, and do it."""
        due = [self._clock.now() + timedelta(seconds=wait_s)] if wait_s is not None else []
        due += [self._waiting[0][0]] if self._waiting else []
        if not due:
            stuck = ", ".join(f"{task.key}: {task.reason}" for task in self.tasks.values() if not task.state.finished)
            raise InternalError(f"the run of DAG {self.spec.dag_id!r} does not go on: {stuck or 'no task is left'}")
        moment = min(due)
        self._clock.sleep_until(moment)
        events: list[Event] = []
        while self._waiting and self._waiting[0][0] <= moment:
            events += self._poke(heapq.heappop(self._waiting)[2])
        return events

    def _finished(self, dispatch: Dispatch, end: TryEnd) -> TryFinished:
        self._on_try_end(TryDone(dispatch.instance, end))
        return TryFinished(dispatch.instance.key, dispatch.instance.epoch, self._clock.now(), end)

    def _operator(self, task: TaskSpec) -> AbstractOperator:
        if task.capability is None:
            return self._dag.get_task(task.task_id)
        if self._resolve is None:
            raise InternalError(
                f"task {task.task_id!r} is the capability {task.capability!r}, and nobody said how to find its class"
            )
        return from_plan(self._resolve(task.capability), task.task_id, task.plan or {})

    def _runtime_of_try(self, dispatch: Dispatch) -> Runtime:
        return _RunRuntime(self._runtime, self, dispatch.instance.key)

    def _inputs(self, dispatch: Dispatch) -> TryInputs:
        return Inputs(self.xcoms).of(self.spec, dispatch.task, dispatch.instance.key, dispatch.gathered)

    def value(self, ref: XComRef) -> bytes | None:
        """JSON of what a task left under a key; of a mapped task the list of all, in the order of the mapping."""
        if not self.spec.task(ref.task_id).mapped:
            return self.xcoms.one(1, ref, UNMAPPED)
        return b"[" + b",".join(value for _, value in self.xcoms.page(ref, 0)) + b"]"


class _RunValues:
    """JSON of what the tasks of one run left."""

    def __init__(self) -> None:
        self._left: dict[XComRef, dict[int, bytes]] = {}

    def keep(self, xcom: XCom) -> None:
        """Keep a value."""
        self._left.setdefault(XComRef(xcom.task_id, xcom.key), {})[xcom.map_index] = bytes(xcom.value)

    def clear(self, key: TaskKey) -> None:
        """Forget what a task instance left."""
        for ref, values in self._left.items():
            if ref.task_id == key.task_id:
                values.pop(key.map_index, None)

    def one(self, _run: int, ref: XComRef, map_index: int) -> bytes | None:
        """What one instance of a task left; None if it left nothing."""
        return self._left.get(ref, {}).get(map_index)

    def at(self, _run: int, ref: XComRef, place: int) -> bytes | None:
        """What an instance of a task left, by its place among those that left something."""
        return self.page(ref, 0)[place][1]

    def page(self, ref: XComRef, first: int) -> list[tuple[int, bytes]]:
        """What instances of a task left, each with its map index, from an index on."""
        return sorted((index, value) for index, value in self._left.get(ref, {}).items() if index >= first)


class _Wait:
    """A sensor that waits."""

    def __init__(
        self, dispatch: Dispatch, task: AbstractOperator, facts: TryFacts, inputs: TryInputs, runtime: Runtime
    ) -> None:
        self.dispatch = dispatch
        self._task, self._facts, self._inputs, self._runtime = task, facts, inputs, runtime
        self._prepared: Prepared | None = None
        self._since: datetime | None = None

    def poke(self, now: datetime) -> TryEnd | None:
        """Ask once; how the try ends, or None if it goes on waiting."""
        policy = self.dispatch.task.sensor
        self._since = self._since or now - timedelta(seconds=self.dispatch.waited_s)
        try:
            if self._prepared is None:
                self._prepared = prepare(self._task, self._facts, self._inputs, self._runtime)
            with self._prepared.active():
                end = self._prepared.poked(completed(self._prepared.poke()))
        except Exception as error:  # noqa: BLE001 - whatever user code raises is the verdict on this try
            return failed(error) if self._prepared is None else self._prepared.failed(error)
        waited = (now - self._since).total_seconds()
        if end is None and policy is not None and waited >= policy.timeout_s:
            self.clean_up()
            return self._prepared.timed_out(waited)
        return end

    def clean_up(self) -> None:
        """Have the task undo what outlives its try; what its code raises is said and changes nothing."""
        if self._prepared is not None and self._prepared.cleans_up:
            try:
                self._prepared.killed()
            except Exception as error:  # noqa: BLE001 - user code: the try ends as it would have without it
                print(f"on_kill() raised {failed(error).error}")  # noqa: T201 - the output of the run

    def next_poke(self, now: datetime) -> datetime:
        """When to ask again: after the interval, or when the time to wait is over."""
        policy = self.dispatch.task.sensor
        if policy is None or self._since is None:
            return now
        over = self._since + timedelta(seconds=policy.timeout_s)
        return min(now + timedelta(seconds=policy.poke_interval_s), max(over, now))


class _RunRuntime(BaseRuntime):
    """The runtime of the run's tries: values of other tasks are those of the run, all else is asked of another."""

    def __init__(self, runtime: Runtime, run: InlineRun, key: TaskKey) -> None:
        self._runtime, self._run, self._key = runtime, run, key

    def connection(self, conn_id: str) -> Connection:
        """The connection of this id."""
        return self._runtime.connection(conn_id)

    def variable(self, key: str) -> str | None:
        """The text of a Variable, or None."""
        return self._runtime.variable(key)

    def set_variable(self, key: str, value: str | None) -> None:
        """Store or delete a Variable."""
        self._runtime.set_variable(key, value)

    def trigger_dag(self, dag_id: str, run_id: str, conf: dict[str, Any], logical_date: str) -> None:
        """Ask for a run of another DAG."""
        self._runtime.trigger_dag(dag_id, run_id, conf, logical_date)

    def clear_run(self, dag_id: str, run_id: str) -> bool:
        """Have a run of another DAG run again."""
        return self._runtime.clear_run(dag_id, run_id)

    def run_state(self, dag_id: str, run_id: str) -> str | None:
        """State of a run, or None."""
        return self._runtime.run_state(dag_id, run_id)

    def asset_events(self, asset: str, after: int, upto: int) -> list[dict[str, Any]]:
        """Some events of an asset."""
        return self._runtime.asset_events(asset, after, upto)

    def external_states(
        self, dag_id: str, task_ids: list[str], group_id: str, dates: list[str]
    ) -> list[dict[str, Any]]:
        """What has become of another DAG at some logical dates."""
        return self._runtime.external_states(dag_id, task_ids, group_id, dates)

    def object_store(self, url: str, conn_id: str | None = None) -> Any:  # noqa: ANN401 - an ObjectStore
        """The object store that serves the URL's scheme."""
        return self._runtime.object_store(url, conn_id)

    def checkpoint(self, key: str) -> Any:  # noqa: ANN401 - any value
        """The plain form of what a try of this task instance kept, or None."""
        raw = self._run.checkpoints.get((self._key, key))
        return None if raw is None else msgspec.json.decode(raw)

    def set_checkpoint(self, key: str, value: Any) -> None:  # noqa: ANN401 - any value
        """Keep a plain value for this run's later tries of the task instance, or delete it."""
        if value is None:
            self._run.checkpoints.pop((self._key, key), None)
        else:
            self._run.checkpoints[self._key, key] = msgspec.json.encode(value)

    def kept_state(self, asset: str, key: str) -> tuple[int, Any] | None:
        """What the task or an asset keeps, which is what was kept in this run."""
        found = self._run.kept_state.get((asset or self._key.task_id, key))
        return None if found is None else (found[0], msgspec.json.decode(found[1]))

    def set_kept_state(self, asset: str, key: str, value: Any, expected: int | None) -> bool:  # noqa: ANN401 - any value
        """Keep a plain value for as long as this run's process lives, or delete it."""
        place, kept = (asset or self._key.task_id, key), self._run.kept_state
        if expected is not None and expected != kept.get(place, (0, b""))[0]:
            return False
        kept[place] = (next(self._run.state_numbers), msgspec.json.encode(value))
        if value is None:
            del kept[place]
        return True

    def xcom(self, task_id: str, key: str, map_index: int | None) -> Any:  # noqa: ANN401 - any value
        """The plain form of a value that another task of this run left, or None; a list if ``map_index`` is None."""
        run, ref = self._run, XComRef(task_id, key)
        raw = run.value(ref) if map_index is None else run.xcoms.one(1, ref, map_index)
        return None if raw is None else msgspec.json.decode(raw)

    def xcom_page(self, task_id: str, key: str, first: int) -> list[tuple[int, Any]]:
        """Plain forms of the values that instances of a mapped task left, each with its map index, from an index on."""
        page = self._run.xcoms.page(XComRef(task_id, key), first)
        return [(index, msgspec.json.decode(each)) for index, each in page]
