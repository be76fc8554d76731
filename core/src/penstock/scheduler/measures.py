"""What is measured of the scheduler: its turns, and what has ended with each."""

from collections.abc import Iterable

from penstock.engine.messages import Step
from penstock.metrics.metrics_table import (
    CAPACITY,
    RUN_DURATION,
    RUNS_FINISHED,
    TRIES_FINISHED,
    TRY_DURATION,
    TRY_WAIT,
    TURN,
)
from penstock.metrics.recorder import OFF, Recorder


class Measures:
    """Makes metrics of what turns have stored.

    Args:
        recorder: Takes them.
    """

    def __init__(self, recorder: Recorder = OFF) -> None:
        self._recorder = recorder

    @property
    def on(self) -> bool:
        """Whether anybody wants to know."""
        return self._recorder.on

    def capacity(self, executor: str, tries: int | None) -> None:
        """Note what an executor wants to hold; None is no bound, and no number."""
        if self._recorder.on and tries is not None:
            self._recorder.record(CAPACITY, tries, executor)

    def turn(self, steps: Iterable[Step], took_s: float) -> None:
        """Note a turn that took so long, and send all that was noted."""
        record = self._recorder.record
        record(TURN, took_s)
        for step in steps:
            for run in step.changes.runs:
                if run.state.finished:
                    tags = (run.dag_id, run.state.value)
                    record(RUNS_FINISHED, 1, *tags)
                    if run.started_at and run.ended_at:
                        record(RUN_DURATION, (run.ended_at - run.started_at).total_seconds(), *tags)
            for attempt in step.changes.tries:
                if attempt.outcome is not None:
                    executor, outcome = attempt.executor, attempt.outcome.value
                    record(TRIES_FINISHED, 1, executor, outcome)
                    if attempt.started_at and attempt.ended_at:
                        record(TRY_WAIT, (attempt.started_at - attempt.queued_at).total_seconds(), executor)
                        record(TRY_DURATION, (attempt.ended_at - attempt.started_at).total_seconds(), executor, outcome)
        self._recorder.flush()
