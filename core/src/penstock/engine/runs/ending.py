"""Ends the work of a run whose teardowns still have to run."""

from penstock.engine.flow import end_instance
from penstock.engine.live import LiveRun
from penstock.engine.state import State
from penstock.model.state import TaskState


def end_work(state: State, run: LiveRun, reason: str, *, begun: TaskState, not_begun: TaskState) -> None:
    """End what has not ended of a run, its teardowns excepted.

    What runs is told to end, and ends once its try has: until then, what its teardown takes away is in use.

    Args:
        state: The engine's state.
        run: The run.
        reason: Why, as a sentence.
        begun: The state of what was ready, or waited for its retry.
        not_begun: The state of what was not.
    """
    for group in run.groups:
        group.collapsing = False
    for node in run.nodes:
        for instance in () if node.task.teardown else list(node.instances.values()):
            if instance.state.live:
                state.kill(instance, reason)
            elif not instance.state.finished:
                end_instance(state, instance, not_begun if instance.state is TaskState.NONE else begun, reason)


def end_cancelled(state: State, run: LiveRun) -> None:
    """End the work of a run that was cancelled."""
    end_work(state, run, run.row.reason, begun=TaskState.CANCELLED, not_begun=TaskState.CANCELLED)
