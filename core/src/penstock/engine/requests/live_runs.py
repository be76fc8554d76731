"""Requests about live runs: cancel and clear."""

from collections.abc import Container

from msgspec.structs import replace

from penstock.engine.decisions.branching import skipped_by
from penstock.engine.decisions.mapped_instances import settle
from penstock.engine.flow import evaluate
from penstock.engine.graph.trigger_rules import BROKEN, Verdict
from penstock.engine.live import Instance, LiveRun, Node
from penstock.engine.runs.cancel import cancel_run
from penstock.engine.runs.taken_over import reopen
from penstock.engine.state import State
from penstock.model.request import CancelRun, ClearTasks
from penstock.model.state import RunState, TaskState


def cancel(state: State, request: CancelRun) -> None:
    """End the run of a request, unless it has ended."""
    run = state.runs.get(request.run)
    if run is not None and not run.row.state.finished:
        cancel_run(state, run, f"cancelled by {request.by}" if request.by else "cancelled")


def clear(state: State, request: ClearTasks) -> None:
    """Reset instances of a run, kill their live tries, and let the run go on."""
    run = started_run(state, request.run)
    chosen = [] if run is None else _chosen(run, request)
    if run is None or not chosen:
        return
    nodes = {instance.node for instance in chosen}
    keepers = {node for node in nodes if request.keep_steps and not _maps_anew(request, node, nodes)}
    if run.row.state is RunState.RUNNING and run.row.cancelled_at is not None:
        _take_cancel_back(state, run, chosen)
    begin_again(state, run, chosen, "cleared", keepers=keepers)


def begin_again(
    state: State, run: LiveRun, chosen: list[Instance], reason: str, *, keepers: Container[Node] = frozenset()
) -> None:
    """Have instances of a run begin again, kill their live tries, and let the run go on; one that has ended is queued again.

    Args:
        state: The engine's state.
        run: The run.
        chosen: The instances.
        reason: Why, as a sentence.
        keepers: The tasks that keep what their steps have done.
    """
    for instance in chosen:
        _clear_instance(state, instance, reason, keep_steps=instance.node in keepers)
    _hold_back(state, run, chosen)
    for group in run.groups:
        settle(state, group)
    run.recount()
    if run.row.state.finished:
        reopen(state, run, reason)
    elif run.row.state is RunState.RUNNING and run.limited and run.timeout_s is None:
        _limit_anew(state, run)
    for node in run.nodes:
        evaluate(state, node)


def let_go(state: State, run: LiveRun, number: int) -> list[Instance]:
    """What failed for its upstream alone below a task whose state was set by hand, and would not fail now; in the DAG's order.

    With it come the setups that it needs again, and their teardowns. What still fails gets the reason that holds now.
    A run of which only teardowns are left lets nothing go.
    """
    if run.row.state is RunState.RUNNING and (run.row.cancelled_at is not None or run.row.timed_out_at is not None):
        return []
    found: list[Instance] = []
    for node in (run.nodes[below] for below in sorted(run.compiled.reachable({number}) - {number})):
        failed = [instance for instance in node.instances.values() if instance.state is TaskState.UPSTREAM_FAILED]
        if not failed or node.collapsing:
            continue
        node.recount()
        for instance in failed:
            if node.verdict(instance.key.map_index) is not Verdict.UPSTREAM_FAILED:
                found.append(instance)
                instance.reset("")
                node.unfinished += 1
            elif instance.reason != (reason := node.explain(instance.key.map_index)):
                instance.reason = reason
                state.mark_dirty(instance)
    return _with_mapped(run, _with_setups(run, found))


def _take_cancel_back(state: State, run: LiveRun, chosen: list[Instance]) -> None:
    """Let a run that was cancelled, and of which only teardowns were left, go on with what is cleared; the rest stays cancelled."""
    for instance in run.instances():
        if instance.cancelling and instance.state.live and instance not in chosen:
            instance.transition(TaskState.CANCELLED, run.row.reason)
            instance.ended_at = state.now
            state.mark_dirty(instance)
    state.store_run(run, replace(run.row, cancelled_at=None, reason=""))


def _limit_anew(state: State, run: LiveRun) -> None:
    """Give a running run, whose time was over, the whole of it again."""
    run.started_s = state.monotonic_s
    state.store_run(run, replace(run.row, started_at=state.now, timed_out_at=None, reason=""))
    state.limit_run(run)


def started_run(state: State, number: int) -> LiveRun | None:
    """The live run of this number if it has started, else None: only then is there something to clear or to mark."""
    run = state.runs.get(number)
    return None if run is None or (run.row.state is RunState.QUEUED and run.row.started_at is None) else run


def _chosen(run: LiveRun, request: ClearTasks) -> list[Instance]:
    """The instances to reset, in the DAG's order."""
    named = {run.compiled.index[task_id] for task_id in request.tasks if task_id in run.compiled.index}
    if not request.tasks:
        named = set(range(len(run.nodes)))
    by_index = named if request.map_index is not None else set[int]()
    numbers = named
    if request.downstream and request.map_index is not None:
        whole, by_index = run.compiled.reachable_from_index(named)
        numbers = whole | by_index
    elif request.downstream:
        numbers = run.compiled.reachable(named)
    chosen: list[Instance] = []
    for node in (run.nodes[number] for number in sorted(numbers)):
        instances = list(node.instances.values())
        if request.only_failed:
            instances = [instance for instance in instances if instance.state in BROKEN]
        if node.number in by_index:
            instances = [instance for instance in instances if instance.key.map_index == request.map_index]
        if node.number not in named:
            instances = [instance for instance in instances if not _stays_skipped(run, instance, numbers)]
        chosen += instances
    return _with_mapped(run, _with_setups(run, chosen))


def _with_setups(run: LiveRun, chosen: list[Instance]) -> list[Instance]:
    """Add the setups of the work that is chosen and their teardowns, in the DAG's order: what they made is there no more.

    Source: Apache Airflow's documentation, "Setup and Teardown". The setup of a mapped group is that of the same index.
    """
    tasks, found = run.compiled.tasks, dict.fromkeys(chosen)
    for instance in chosen:
        number = instance.node.number
        setups = [guard for guard in run.compiled.guards[number] if tasks[guard].setup and not tasks[number].teardown]
        for setup in [number, *setups] if tasks[number].setup else setups:
            teardowns = [down for down in run.compiled.downstream[setup] if tasks[down].teardown]
            for other in (setup, *teardowns):
                found |= dict.fromkeys(run.nodes[other].beside(instance))
    order = {instance: place for place, instance in enumerate(run.instances())}
    return sorted(found, key=order.__getitem__)


def _with_mapped(run: LiveRun, chosen: list[Instance]) -> list[Instance]:
    """Add what is mapped over values that will be left again, in the DAG's order: it belongs to elements of the old ones."""
    found = dict.fromkeys(chosen)
    nodes = {instance.node for instance in chosen}
    for node in run.nodes:
        if any(source in nodes and not node.pairs(source) for source in node.sources()):
            nodes.add(node)
            found |= dict.fromkeys(node.instances.values())
    order = {instance: place for place, instance in enumerate(run.instances())}
    return sorted(found, key=order.__getitem__)


def _hold_back(state: State, run: LiveRun, cleared: list[Instance]) -> None:
    """Let what is directly below wait for its upstream again, unless a try of it lives or it has ended; its retries stay spent."""
    for above in cleared:
        for node in (run.nodes[number] for number in run.compiled.downstream[above.node.number]):
            for instance in node.beside(above):
                if instance.state in (TaskState.SCHEDULED, TaskState.UP_FOR_RETRY):
                    state.admission.drop(instance)
                    instance.state, instance.reason = TaskState.NONE, "its upstream was cleared"
                    instance.due_at = instance.retry_at_s = None
                    state.mark_dirty(instance)


def _maps_anew(request: ClearTasks, node: Node, cleared: set[Node]) -> bool:
    """Whether the elements that a task is mapped over may be others afterwards: then the steps of its instances are of others, too."""
    if request.version and any(mapping.source is None for mapping in node.task.mapped):
        return True  # the list, or a part of it, stands in the file
    return any(source in cleared for source in node.sources())


def _stays_skipped(run: LiveRun, instance: Instance, cleared: set[int]) -> bool:
    """Whether the branch or short circuit that skipped the instance is not cleared itself: then its choice still holds."""
    branch = skipped_by(instance)
    return bool(branch) and run.compiled.index.get(branch) not in cleared


def _clear_instance(state: State, instance: Instance, reason: str, *, keep_steps: bool) -> None:
    state.kill(instance, reason)
    state.admission.drop(instance)
    state.changes.cleared.append(instance.key)
    if not keep_steps:
        state.changes.forgotten.append(instance.key)
    state.changes.xcoms = [x for x in state.changes.xcoms if (x.run, x.task_id, x.map_index) != instance.key]
    instance.node.forget_values(instance.key.map_index)
    instance.reset(reason)
    state.mark_dirty(instance)
