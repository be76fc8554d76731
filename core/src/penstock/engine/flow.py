"""How a finished instance moves its run on: tallies, trigger rules, expansion of mapped tasks, the end of the run."""

import msgspec

from penstock.engine.branching import cut_off
from penstock.engine.expansion import expansion
from penstock.engine.graph.trigger_rules import Verdict
from penstock.engine.live import Instance, LiveRun, Node
from penstock.engine.state import State
from penstock.model.run import UNMAPPED
from penstock.model.state import RunState, TaskState


def evaluate(state: State, node: Node) -> None:
    """Apply a node's trigger rule: a task that may run becomes ready, one that never will is ended."""
    if not node.waiting or node.collapsing or node.run.row.state is not RunState.RUNNING:
        return
    decision = node.verdict()
    if decision is Verdict.WAIT:
        return
    # The rule may let a mapped task run early, but how many instances it has is known only once its sources are done.
    if decision is Verdict.RUN and not node.expanded:
        if all(source.done for source in node.sources()):
            _expand(state, node)
        return
    # The verdict falls once: what upstream does afterwards must not decide a second time.
    waiting, node.waiting = node.waiting, []
    if decision is Verdict.RUN:
        _run(state, node, waiting)
        return
    reason = node.explain()
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
            end_instance(state, instance, TaskState.SUCCESS, "nothing to run")
        else:
            make_ready(state, instance, "ready")


def _expand(state: State, node: Node) -> None:
    """Expand a mapped task: its instances replace its placeholder; mapped over nothing, it is skipped."""
    placeholder = node.instances[UNMAPPED]
    node.waiting = []
    if placeholder.state is not TaskState.NONE:
        return
    found = expansion(node)
    if isinstance(found, int):
        state.delete_row(placeholder)
        _run(state, node, node.expand(found))
        return
    if found.state is TaskState.FAILED:
        placeholder.transition(TaskState.SCHEDULED, found.reason)
    end_instance(state, placeholder, found.state, found.reason)


def collapse(state: State, node: Node) -> None:
    """Collapse a cleared mapped task into its placeholder, once no try of its old instances lives."""
    if node.tries == 0:
        for instance in node.instances.values():
            state.delete_row(instance)
        state.mark_dirty(node.collapse())


def make_ready(state: State, instance: Instance, reason: str) -> None:
    """Make an instance ready: it is dispatched when the limits admit it and no earlier try of it lives."""
    instance.transition(TaskState.SCHEDULED, reason)
    instance.due_at = instance.retry_at_s = instance.ended_at = None
    state.mark_dirty(instance)
    # Two tries of one instance must never live at once: `_after_cancelled` makes it ready again.
    if instance.cancelling:
        instance.reason = "its earlier try was cancelled and has not answered yet"
    else:
        state.enqueue(instance)


def end_instance(state: State, instance: Instance, final: TaskState, reason: str) -> None:
    """Finish an instance; `propagate` then counts it for everything downstream."""
    state.admission.drop(instance)
    instance.transition(final, reason)
    instance.ended_at = state.now
    instance.due_at = instance.retry_at_s = None
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
    if compiled.leaf[node.number] and final not in (TaskState.SUCCESS, TaskState.SKIPPED):
        run.broken_leaves += 1
    run.unfinished -= done
    if done and (instance.reason or node.task.mapped):
        _skip_cut_off(state, node)
    # Counters and not scans: a finished instance costs its downstream edges, however large the DAG and its history are.
    for number in compiled.guarded[node.number]:
        down = run.nodes[number]
        if down.guard is not None:
            down.guard.pending -= done
            if down.heeds(node):
                down.guard.add(final, setup=True)
        evaluate(state, down)
    for number in compiled.downstream[node.number]:
        down = run.nodes[number]
        down.tally.add(final, setup=node.task.setup)
        down.tally.pending -= done
        evaluate(state, down)
    end_run_if_done(state, run)


def _skip_cut_off(state: State, node: Node) -> None:
    """Skip what a branch or short circuit cuts off, as far as it has not begun; teardowns are left to their own rule."""
    numbers, reason = cut_off(node)
    for number in numbers:
        down = node.run.nodes[number]
        if down.task.teardown:
            continue
        down.collapsing = False
        for instance in list(down.instances.values()):
            if instance.state in (TaskState.NONE, TaskState.SCHEDULED):
                end_instance(state, instance, TaskState.SKIPPED, reason)


def end_run_if_done(state: State, run: LiveRun) -> None:
    """End a running run if its nodes are all done."""
    if run.unfinished == 0 and run.row.state is RunState.RUNNING:
        end_run_by_leaves(state, run)


def end_run_by_leaves(state: State, run: LiveRun) -> None:
    """End a run whose nodes are all done, with the state that its leaf tasks decide; one whose time was over has failed."""
    if run.row.timed_out_at is not None:
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
