"""Cancels runs: what runs of one is killed, what has not begun does not begin, and what its setups made is torn down."""

from msgspec.structs import replace

from penstock.engine.flow import end_instance, end_run
from penstock.engine.live import LiveRun
from penstock.engine.runs.ending import end_cancelled
from penstock.engine.runs.taken_over import pinned
from penstock.engine.state import State
from penstock.model.state import RunState, TaskState


def cancel_run(state: State, run: LiveRun, reason: str) -> None:
    """End a run and everything of it that has not finished; live tries are killed.

    Teardowns that have not ended still run, each once what it tears down has ended, and the run ends after them. Who cancels
    it once more ends them, too.
    """
    run = pinned(state, run)
    again = run.row.cancelled_at is not None
    state.store_run(run, replace(run.row, cancelled_at=state.now, reason=reason))
    if (
        run.row.state is RunState.RUNNING
        and not again
        and any(node.task.teardown and not node.done for node in run.nodes)
    ):
        end_cancelled(state, run)
        return
    for group in run.groups:
        group.collapsing = False
    for instance in run.instances():
        if not instance.state.finished:
            state.kill(instance, reason)
            end_instance(state, instance, TaskState.CANCELLED, reason)
    end_run(state, run, RunState.CANCELLED, reason)
