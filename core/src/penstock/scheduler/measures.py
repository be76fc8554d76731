"""What is measured of the scheduler: its beats, its turns, and what has ended with each."""

import math
from collections.abc import Iterable

from penstock.clock import Clock
from penstock.engine.messages import Kill, Step
from penstock.metrics.metrics_table import (
    CAPACITY,
    COMMIT,
    HEARTBEATS,
    LEASES_EXPIRED,
    RUN_DELAY,
    RUN_DURATION,
    RUNS_FINISHED,
    TASK_WAIT,
    TRIES_FINISHED,
    TRY_DURATION,
    TRY_WAIT,
    TURN,
)
from penstock.metrics.recorder import OFF, Recorder
from penstock.model.run import Run, RunKind, TaskInstance, Try
from penstock.model.state import Outcome, RunState
from penstock.scheduler.heartbeat_file import BEAT_S, HeartbeatFile


class Measures:
    """Makes metrics of what turns have stored.

    Args:
        recorder: Takes them.
        heartbeats: Keeps when the loop came round last; None if nobody asks.
        clock: Tells when that was.
    """

    def __init__(
        self, recorder: Recorder = OFF, heartbeats: HeartbeatFile | None = None, clock: Clock | None = None
    ) -> None:
        self._recorder = recorder
        self._heartbeats, self._clock = heartbeats, clock
        self._beat_due_s = -math.inf

    @property
    def on(self) -> bool:
        """Whether anybody wants to know."""
        return self._recorder.on

    @property
    def wait_s(self) -> float:
        """Seconds until the next beat is due; for ever if nobody asks."""
        return math.inf if self._clock is None else max(0.0, self._beat_due_s - self._clock.read().monotonic_s)

    def beat(self) -> None:
        """Note that the loop comes round, if that was not noted lately."""
        if self._clock is None or self._heartbeats is None:
            return
        now_s = self._clock.read().monotonic_s
        if now_s < self._beat_due_s:
            return
        self._beat_due_s = now_s + BEAT_S
        self._heartbeats.write(now_s)
        if self._recorder.on:
            self._recorder.record(HEARTBEATS, 1)
            self._recorder.flush()

    def capacity(self, executor: str, tries: int | None) -> None:
        """Note what an executor wants to hold; None is no bound, and no number."""
        if self._recorder.on and tries is not None:
            self._recorder.record(CAPACITY, tries, executor)

    def turn(self, steps: Iterable[Step], took_s: float, commit_s: float) -> None:
        """Note a turn that took so long, and send all that was noted."""
        self._recorder.record(TURN, took_s)
        if commit_s:
            self._recorder.record(COMMIT, commit_s)
        for step in steps:
            for run in step.changes.runs:
                self._run(run)
            for instance in step.changes.tasks:
                self._instance(instance)
            for attempt in step.changes.tries:
                if attempt.outcome is not None:
                    self._try(attempt, step.kills)
        self._recorder.flush()

    def _run(self, run: Run) -> None:
        if not run.state.finished:
            return
        record, tags = self._recorder.record, (run.dag_id, run.state.value)
        record(RUNS_FINISHED, 1, *tags)
        if run.started_at and run.ended_at and run.state is not RunState.SKIPPED:
            record(RUN_DURATION, (run.ended_at - run.started_at).total_seconds(), *tags)
        if run.started_at and run.interval_end and run.kind is RunKind.SCHEDULED:
            record(RUN_DELAY, max(0.0, (run.started_at - run.interval_end).total_seconds()))

    def _instance(self, instance: TaskInstance) -> None:
        if instance.state.finished and instance.due_at and instance.started_at:
            waited_s = (instance.started_at - instance.due_at).total_seconds()
            if waited_s >= 0:  # a mark may end a retry that was not due yet
                self._recorder.record(TASK_WAIT, waited_s)

    def _try(self, attempt: Try, kills: Iterable[Kill]) -> None:
        record, executor, outcome = self._recorder.record, attempt.executor, attempt.outcome or Outcome.LOST
        record(TRIES_FINISHED, 1, executor, outcome.value)
        if attempt.started_at and attempt.ended_at:
            record(TRY_WAIT, (attempt.started_at - attempt.queued_at).total_seconds(), executor)
            record(TRY_DURATION, (attempt.ended_at - attempt.started_at).total_seconds(), executor, outcome.value)
        # Only a try whose lease has ended is lost and killed at once.
        this = (attempt.run, attempt.task_id, attempt.map_index), attempt.epoch
        if outcome is Outcome.LOST and any((kill.key, kill.epoch) == this for kill in kills):
            record(LEASES_EXPIRED, 1, executor)
