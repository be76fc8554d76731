"""Ends runs that take longer than their DAG allows."""

from msgspec.structs import replace

from penstock.engine.flow import end_instance
from penstock.engine.live import Instance, LiveRun
from penstock.engine.state import State
from penstock.model.state import RunState, TaskState


def time_out_runs(state: State) -> None:
    """End what has not ended of each run whose time is over, its teardowns excepted.

    The time that teardowns take does not count: a run of which nothing else is left goes on to its end.
    """
    for run in state.take_overdue_runs():
        if run.row.state is RunState.RUNNING and any(not node.done and not node.task.teardown for node in run.nodes):
            _time_out(state, run)


def _time_out(state: State, run: LiveRun) -> None:
    reason = run.timeout_reason
    if run.row.timed_out_at is None:
        state.store_run(run, replace(run.row, timed_out_at=state.now, reason=reason))
    for group in run.groups:
        group.collapsing = False
    for node in run.nodes:
        if not node.task.teardown:
            for instance in list(node.instances.values()):
                _end(state, instance, reason)


def _end(state: State, instance: Instance, reason: str) -> None:
    """End an instance: at once if nothing of it runs, else once its try has ended, so that its teardown finds it gone."""
    if instance.state.live:
        state.kill(instance, reason)
    elif not instance.state.finished:
        begun = instance.state is not TaskState.NONE
        end_instance(state, instance, TaskState.FAILED if begun else TaskState.UPSTREAM_FAILED, reason)
