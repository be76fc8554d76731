"""Requests to set states by hand: of a task instance, or of a whole run."""

from msgspec.structs import replace

from penstock.engine.flow import end_run_by_leaves, end_run_if_done, evaluate, let_later_go
from penstock.engine.graph.trigger_rules import BROKEN
from penstock.engine.live import Instance, LiveRun
from penstock.engine.requests.live_runs import begin_again, let_go, started_run
from penstock.engine.state import State
from penstock.model.request import MarkRun, MarkTask
from penstock.model.run import TaskKey
from penstock.model.state import RunState, TaskState

_MARKS = frozenset({TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED})


def mark(state: State, request: MarkTask) -> None:
    """Set an instance to the final state that the user asked for; a live try of it is killed.

    What failed below for its upstream alone is judged anew, also in a run that has ended: such a run goes on.
    Source: Apache Airflow's ``set_task_instance_state``, which clears what failed downstream of a mark.

    Nothing happens if there is no such instance, or if it is about to be replaced because its task was cleared.
    """
    run = started_run(state, request.run)
    instance = None if run is None else run.instance(TaskKey(request.run, request.task_id, request.map_index))
    if run is None or instance is None or instance.node.collapsing or request.state not in _MARKS:
        return
    if run.row.state is RunState.SKIPPED:
        return  # nothing of it has a row: it can be cleared, and then it runs
    _set_state(state, instance, TaskState(request.state), f"marked {request.state} by hand")
    run.recount()
    if below := let_go(state, run, instance.node.number):
        begin_again(state, run, below, f"{request.task_id} above it was marked {request.state} by hand")
    else:
        _continue_run(state, run)
    let_later_go(state, run, (request.task_id,))


def mark_run(state: State, request: MarkRun) -> None:
    """Have a run that has started end as the user asked: its instances get the states from which that follows.

    For ``success``, all that did not succeed and was not skipped has succeeded. For ``failed``, its last tasks and what was
    under way have failed, and what had not begun is skipped. Teardowns that have not ended still run, and the run ends after them.
    """
    run = started_run(state, request.run)
    if run is None or run.row.state is RunState.SKIPPED or request.state not in _RUN_MARKS:
        return
    reason = f"its run was marked {request.state} by hand"
    if run.row.cancelled_at is not None:
        state.store_run(run, replace(run.row, cancelled_at=None))
    for group in run.groups:
        group.collapsing = False
    for node in run.nodes:
        if node.task.teardown and not node.done:
            continue
        for instance in node.instances.values():
            final = _RUN_MARKS[request.state](instance)
            if final is not None:
                _set_state(state, instance, final, reason)
    run.recount()
    _continue_run(state, run)
    let_later_go(state, run, run.compiled.index)


def _for_success(instance: Instance) -> TaskState | None:
    return None if instance.state in (TaskState.SUCCESS, TaskState.SKIPPED) else TaskState.SUCCESS


def _for_failure(instance: Instance) -> TaskState | None:
    """The state of an instance of a run that is to fail; None if it stays as it is."""
    if instance.node.run.compiled.leaf[instance.node.number]:
        return None if instance.state in BROKEN else TaskState.FAILED
    if instance.state.finished:
        return None
    return TaskState.SKIPPED if instance.state in (TaskState.NONE, TaskState.SCHEDULED) else TaskState.FAILED


_RUN_MARKS = {RunState.SUCCESS.value: _for_success, RunState.FAILED.value: _for_failure}


def _set_state(state: State, instance: Instance, final: TaskState, reason: str) -> None:
    """Set an instance to a final state by hand, whatever it was in; a live try of it is killed."""
    state.kill(instance, reason)
    state.admission.drop(instance)
    if not instance.state.finished or instance.ended_at is None:  # how long it took is no matter of its mark
        instance.ended_at = state.now
    instance.state, instance.reason = final, reason
    instance.retry_at_s = None
    state.mark_dirty(instance)


def _continue_run(state: State, run: LiveRun) -> None:
    """Let a run go on after one of its instances was marked; a finished run gets the state that now follows."""
    if run.row.state.finished:
        run.row = replace(run.row, timed_out_at=None, cancelled_at=None)
        end_run_by_leaves(state, run)
        return
    for node in run.nodes:
        evaluate(state, node)
    end_run_if_done(state, run)
