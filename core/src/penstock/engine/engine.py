"""The state machine: one `Engine` owns all live runs; `Engine.step` is the only door."""

from collections.abc import Callable, Iterable
from typing import Any

from penstock.engine.flow import propagate
from penstock.engine.messages import (
    CapacityChanged,
    DagUpdated,
    Event,
    PoolsUpdated,
    RunAdded,
    RunVersionChanged,
    Step,
    TryInterrupted,
)
from penstock.engine.runs.creation import create_due_runs
from penstock.engine.runs.requests import cancel, clear, mark
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
from penstock.engine.why import why
from penstock.model.now import Now
from penstock.model.request import CancelRun, ClearTasks, MarkTask
from penstock.model.run import TaskKey
from penstock.spec.executor import LOCAL, WAITER, Heartbeat, TryFinished, TryRecovered, TryStarted

_HANDLERS: dict[type, Callable[[State, Any], None]] = {
    DagUpdated: update_dag,
    RunAdded: add_run,
    RunVersionChanged: change_version,
    PoolsUpdated: lambda state, event: state.set_pools(event.slots),
    CapacityChanged: lambda state, event: state.set_capacity(event.executor, event.capacity),
    TryStarted: start_try,
    TryFinished: finish_try,
    TryRecovered: recover_try,
    TryInterrupted: interrupt_try,
    Heartbeat: heartbeat,
    CancelRun: cancel,
    ClearTasks: clear,
    MarkTask: mark,
}

_PHASES = (
    State.wake_dags,
    retry_due_instances,
    expire_leases,
    time_out_runs,
    propagate,
    start_queued_runs,
    create_due_runs,
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
        notify: Whether steps say every change of a state in ``changes.notices``, for listeners.
    """

    def __init__(
        self,
        *,
        lease_s: float = 30.0,
        default_executor: str = LOCAL,
        sensor_executor: str = WAITER,
        routes: dict[str, str] | None = None,
        notify: bool = False,
    ) -> None:
        self._settings = (lease_s, default_executor, sensor_executor, dict(routes or {}))
        self.notify = notify
        self.forget()

    def forget(self) -> None:
        """Forget all that lives, as a restart does; a step that raised leaves nothing to go on from."""
        self._state = State(*self._settings, notify=self.notify)

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

    def why(self, key: TaskKey) -> str:
        """Why a live task instance is where it is: one sentence, decided by the same code that decides its fate."""
        return why(self._state, key)

    def holds(self, run: int) -> bool:
        """Whether a run is in memory: queued, running, or finished with a live try."""
        return run in self._state.runs

    def holder(self, key: TaskKey, epoch: int) -> str | None:
        """Name of the executor that holds an open try; None if it has ended, or there is none of this name."""
        instance = self._state.instance(key)
        if instance is None or instance.attempt is None or instance.epoch != epoch:
            return None
        return instance.attempt.executor

    @property
    def sensor_executor(self) -> str:
        """Name of the executor that gets the sensors."""
        return self._state.sensor_executor
