"""How a finished instance moves its run on: tallies, trigger rules, expansion of mapped tasks, the end of the run."""

import msgspec

from penstock.engine.live import Instance, LiveRun, Node, expansion
from penstock.engine.state import State
from penstock.engine.trigger_rules import Verdict, explain, verdict
from penstock.model.run import UNMAPPED
from penstock.model.state import RunState, TaskState

MAX_INSTANCES = 100_000


def evaluate(state: State, node: Node) -> None:
    """Apply a node's trigger rule: a task that may run becomes ready, one that never will is ended."""
    if not node.waiting or node.collapsing or node.run.row.state is not RunState.RUNNING:
        return
    decision = verdict(node.task.trigger_rule, node.tally)
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
    reason = explain(node.task.trigger_rule, node.tally)
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
    count = expansion(node)
    if isinstance(count, int) and count > MAX_INSTANCES:
        count = f"cannot expand into {count} instances: at most {MAX_INSTANCES} are allowed"
    if isinstance(count, str):
        placeholder.transition(TaskState.SCHEDULED, count)
        end_instance(state, placeholder, TaskState.FAILED, count)
    elif count == 0:
        end_instance(state, placeholder, TaskState.SKIPPED, "it was mapped over nothing")
    else:
        state.delete_row(placeholder)
        _run(state, node, node.expand(count))


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
    compiled, final, setup = run.compiled, instance.state, node.task.setup
    node.unfinished -= 1
    done = node.unfinished == 0
    if compiled.leaf[node.number] and final not in (TaskState.SUCCESS, TaskState.SKIPPED):
        run.broken_leaves += 1
    run.unfinished -= done
    # Counters and not scans: a finished instance costs its downstream edges, however large the DAG and its history are.
    for number in compiled.downstream[node.number]:
        down = run.nodes[number]
        down.tally.add(final, setup=setup)
        down.tally.pending -= done
        evaluate(state, down)
    end_run_if_done(state, run)


def end_run_if_done(state: State, run: LiveRun) -> None:
    """End a running run if its nodes are all done."""
    if run.unfinished == 0 and run.row.state is RunState.RUNNING:
        end_run_by_leaves(state, run)


def end_run_by_leaves(state: State, run: LiveRun) -> None:
    """End a run whose nodes are all done, with the state that its leaf tasks decide."""
    if run.broken_leaves:
        word = "instance" if run.broken_leaves == 1 else "instances"
        end_run(state, run, RunState.FAILED, f"{run.broken_leaves} {word} of its last tasks failed")
    else:
        end_run(state, run, RunState.SUCCESS, "")


def end_run(state: State, run: LiveRun, final: RunState, reason: str) -> None:
    """Set a run's final state; the run stays in memory only while a try of it lives."""
    dag = state.dag(run.row.dag_id)
    version = run.row.version or (dag.row.version if dag.row is not None else "")
    row = msgspec.structs.replace(run.row, state=final, ended_at=state.now, reason=reason, version=version)
    state.store_run(run, row)
    dag.running.discard(run.row.run)
    if run.row.run in dag.queued:
        dag.queued.remove(run.row.run)
    state.dags_to_check.add(run.row.dag_id)
    state.release(run)
