"""Ends runs that take longer than their DAG allows."""

from msgspec.structs import replace

from penstock.engine.live import LiveRun
from penstock.engine.runs.ending import end_work
from penstock.engine.state import State
from penstock.model.state import RunState, TaskState


def time_out_runs(state: State) -> None:
    """End what has not ended of each run whose time is over, its teardowns excepted.

    The time that teardowns take does not count: a run of which nothing else is left goes on to its end.
    """
    for run in state.take_overdue_runs():
        if run.row.state is not RunState.RUNNING or run.row.cancelled_at is not None:
            continue
        if any(not node.done and not node.task.teardown for node in run.nodes):
            _time_out(state, run)


def _time_out(state: State, run: LiveRun) -> None:
    reason = run.timeout_reason
    if run.row.timed_out_at is None:
        state.store_run(run, replace(run.row, timed_out_at=state.now, reason=reason))
    end_work(state, run, reason, begun=TaskState.FAILED, not_begun=TaskState.UPSTREAM_FAILED)
