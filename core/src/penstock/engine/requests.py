"""Requests about live runs: cancel, clear, mark."""

from penstock.engine.branching import skipped_by
from penstock.engine.flow import collapse, end_instance, end_run, end_run_by_leaves, end_run_if_done, evaluate
from penstock.engine.graph.trigger_rules import BROKEN
from penstock.engine.live import Instance, LiveRun
from penstock.engine.runs import pinned, reopen
from penstock.engine.state import State
from penstock.model.request import CancelRun, ClearTasks, MarkRun, MarkTask
from penstock.model.run import TaskKey
from penstock.model.state import RunState, TaskState

_MARKS = frozenset({TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED})


def cancel(state: State, request: CancelRun) -> None:
    """End a run and everything of it that has not finished; live tries are killed."""
    run = state.runs.get(request.run)
    if run is None or run.row.state.finished:
        return
    run = pinned(state, run)
    reason = f"cancelled by {request.by}" if request.by else "cancelled"
    for node in run.nodes:
        node.collapsing = False
    for instance in run.instances():
        if not instance.state.finished:
            state.kill(instance, reason)
            end_instance(state, instance, TaskState.CANCELLED, reason)
    end_run(state, run, RunState.CANCELLED, reason)


def clear(state: State, request: ClearTasks) -> None:
    """Reset instances of a run, kill their live tries, and let the run go on."""
    run = _started_run(state, request.run)
    chosen = [] if run is None else _chosen(run, request)
    if run is None or not chosen:
        return
    nodes = {instance.node for instance in chosen}
    for instance in chosen:
        _clear_instance(state, instance)
    for node in nodes:
        if node.task.mapped and all(i.state is TaskState.NONE for i in node.instances.values()):
            node.collapsing = node.expanded
    for number in sorted(node.number for node in nodes if node.collapsing):
        collapse(state, run.nodes[number])
    run.recount()
    if run.row.state.finished:
        reopen(state, run, "cleared")
    for node in run.nodes:
        evaluate(state, node)


def _started_run(state: State, number: int) -> LiveRun | None:
    """The live run of this number if it has started, else None: only then is there something to clear or to mark."""
    run = state.runs.get(number)
    return None if run is None or (run.row.state is RunState.QUEUED and run.row.started_at is None) else run


def _chosen(run: LiveRun, request: ClearTasks) -> list[Instance]:
    """The instances to reset, in the DAG's order."""
    named = {run.compiled.index[task_id] for task_id in request.tasks if task_id in run.compiled.index}
    if not request.tasks:
        named = set(range(len(run.nodes)))
    numbers = run.compiled.reachable(named) if request.downstream else named
    chosen: list[Instance] = []
    for node in (run.nodes[number] for number in sorted(numbers)):
        instances = list(node.instances.values())
        if request.only_failed:
            instances = [instance for instance in instances if instance.state in BROKEN]
        if request.map_index is not None and node.number in named:
            instances = [instance for instance in instances if instance.key.map_index == request.map_index]
        if node.number not in named:
            instances = [instance for instance in instances if not _stays_skipped(run, instance, numbers)]
        chosen += instances
    return chosen


def _stays_skipped(run: LiveRun, instance: Instance, cleared: set[int]) -> bool:
    """Whether the branch or short circuit that skipped the instance is not cleared itself: then its choice still holds."""
    branch = skipped_by(instance)
    return bool(branch) and run.compiled.index.get(branch) not in cleared


def _clear_instance(state: State, instance: Instance) -> None:
    state.kill(instance, "cleared")
    state.admission.drop(instance)
    state.changes.cleared.append(instance.key)
    state.changes.xcoms = [x for x in state.changes.xcoms if (x.run, x.task_id, x.map_index) != instance.key]
    if not instance.node.task.mapped:
        instance.node.lengths.clear()
    instance.reset("cleared")
    state.mark_dirty(instance)


def mark(state: State, request: MarkTask) -> None:
    """Set an instance to the final state that the user asked for; a live try of it is killed.

    Nothing happens if there is no such instance, or if it is about to be replaced because its task was cleared.
    """
    run = _started_run(state, request.run)
    instance = None if run is None else run.instance(TaskKey(request.run, request.task_id, request.map_index))
    if run is None or instance is None or instance.node.collapsing or request.state not in _MARKS:
        return
    _set_state(state, instance, TaskState(request.state), f"marked {request.state} by hand")
    run.recount()
    _continue_run(state, run)


def mark_run(state: State, request: MarkRun) -> None:
    """Have a run that has started end as the user asked: its instances get the states from which that follows.

    For ``success``, all that did not succeed and was not skipped has succeeded. For ``failed``, its last tasks and what was
    under way have failed, and what had not begun is skipped. Teardowns that have not ended still run, and the run ends after them.
    """
    run = _started_run(state, request.run)
    if run is None or request.state not in _RUN_MARKS:
        return
    reason = f"its run was marked {request.state} by hand"
    for node in run.nodes:
        if node.task.teardown and not node.done:
            continue
        node.collapsing = False
        for instance in node.instances.values():
            final = _RUN_MARKS[request.state](instance)
            if final is not None:
                _set_state(state, instance, final, reason)
    run.recount()
    _continue_run(state, run)


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
    instance.state, instance.reason = final, reason
    instance.due_at, instance.retry_at_s, instance.ended_at = None, None, state.now
    state.mark_dirty(instance)


def _continue_run(state: State, run: LiveRun) -> None:
    """Let a run go on after one of its instances was marked; a finished run gets the state that now follows."""
    if run.row.state.finished:
        end_run_by_leaves(state, run)
        return
    for node in run.nodes:
        evaluate(state, node)
    end_run_if_done(state, run)
