"""Requests about live runs: cancel, clear, mark."""

from msgspec.structs import replace

from penstock.engine.branching import skipped_by
from penstock.engine.flow import collapse, end_instance, end_run, end_run_by_leaves, end_run_if_done, evaluate
from penstock.engine.graph.trigger_rules import BROKEN
from penstock.engine.live import Instance, LiveRun
from penstock.engine.runs.taken_over import pinned, reopen
from penstock.engine.state import State
from penstock.model.request import CancelRun, ClearTasks, MarkTask
from penstock.model.run import TaskKey
from penstock.model.state import RunState, TaskState

_MARKS = frozenset({TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED})


def cancel(state: State, request: CancelRun) -> None:
    """End the run of a request, unless it has ended."""
    run = state.runs.get(request.run)
    if run is not None and not run.row.state.finished:
        cancel_run(state, run, f"cancelled by {request.by}" if request.by else "cancelled")


def cancel_run(state: State, run: LiveRun, reason: str) -> None:
    """End a run and everything of it that has not finished; live tries are killed."""
    run = pinned(state, run)
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
    elif run.row.state is RunState.RUNNING and run.limited and run.timeout_s is None:
        _limit_anew(state, run)
    for node in run.nodes:
        evaluate(state, node)


def _limit_anew(state: State, run: LiveRun) -> None:
    """Give a running run, whose time was over, the whole of it again."""
    run.started_s = state.monotonic_s
    state.store_run(run, replace(run.row, started_at=state.now, timed_out_at=None, reason=""))
    state.limit_run(run)


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
    if run.row.state is RunState.SKIPPED:
        return  # nothing of it has a row: it can be cleared, and then it runs
    reason = f"marked {request.state} by hand"
    state.kill(instance, reason)
    state.admission.drop(instance)
    instance.state, instance.reason = TaskState(request.state), reason
    instance.due_at, instance.retry_at_s, instance.ended_at = None, None, state.now
    state.mark_dirty(instance)
    run.recount()
    _continue_run(state, run)


def _continue_run(state: State, run: LiveRun) -> None:
    """Let a run go on after one of its instances was marked; a finished run gets the state that now follows."""
    if run.row.state.finished:
        run.row = replace(run.row, timed_out_at=None)
        end_run_by_leaves(state, run)
        return
    for node in run.nodes:
        evaluate(state, node)
    end_run_if_done(state, run)
