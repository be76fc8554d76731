"""The state machine: one `Engine` owns all live runs; `Engine.step` is the only door."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from penstock.engine.assets.events import count_event
from penstock.engine.backfills.progress import advance_backfills, found_date, set_backfill, take_up_backfill
from penstock.engine.flow import propagate
from penstock.engine.limits.fairness import TenantRule
from penstock.engine.limits.resources import Demand
from penstock.engine.messages import (
    AssetEventAdded,
    BackfillAdded,
    CapacityChanged,
    ClockRead,
    DagHeld,
    DagLost,
    DagUpdated,
    DateFound,
    Event,
    PastFound,
    PoolsUpdated,
    RunAdded,
    RunVersionChanged,
    SharesLent,
    Step,
    TryInterrupted,
    WantedDate,
    WantedPast,
)
from penstock.engine.requests.live_runs import cancel, clear
from penstock.engine.requests.marks import mark, mark_run
from penstock.engine.runs.creation import create_due_runs
from penstock.engine.runs.found_past import found_past
from penstock.engine.runs.lost import hold_dag, idle, lose_dag, movable
from penstock.engine.runs.starts import start_queued_runs
from penstock.engine.runs.taken_over import add_run, change_version, update_dag
from penstock.engine.runs.timeouts import time_out_runs
from penstock.engine.state import State
from penstock.engine.tries import (
    dispatch_ready,
    expire_leases,
    finish_try,
    heartbeat,
    interrupt_try,
    recover_try,
    retry_due_instances,
    start_try,
)
from penstock.engine.waits import Wait, wait_of
from penstock.engine.why import why
from penstock.model.now import Now
from penstock.model.request import CancelRun, ClearTasks, MarkRun, MarkTask, SetBackfill
from penstock.model.run import TaskKey
from penstock.spec.executor import LOCAL, WAITER, Heartbeat, TryFinished, TryRecovered, TryStarted

_HANDLERS: dict[type, Callable[[State, Any], None]] = {
    DagUpdated: update_dag,
    DagLost: lose_dag,
    DagHeld: hold_dag,
    SharesLent: lambda state, event: state.resources.lend(event.shares),
    RunAdded: add_run,
    RunVersionChanged: change_version,
    BackfillAdded: take_up_backfill,
    DateFound: found_date,
    PastFound: found_past,
    AssetEventAdded: count_event,
    PoolsUpdated: lambda state, event: state.resources.set_pools(event.slots, event.rates),
    CapacityChanged: lambda state, event: state.resources.set_capacity(
        event.executor, event.capacity, draining=event.draining
    ),
    ClockRead: lambda state, event: state.time_of_day.compare(event.at, (dag.cursor for dag in state.dags.values())),
    TryStarted: start_try,
    TryFinished: finish_try,
    TryRecovered: recover_try,
    TryInterrupted: interrupt_try,
    Heartbeat: heartbeat,
    CancelRun: cancel,
    ClearTasks: clear,
    MarkTask: mark,
    MarkRun: mark_run,
    SetBackfill: set_backfill,
}

_PHASES = (
    State.wake_dags,
    retry_due_instances,
    expire_leases,
    time_out_runs,
    propagate,
    start_queued_runs,
    create_due_runs,
    advance_backfills,
    dispatch_ready,
)


class Engine:
    """The scheduling state machine.

    Args:
        lease_s: Seconds without a heartbeat after which a try counts as lost; time in which nobody called `step` when it was
            due is left out.
        default_executor: Name of the executor of queues that ``routes`` does not name.
        sensor_executor: Name of the executor that gets the sensors; they hold no slot anywhere.
        routes: Name of the executor by queue.
        queue_limits: How many tasks of a queue may run at once, by queue; those that it does not name have no limit.
        tenants: Weight and limit of tenants by name; one that it does not name has weight 1 and no limit.
        notify: Whether steps say every change of a state in ``changes.notices``, for listeners.
    """

    def __init__(
        self,
        *,
        lease_s: float = 30.0,
        default_executor: str = LOCAL,
        sensor_executor: str = WAITER,
        routes: Mapping[str, str] | None = None,
        queue_limits: Mapping[str, int] | None = None,
        tenants: Mapping[str, TenantRule] | None = None,
        notify: bool = False,
    ) -> None:
        self._executors = (default_executor, sensor_executor)
        self._lease_s, self._routes = lease_s, dict(routes or {})
        self._queue_limits, self._tenants = dict(queue_limits or {}), dict(tenants or {})
        self.notify = notify
        self.forget()

    def forget(self) -> None:
        """Forget all that lives, as a restart does; a step that raised leaves nothing to go on from."""
        self._state = State(
            self._lease_s, *self._executors, self._routes, self._queue_limits, self._tenants, notify=self.notify
        )

    def step(self, events: Iterable[Event], now: Now) -> Step:
        """Take in what happened, decide, and say what to persist and to do.

        Deciding twice is harmless: a step without events and without a timer that is due changes nothing.

        Args:
            events: In the order in which they happened; events of one try are in its own order.
            now: The present; its monotonic clock is never earlier than in the step before.

        Returns:
            The changes and the commands. Commands must be carried out only after the changes are stored. Runs in
            ``changes.new_runs`` exist for the engine once their stored rows come back as `RunAdded`, in the next step.
        """
        state = self._state
        state.begin_step(now)
        for event in events:
            _HANDLERS[type(event)](state, event)
            propagate(state)
        for phase in _PHASES:
            phase(state)
        return state.finish_step()

    def why(self, key: TaskKey, seen: Callable[[str], bool] = lambda _: True) -> str:
        """Why a live task instance is where it is: one sentence, by the code that decides its fate; it names tasks of seen DAGs alone."""
        return why(self._state, key, seen)

    def wait(self, key: TaskKey, seen: Callable[[str], bool] = lambda _: True) -> Wait | None:
        """The limit that holds a ready task instance back; None if none does, or if waiting does not help; ``seen`` as in `why`."""
        instance = self._state.instance(key)
        return None if instance is None else wait_of(self._state, instance, seen)

    def holds(self, run: int) -> bool:
        """Whether a run is in memory: queued, running, or finished with a live try."""
        return run in self._state.runs

    def idle(self, dag_id: str) -> bool:
        """Whether a DAG has no live try, so that another scheduler may own it from now on."""
        return idle(self._state, dag_id)

    def movable(self, dag_id: str) -> bool:
        """Whether a DAG has live tries that all end by themselves, so that it is idle soon if it is held."""
        return movable(self._state, dag_id)

    def demands(self) -> list[Demand]:
        """What is in use, and could be, of each limit that crosses schedulers."""
        return self._state.resources.demands()

    def slots_used(self, executor: str) -> int:
        """How many tries an executor holds; 0 for the one of sensors, which hold no slots."""
        return 0 if executor == self.sensor_executor else self._state.resources.executor(executor).used

    def holder(self, key: TaskKey, epoch: int) -> str | None:
        """Name of the executor that holds an open try; None if it has ended, or there is none of this name."""
        instance = self._state.instance(key)
        if instance is None or instance.attempt is None or instance.epoch != epoch:
            return None
        return instance.attempt.executor

    @property
    def dates_wanted(self) -> list[WantedDate]:
        """Dates of backfills of which the engine wants to be told by `DateFound`, in the next step, whether they have a run."""
        return [
            date
            for backfill in self._state.backfills.values()
            for ordinal, date in backfill.wanted.items()
            if ordinal not in backfill.found
        ]

    @property
    def past_wanted(self) -> list[WantedPast]:
        """Runs of which the engine wants to be told by `PastFound`, in the next step, which run was before them."""
        rows = (self._state.runs[number].row for number in self._state.past_wanted)
        return [WantedPast(row.run, row.dag_id, row.logical_date) for row in rows if row.logical_date is not None]

    @property
    def sensor_executor(self) -> str:
        """Name of the executor that gets the sensors."""
        return self._state.sensor_executor
