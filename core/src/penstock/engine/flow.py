"""How a finished instance moves its run on: tallies, trigger rules, expansion of mapped tasks, the end of the run."""

import msgspec

from penstock.engine.book import Book
from penstock.engine.live import Instance, LiveRun, Node, expansion
from penstock.engine.rules import Tally, Verdict, explain, verdict
from penstock.model.run import UNMAPPED
from penstock.model.state import RunState, TaskState

MAX_INSTANCES = 100_000


def evaluate(book: Book, node: Node) -> None:
    """Ask a node's trigger rule; a task that may run becomes ready, one that never will is ended."""
    if node.run.row.state is not RunState.RUNNING or node.done or node.folding:
        return
    decision = verdict(node.task.trigger_rule, node.tally)
    if decision is Verdict.WAIT:
        return
    waiting = [instance for instance in node.instances.values() if instance.state is TaskState.NONE]
    if not waiting:
        return
    if decision is Verdict.RUN:
        _run(book, node, waiting)
        return
    reason = explain(node.task.trigger_rule, node.tally)
    state = TaskState.SKIPPED if decision is Verdict.SKIP else TaskState.UPSTREAM_FAILED
    for instance in waiting:
        end(book, instance, state, reason)


def _run(book: Book, node: Node, waiting: list[Instance]) -> None:
    if not node.expanded:
        if any(not run_node.done for run_node in _sources(node)):
            return
        expanded = _expand(book, node)
        if expanded is None:
            return
        waiting = expanded
    for instance in waiting:
        if node.task.instant:
            end(book, instance, TaskState.SUCCESS, "nothing to run")
        else:
            make_ready(book, instance)


def unfold(book: Book, node: Node) -> None:
    """Put the placeholder of a cleared mapped task back, once no try of its old instances lives."""
    if any(instance.dying for instance in node.instances.values()):
        return
    for instance in node.instances.values():
        book.forget_row(instance)
    book.touch(node.fold())
    recount(node.run)
    evaluate(book, node)


def _sources(node: Node) -> list[Node]:
    """The tasks over whose values a mapped task is spread."""
    named = (node.run.node(mapping.source.task_id) for mapping in node.task.mapped if mapping.source is not None)
    return [source for source in named if source is not None]


def _expand(book: Book, node: Node) -> list[Instance] | None:
    """The instances of a mapped task; None if the task ended instead."""
    placeholder = node.instances[UNMAPPED]
    count = expansion(node.run, node.task)
    if isinstance(count, int) and count > MAX_INSTANCES:
        count = f"cannot expand into {count} instances: at most {MAX_INSTANCES} are allowed"
    if isinstance(count, str):
        placeholder.move(TaskState.SCHEDULED, count)
        end(book, placeholder, TaskState.FAILED, count)
        return None
    if count == 0:
        end(book, placeholder, TaskState.SKIPPED, "it was mapped over nothing")
        return None
    book.forget_row(placeholder)
    instances = node.populate(count)
    for instance in instances:
        book.touch(instance)
    return instances


def make_ready(book: Book, instance: Instance) -> None:
    """The instance may run as soon as the limits admit it."""
    instance.move(TaskState.SCHEDULED, "ready")
    instance.due_at = None
    book.touch(instance)
    if instance.dying:
        instance.reason = "an earlier try was told to end and has not answered yet"
        return
    book.admission.add(instance, book.needs(instance), book.dag(instance.node.run.row.dag_id).tenant)
    book.fresh.append(instance)


def end(book: Book, instance: Instance, state: TaskState, reason: str) -> None:
    """Finish an instance; `settle` then shows it to everything downstream."""
    book.admission.drop(instance)
    if state is TaskState.SUCCESS and instance.state is TaskState.NONE:
        instance.started_at = book.now
    instance.move(state, reason)
    instance.ended_at = book.now
    instance.due_at = None
    book.touch(instance)
    book.ended.append(instance)


def settle(book: Book) -> None:
    """Let every finished instance be seen by its downstream, until nothing more follows.

    A queue and no recursion: a chain of ten thousand skipped tasks is one loop here.
    """
    while book.ended:
        _count(book, book.ended.popleft())


def _count(book: Book, instance: Instance) -> None:
    node = instance.node
    run = node.run
    node.unfinished -= 1
    setup = node.task.setup
    if run.plan.leaf[node.number] and instance.state not in (TaskState.SUCCESS, TaskState.SKIPPED):
        run.broken_leaves += 1
    if node.done:
        run.unfinished -= 1
    for number in run.plan.downstream[node.number]:
        down = run.nodes[number]
        down.tally.add(instance.state, setup=setup)
        if node.done:
            down.tally.pending -= 1
        evaluate(book, down)
    if run.unfinished == 0:
        close(book, run)


def skip(book: Book, instance: Instance, reason: str) -> None:
    """Skip an instance that has not begun; one that has is left alone."""
    if instance.state in (TaskState.NONE, TaskState.SCHEDULED, TaskState.UP_FOR_RETRY):
        end(book, instance, TaskState.SKIPPED, reason)


def skip_by_branch(book: Book, node: Node, follow: tuple[str, ...], reason: str) -> None:
    """Skip what is directly downstream of a branch and neither followed nor reachable from what is."""
    run = node.run
    followed = {run.plan.index[task_id] for task_id in follow if task_id in run.plan.index}
    kept = run.plan.reachable(followed)
    for number in run.plan.downstream[node.number]:
        if number not in kept:
            for instance in list(run.nodes[number].instances.values()):
                skip(book, instance, reason)


def skip_downstream(book: Book, node: Node, *, everything: bool, reason: str) -> None:
    """Skip what a short circuit cuts off: all downstream of it, or what is directly downstream."""
    run = node.run
    direct = run.plan.downstream[node.number]
    cut = sorted(run.plan.reachable(direct)) if everything else direct
    for number in cut:
        if run.nodes[number].task.teardown:
            continue
        for instance in list(run.nodes[number].instances.values()):
            skip(book, instance, reason)


def close(book: Book, run: LiveRun) -> None:
    """End a run whose nodes are all done; its leaves decide how."""
    if run.row.state is not RunState.RUNNING:
        return
    failed = run.broken_leaves > 0
    reason = f"{run.broken_leaves} of its last task instances failed" if failed else ""
    end_run(book, run, RunState.FAILED if failed else RunState.SUCCESS, reason)


def end_run(book: Book, run: LiveRun, state: RunState, reason: str) -> None:
    """Give a run its final state; it is held on to only while a try of it has yet to answer."""
    book.store_run(run, msgspec.structs.replace(run.row, state=state, ended_at=book.now, reason=reason))
    dag = book.dag(run.row.dag_id)
    dag.running.discard(run.row.run)
    if run.row.run in dag.queued:
        dag.queued.remove(run.row.run)
    book.dags_to_look_at.add(run.row.dag_id)
    release_run(book, run)


def release_run(book: Book, run: LiveRun) -> None:
    """Forget a finished run, unless one of its tries was told to end and has not answered."""
    if run.row.state.finished and not any(instance.lane for instance in run.instances()):
        book.runs.pop(run.row.run, None)
        for task in run.plan.tasks:
            book.per_task.pop((run.row.run, task.task_id), None)


def recount(run: LiveRun) -> None:
    """Derive every tally of a run from the states of its instances: after a restart, a clear or a mark."""
    plan = run.plan
    run.unfinished = run.broken_leaves = 0
    for node in run.nodes:
        node.unfinished = sum(not instance.state.finished for instance in node.instances.values())
        run.unfinished += not node.done
        if plan.leaf[node.number]:
            run.broken_leaves += sum(
                i.state.finished and i.state not in (TaskState.SUCCESS, TaskState.SKIPPED)
                for i in node.instances.values()
            )
    for node in run.nodes:
        upstream = [run.nodes[number] for number in plan.upstream[node.number]]
        node.tally = Tally(sum(not up.done for up in upstream))
        for up in upstream:
            for instance in up.instances.values():
                if instance.state.finished:
                    node.tally.add(instance.state, setup=up.task.setup)
