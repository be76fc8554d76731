"""How a finished instance moves its run on: tallies, trigger rules, expansion of mapped tasks, the end of the run."""

import msgspec

from penstock.engine.book import Book
from penstock.engine.live import Instance, LiveRun, Node, expansion
from penstock.engine.rules import Verdict, explain, verdict
from penstock.model.run import UNMAPPED
from penstock.model.state import RunState, TaskState

MAX_INSTANCES = 100_000


def evaluate(book: Book, node: Node) -> None:
    """Ask a node's trigger rule; a task that may run becomes ready, one that never will is ended."""
    if not node.waiting or node.folding or node.run.row.state is not RunState.RUNNING:
        return
    decision = verdict(node.task.trigger_rule, node.tally)
    if decision is Verdict.WAIT:
        return
    if decision is Verdict.RUN and not node.expanded:
        if all(source.done for source in node.sources()):
            _expand(book, node)
        return
    waiting, node.waiting = node.waiting, []
    if decision is Verdict.RUN:
        _run(book, node, waiting)
        return
    reason = explain(node.task.trigger_rule, node.tally)
    state = TaskState.SKIPPED if decision is Verdict.SKIP else TaskState.UPSTREAM_FAILED
    for instance in waiting:
        if instance.state is TaskState.NONE:
            end(book, instance, state, reason)


def _run(book: Book, node: Node, waiting: list[Instance]) -> None:
    for instance in waiting:
        if instance.state is not TaskState.NONE:
            continue
        if node.task.instant:
            instance.started_at = book.now
            end(book, instance, TaskState.SUCCESS, "nothing to run")
        else:
            make_ready(book, instance, "ready")


def _expand(book: Book, node: Node) -> None:
    """Put a mapped task's instances in place of its placeholder; without any, the task ends."""
    placeholder = node.instances[UNMAPPED]
    node.waiting = []
    if placeholder.state is not TaskState.NONE:
        return
    count = expansion(node)
    if isinstance(count, int) and count > MAX_INSTANCES:
        count = f"cannot expand into {count} instances: at most {MAX_INSTANCES} are allowed"
    if isinstance(count, str):
        placeholder.move(TaskState.SCHEDULED, count)
        end(book, placeholder, TaskState.FAILED, count)
    elif count == 0:
        end(book, placeholder, TaskState.SKIPPED, "it was mapped over nothing")
    else:
        book.forget_row(placeholder)
        _run(book, node, node.populate(count))


def unfold(book: Book, node: Node) -> None:
    """Put the placeholder of a cleared mapped task back, once no try of its old instances lives."""
    if node.tries == 0:
        for instance in node.instances.values():
            book.forget_row(instance)
        book.touch(node.fold())


def make_ready(book: Book, instance: Instance, reason: str) -> None:
    """The instance may run as soon as the limits admit it, and no earlier try of it lives."""
    instance.move(TaskState.SCHEDULED, reason)
    instance.due_at = None
    book.touch(instance)
    if instance.dying:
        instance.reason = "its earlier try was told to end and has not answered yet"
    else:
        book.await_admission(instance)


def end(book: Book, instance: Instance, state: TaskState, reason: str) -> None:
    """Finish an instance; `settle` then shows it to everything downstream."""
    book.admission.drop(instance)
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
    plan, state, setup = run.plan, instance.state, node.task.setup
    node.unfinished -= 1
    done = node.unfinished == 0
    if plan.leaf[node.number] and state not in (TaskState.SUCCESS, TaskState.SKIPPED):
        run.broken_leaves += 1
    run.unfinished -= done
    for number in plan.downstream[node.number]:
        down = run.nodes[number]
        down.tally.add(state, setup=setup)
        down.tally.pending -= done
        evaluate(book, down)
    close(book, run)


def close(book: Book, run: LiveRun) -> None:
    """End a running run if its nodes are all done."""
    if run.unfinished == 0 and run.row.state is RunState.RUNNING:
        conclude(book, run)


def conclude(book: Book, run: LiveRun) -> None:
    """Give a run all of whose nodes are done the state that its leaves say."""
    if run.broken_leaves:
        word = "instance" if run.broken_leaves == 1 else "instances"
        end_run(book, run, RunState.FAILED, f"{run.broken_leaves} {word} of its last tasks failed")
    else:
        end_run(book, run, RunState.SUCCESS, "")


def end_run(book: Book, run: LiveRun, state: RunState, reason: str) -> None:
    """Give a run its final state; it is held on to only while a try of it has yet to answer."""
    dag = book.dag(run.row.dag_id)
    version = run.row.version or (dag.row.version if dag.row is not None else "")
    row = msgspec.structs.replace(run.row, state=state, ended_at=book.now, reason=reason, version=version)
    book.store_run(run, row)
    dag.running.discard(run.row.run)
    if run.row.run in dag.queued:
        dag.queued.remove(run.row.run)
    book.dags_to_look_at.add(run.row.dag_id)
    book.release(run)
