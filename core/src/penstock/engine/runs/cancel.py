"""Cancels runs: everything of one that has not finished ends, and what runs of it is killed."""

from penstock.engine.flow import end_instance, end_run
from penstock.engine.live import LiveRun
from penstock.engine.runs.taken_over import pinned
from penstock.engine.state import State
from penstock.model.state import RunState, TaskState


def cancel_run(state: State, run: LiveRun, reason: str) -> None:
    """End a run and everything of it that has not finished; live tries are killed."""
    run = pinned(state, run)
    for group in run.groups:
        group.collapsing = False
    for instance in run.instances():
        if not instance.state.finished:
            state.kill(instance, reason)
            end_instance(state, instance, TaskState.CANCELLED, reason)
    end_run(state, run, RunState.CANCELLED, reason)
