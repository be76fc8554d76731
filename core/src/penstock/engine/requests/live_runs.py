"""Requests about live runs: cancel and clear."""

from datetime import datetime

from penstock.engine.branching import skipped_by
from penstock.engine.flow import collapse, end_instance, end_run, evaluate
from penstock.engine.graph.trigger_rules import BROKEN
from penstock.engine.live import Instance, LiveRun, Node
from penstock.engine.runs import pinned, reopen
from penstock.engine.state import State
from penstock.model.request import CancelRun, ClearTasks
from penstock.model.state import RunState, TaskState


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
    run = started_run(state, request.run)
    chosen = [] if run is None else _chosen(run, request)
    if run is None or not chosen:
        return
    nodes = {instance.node for instance in chosen}
    keepers = {node for node in nodes if request.keep_steps and not _maps_anew(run, request, node, nodes)}
    for instance in chosen:
        _clear_instance(state, instance, keep_steps=instance.node in keepers)
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


def started_run(state: State, number: int) -> LiveRun | None:
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


def _maps_anew(run: LiveRun, request: ClearTasks, node: Node, cleared: set[Node]) -> bool:
    """Whether the elements that a task is mapped over may be others afterwards: then the steps of its instances are of others, too."""
    sent = [each.queued_at for each in node.instances.values() if each.queued_at is not None]
    for mapping in node.task.mapped:
        source = None if mapping.source is None else run.node(mapping.source.task_id)
        if source is None and request.version:
            return True  # the list stands in the file
        # One that was cleared without what is downstream has left another list since.
        if source is not None and (source in cleared or (sent and _ended_after(source, min(sent)))):
            return True
    return False


def _ended_after(node: Node, moment: datetime) -> bool:
    return any(each.ended_at is not None and each.ended_at > moment for each in node.instances.values())


def _stays_skipped(run: LiveRun, instance: Instance, cleared: set[int]) -> bool:
    """Whether the branch or short circuit that skipped the instance is not cleared itself: then its choice still holds."""
    branch = skipped_by(instance)
    return bool(branch) and run.compiled.index.get(branch) not in cleared


def _clear_instance(state: State, instance: Instance, *, keep_steps: bool) -> None:
    state.kill(instance, "cleared")
    state.admission.drop(instance)
    state.changes.cleared.append(instance.key)
    if not keep_steps:
        state.changes.forgotten.append(instance.key)
    state.changes.xcoms = [x for x in state.changes.xcoms if (x.run, x.task_id, x.map_index) != instance.key]
    if not instance.node.task.mapped:
        instance.node.lengths.clear()
    instance.reset("cleared")
    state.mark_dirty(instance)
