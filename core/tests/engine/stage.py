"""A stage for tables: an engine with a store behind it, where each answer is given by the test."""

import sys
from datetime import UTC, datetime, timedelta

from memory_store import Store

from penstock.engine.engine import Engine
from penstock.engine.limits.pool import PoolRate
from penstock.engine.messages import AssetEventAdded, CapacityChanged, Dispatch, PoolsUpdated, Step
from penstock.model.assets.event import AssetEvent, NewAssetEvent
from penstock.model.attempt import TryEnd, Value
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.notice import TaskStateChanged
from penstock.model.now import Now
from penstock.model.run import NewRun, RunKind, TaskKey
from penstock.model.state import Outcome
from penstock.spec.executor import Heartbeat, TryFinished, TryStarted

START = datetime(2026, 1, 1, tzinfo=UTC)


def dag(*tasks, dag_id="d", **more):
    """A DAG of these tasks; a string such as ``b<a`` is a task downstream of another."""
    return DagSpec(dag_id, "d.py", tuple(_task(each) if isinstance(each, str) else each for each in tasks), **more)


def _task(text):
    task_id, _, upstream = text.partition("<")
    return TaskSpec(task_id, upstream=tuple(upstream.split(",")) if upstream else ())


def after(task_id, *upstream, **more):
    """A task with its upstream."""
    return TaskSpec(task_id, upstream=upstream, **more)


def calls(action):
    """How many Python functions an action calls: a measure of work that no clock disturbs."""
    count = 0

    def hook(frame, event, arg):
        nonlocal count
        count += event == "call"

    sys.setprofile(hook)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count


class Stage:
    """The engine, what it stored, and the tries that are out."""

    def __init__(
        self, *dags, now=START, capacity=16, pools=None, lease_s=30.0, routes=None, notify=True, rates=None, **shares
    ):
        self.now, self.monotonic_s, self.store = now, 0.0, Store()
        self.lease_s, self.routes, self.notify, self.shares = lease_s, routes, notify, shares
        self.rates = rates or {}
        self.pools = {"default_pool": 128} if pools is None else pools
        self.capacity = {"local": capacity, "waiter": None}
        self.out: dict[TaskKey, Dispatch] = {}
        self.notified: list[str] = []
        self.last: Step | None = None
        for each in dags:
            self.store.put_dag(each)
        self.restart()

    @property
    def present(self):
        """The present on both clocks."""
        return Now(self.now, self.monotonic_s)

    @property
    def wake_at(self):
        """When the engine wants to be stepped again, on the wall clock; None if no timer is set."""
        return None if self.last.wait_s is None else self.now + timedelta(seconds=self.last.wait_s)

    def heartbeat(self, *names, run=1, after=0.0, executor="local"):
        """The current tries of these names are renewed; of all that are out if none is named."""
        keys = [self.key(name, run) for name in names] or list(self.out)
        return self.step(
            Heartbeat(executor, tuple((k, self.out[k].instance.epoch) for k in keys), self.now), after=after
        )

    @property
    def held(self):
        """Numbers of the runs that the engine holds."""
        return [run for run in self.store.runs if self.engine.holds(run)]

    def restart(self, *events):
        """Start a new engine from what is stored, and what it is told behind that."""
        self.last = None
        self.engine = Engine(lease_s=self.lease_s, routes=self.routes, notify=self.notify, **self.shares)
        capacities = [CapacityChanged(name, count) for name, count in self.capacity.items()]
        rates = {name: PoolRate(rate, self.store.next_at.get(name)) for name, rate in self.rates.items()}
        return self.step(*capacities, PoolsUpdated(dict(self.pools), rates), *self.store.recovered(), *events)

    def step(self, *events, after=0.0):
        """One step ``after`` seconds later, those before it that the engine asks for, and those that take created runs."""
        end = self.monotonic_s + after
        while self.last is not None and self.last.wait_s is not None and self.monotonic_s + self.last.wait_s < end:
            self._pass(max(self.last.wait_s, 0.001))
            self._step([])
        self._pass(end - self.monotonic_s)
        return self._step(list(events))

    def pause(self, seconds):
        """Nobody steps the engine for so long, though it asked for it."""
        self._pass(seconds)
        return self._step([])

    def _pass(self, seconds):
        self.now += timedelta(seconds=seconds)
        self.monotonic_s += seconds

    def _step(self, events):
        while True:
            self.last = step = self.engine.step(events, self.present)
            self.notified += [_line(each) for each in step.changes.notices]
            created = self.store.write(step.changes, self.now)
            for dispatch in step.dispatches:
                self.out[dispatch.instance.key] = dispatch
            events = [
                AssetEventAdded(each.asset, each.number)
                if isinstance(each, AssetEvent)
                else self.store.run_added(each.run)
                for each in created
            ]
            if not created:
                events = [event for date in self.engine.dates_wanted for event in self.store.date_found(date)]
                events += [self.store.past_found(past) for past in self.engine.past_wanted]
            if not events:
                return step

    def report(self, *assets):
        """Something outside happens to assets, at once."""
        added = [event for asset in assets for event in self.store.add_event(NewAssetEvent(asset), self.now)]
        return self.step(*(AssetEventAdded(event.asset, event.number) for event in added))

    def ask(self, request):
        """Carry out a request; a run that has ended is loaded for it, and gets the version that the request names."""
        return self.step(self.store.run_added(request.run), *self.store.version_changed(request), request)

    def trigger(self, dag_id="d", run_id=None):
        """Start a run; its number."""
        row = self.store.dags[dag_id]
        name = run_id or f"manual__{len(self.store.runs)}"
        new = NewRun(dag_id, name, RunKind.MANUAL, None, None, None, version=row.version)
        run = self.store.create(new, self.now)
        self.step(self.store.run_added(run.run))
        return run.run

    def key(self, name, run=1):
        """``a`` or ``a[2]`` as a key."""
        task_id, _, index = name.partition("[")
        return TaskKey(run, task_id, int(index[:-1]) if index else -1)

    def started(self, name, run=1, after=0.0):
        """The process of the current try exists."""
        key = self.key(name, run)
        return self.step(TryStarted(key, self.out[key].instance.epoch, 1, self.now), after=after)

    def answer(self, name, outcome=Outcome.SUCCESS, run=1, returns=None, **more):
        """The event by which the current try ends."""
        key = self.key(name, run)
        xcoms = {} if returns is None else {"return_value": Value(b"[]", returns)}
        return TryFinished(key, self.out[key].instance.epoch, self.now, TryEnd(outcome, xcoms=xcoms, **more))

    def finish(self, name, outcome=Outcome.SUCCESS, run=1, after=0.0, **more):
        """The current try ends."""
        event = self.answer(name, outcome, run, **more)
        del self.out[event.key]
        return self.step(event, after=after)

    def fail(self, name, run=1, after=0.0, **more):
        """The current try fails."""
        return self.finish(name, Outcome.FAILED, run, after, **{"error": "boom", **more})

    def drain(self, run=1):
        """Let every try of a run succeed, in order of their names, until none is out."""
        while mine := sorted(key for key in self.out if key.run == run):
            self.finish(name_of(mine[0]), run=run)

    def states(self, run=1):
        """State by task, mapped ones with their index."""
        rows = sorted(self.store.tasks.items())
        return {name_of(key): task.state.value for key, task in rows if key.run == run}

    def state(self, name, run=1):
        """State of one instance."""
        return self.store.tasks[self.key(name, run)].state.value

    def reason(self, name, run=1):
        """Stored reason of one instance."""
        return self.store.tasks[self.key(name, run)].reason

    def why(self, name, run=1):
        """The engine's own answer."""
        return self.engine.why(self.key(name, run))

    def run_state(self, run=1):
        """State of a run."""
        return self.store.runs[run].state.value

    def running(self):
        """Names of the tries that are out, in the order in which they went out."""
        return [name_of(key) for key in self.out]


def name_of(key):
    """A key as tests write it."""
    return str(key)


def _line(notice):
    """What listeners hear, as tests write it: ``a: queued -> running``, the run under its own id."""
    name = TaskKey(0, notice.task_id, notice.map_index) if isinstance(notice, TaskStateChanged) else notice.run_id
    return f"{name}: {notice.previous} -> {notice.state}"
