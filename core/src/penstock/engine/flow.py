"""How a finished instance moves its run on: tallies, trigger rules, expansion of mapped tasks, the end of the run."""

from collections.abc import Iterable, Iterator

import msgspec

from penstock.engine.assets.events import emit_events
from penstock.engine.decisions.branching import cut_off, cut_off_beside
from penstock.engine.decisions.expansion import expansion
from penstock.engine.decisions.mapped_instances import expand
from penstock.engine.decisions.past_hold import is_held
from penstock.engine.graph.trigger_rules import Verdict
from penstock.engine.live import Instance, LiveRun, Node
from penstock.engine.state import State
from penstock.model.run import UNMAPPED
from penstock.model.state import RunState, TaskState


def evaluate(state: State, node: Node, index: int | None = None) -> None:
    """Apply a node's trigger rule: a task that may run becomes ready, one that never will is ended.

    Args:
        state: The engine's state.
        node: The task.
        index: Of a task in a mapped group, the one instance of which something has changed; None for all.
    """
    if not node.waiting or node.collapsing or node.run.row.state is not RunState.RUNNING:
        return
    if node.own:
        for each in list(node.waiting) if index is None else [index]:
            if each in node.waiting and (decision := node.verdict(each)) is not Verdict.WAIT:
                if decision is Verdict.RUN and _held_by_past(state, node):
                    return
                _decide(state, node, decision, [node.waiting.pop(each)])
        return
    decision = node.verdict()
    if decision is Verdict.WAIT or (decision is Verdict.RUN and _held_by_past(state, node)):
        return
    # The rule may let a mapped task run early, but how many instances it has is known only once its sources are done.
    if decision is Verdict.RUN and not node.expanded:
        if all(source.done for source in node.sources()):
            _expand(state, node)
        return
    # The verdict falls once: what upstream does afterwards must not decide a second time.
    waiting, node.waiting = list(node.waiting.values()), {}
    _decide(state, node, decision, waiting)


def _held_by_past(state: State, node: Node) -> bool:
    """Whether a task that may run is held by the run before it."""
    run = node.run
    if not run.compiled.past[node.number]:
        return False
    if not is_held(state, node):
        return False
    if not run.past_known:
        state.past_wanted[run.row.run] = None
    state.dags_to_check.add(run.row.dag_id)  # its place may be needed by what holds it
    return True


def let_later_go(state: State, run: LiveRun, task_ids: Iterable[str]) -> None:
    """Look again at what waits in the next run for tasks of this one."""
    later = state.dag(run.row.dag_id).dated.behind(run.row)
    for each in (state.runs[number] for number in later):
        for number in {number for task_id in task_ids for number in each.compiled.past_of.get(task_id, ())}:
            evaluate(state, each.nodes[number])


def _decide(state: State, node: Node, decision: Verdict, waiting: list[Instance]) -> None:
    """Carry out a verdict on instances that share it."""
    if decision is Verdict.RUN:
        _run(state, node, waiting)
        return
    reason = node.explain(waiting[0].key.map_index)
    final = TaskState.SKIPPED if decision is Verdict.SKIP else TaskState.UPSTREAM_FAILED
    for instance in waiting:
        if instance.state is TaskState.NONE:
            end_instance(state, instance, final, reason)


def _run(state: State, node: Node, waiting: list[Instance]) -> None:
    for instance in waiting:
        if instance.state is not TaskState.NONE:
            continue
        if node.task.instant:
            instance.started_at = state.now
            emit_events(state, instance)
            end_instance(state, instance, TaskState.SUCCESS, "nothing to run")
        else:
            make_ready(state, instance, "ready")


def _expand(state: State, node: Node) -> None:
    """Expand a mapped task, and its group with it: instances replace placeholders; mapped over nothing, it is skipped."""
    placeholder = node.instances[UNMAPPED]
    if placeholder.state is not TaskState.NONE or node.group is None:
        node.waiting = {}
        return
    found = expansion(node)
    if isinstance(found, int):
        nodes = node.group.waiting_nodes()
        expand(state, nodes, range(found))
        for each in nodes:
            each.pair()
        for each in nodes:
            evaluate(state, each)
        return
    node.waiting = {}
    if found.state is TaskState.FAILED:
        placeholder.transition(TaskState.SCHEDULED, found.reason)
    end_instance(state, placeholder, found.state, found.reason)


def make_ready(state: State, instance: Instance, reason: str) -> None:
    """Make an instance ready: it is dispatched when the limits admit it and no earlier try of it lives."""
    # What was ready before, or had its retry, waits since then; the time of day may have been set back since.
    waits = instance.state in (TaskState.SCHEDULED, TaskState.UP_FOR_RETRY)
    instance.due_at = min(instance.due_at or state.now, state.now) if waits else state.now
    instance.transition(TaskState.SCHEDULED, reason)
    instance.retry_at_s = instance.ended_at = None
    state.mark_dirty(instance)
    # Two tries of one instance must never live at once, nor what a setup makes while an old teardown takes it away:
    # `_after_cancelled` makes it ready again.
    if instance.cancelling:
        instance.reason = "its earlier try was cancelled and has not answered yet"
    elif (teardown := _old_teardown(instance)) is not None:
        instance.reason = f"its teardown {teardown.key} was cancelled and has not answered yet"
    else:
        state.enqueue(instance)


def _old_teardown(setup: Instance) -> Instance | None:
    """A teardown of a setup that was cancelled, and whose try has not ended; None if there is none."""
    node = setup.node
    if not node.task.setup:
        return None
    downs = (node.run.nodes[number] for number in node.run.compiled.downstream[node.number])
    teardowns = (each for down in downs if down.task.teardown for each in down.beside(setup))
    return next((each for each in teardowns if each.cancelling), None)


def end_instance(state: State, instance: Instance, final: TaskState, reason: str) -> None:
    """Finish an instance; `propagate` then counts it for everything downstream."""
    state.admission.drop(instance)
    instance.transition(final, reason)
    instance.ended_at = state.now
    instance.retry_at_s = None
    state.mark_dirty(instance)
    state.ended.append(instance)


def propagate(state: State) -> None:
    """Count every finished instance for its downstream, until nothing more follows.

    A queue and no recursion: a chain of ten thousand skipped tasks is one loop here.
    """
    while state.ended:
        _propagate_one(state, state.ended.popleft())


def _propagate_one(state: State, instance: Instance) -> None:
    node = instance.node
    run = node.run
    compiled, final = run.compiled, instance.state
    node.unfinished -= 1
    done = node.unfinished == 0
    if final not in (TaskState.SUCCESS, TaskState.SKIPPED):
        node.broken += 1
        run.broken_leaves += compiled.leaf[node.number]
    run.unfinished -= done
    if instance.reason or node.task.mapped:
        _skip_cut_off(state, instance)
    # Counters and not scans: a finished instance costs its downstream edges, however large the DAG and its history are.
    for number in compiled.guarded[node.number]:
        down = run.nodes[number]
        _count(state, down, instance, guard=True, setup=True, counts=down.heeds(node))
    for number in compiled.downstream[node.number]:
        _count(state, run.nodes[number], instance, guard=False, setup=node.task.setup, counts=True)
    # In a mapped group a teardown may be let run before this has ended, and waited for the number of its instances alone.
    for number in compiled.spread[node.number] if done else ():
        evaluate(state, run.nodes[number])
    if done:
        let_later_go(state, run, (node.task.task_id,))
    end_run_if_done(state, run)


def _count(state: State, down: Node, instance: Instance, *, guard: bool, setup: bool, counts: bool) -> None:
    """Count a finished instance at a task downstream of it, or guarded by it, and let that decide.

    Args:
        state: The engine's state.
        down: The task.
        instance: What has finished.
        guard: Whether it is a guard of the task, and no direct upstream.
        setup: Whether it counts as a setup.
        counts: Whether its state counts, or only that it has finished.
    """
    node, index = instance.node, instance.key.map_index
    own = down.own.get(index) if down.pairs(node) else None
    tally = (down.guard if guard else down.tally) if own is None else (own.guard if guard else own.tally)
    if tally is None:
        return
    before = tally.seen() if down.own and own is None else None
    if counts:
        tally.add(instance.state, setup=setup)
    finished = own is not None or node.done
    tally.pending -= finished
    if own is not None:
        evaluate(state, down, index)
    # What counts for each of many instances is looked at again only if it may change a verdict.
    elif before is None or finished or tally.seen() != before:
        evaluate(state, down)


def _skip_cut_off(state: State, instance: Instance) -> None:
    """Skip what a branch or short circuit cuts off, as far as it has not begun; teardowns are left to their own rule.

    In its mapped group an instance cuts off those of its own index; what stands outside is cut off once all have decided.
    """
    node = instance.node
    if node.group is not None and not node.group.alone and node.expanded:
        numbers, reason = cut_off_beside(instance)
        index = instance.key.map_index
        _skip(state, [i for down in _work(node, numbers) if (i := down.instances.get(index)) is not None], reason)
    if node.done:
        numbers, reason = cut_off(node)
        for down in _work(node, numbers):
            if down.group is not None:
                down.group.collapsing = False
            _skip(state, list(down.instances.values()), reason)


def _work(node: Node, numbers: list[int]) -> Iterator[Node]:
    return (node.run.nodes[number] for number in numbers if not node.run.nodes[number].task.teardown)


def _skip(state: State, instances: list[Instance], reason: str) -> None:
    for instance in instances:
        if instance.state in (TaskState.NONE, TaskState.SCHEDULED):
            end_instance(state, instance, TaskState.SKIPPED, reason)


def end_run_if_done(state: State, run: LiveRun) -> None:
    """End a running run if its nodes are all done."""
    if run.unfinished == 0 and run.row.state is RunState.RUNNING:
        end_run_by_leaves(state, run)


def end_run_by_leaves(state: State, run: LiveRun) -> None:
    """End a run whose nodes are all done, with the state that its leaf tasks decide, unless it was cancelled or its time was over."""
    if run.row.cancelled_at is not None:
        end_run(state, run, RunState.CANCELLED, run.row.reason)
    elif run.row.timed_out_at is not None:
        end_run(state, run, RunState.FAILED, run.row.reason)
    elif run.broken_leaves:
        word = "instance" if run.broken_leaves == 1 else "instances"
        end_run(state, run, RunState.FAILED, f"{run.broken_leaves} {word} of its last tasks failed")
    else:
        end_run(state, run, RunState.SUCCESS, "")


def end_run(state: State, run: LiveRun, final: RunState, reason: str) -> None:
    """Set a run's final state; the run stays in memory, and keeps its place, only while a try of it lives."""
    was_queued = run.row.state is RunState.QUEUED
    row = msgspec.structs.replace(run.row, state=final, ended_at=state.now, reason=reason)
    state.store_run(run, row)
    dag = state.dag(row.dag_id)
    if was_queued:
        dag.leave_queue(row.run)
    state.dags_to_check.add(row.dag_id)
    state.free_place(run)
    state.release(run)
