"""What people ask of live runs: cancel, clear, mark."""

import msgspec

from penstock.engine.book import Book
from penstock.engine.flow import end, end_run, evaluate, recount, release_run, settle, unfold
from penstock.engine.live import Instance, LiveRun, Node
from penstock.engine.messages import Kill
from penstock.model.request import CancelRun, ClearTasks, MarkTask
from penstock.model.run import UNMAPPED
from penstock.model.state import RunState, TaskState


def cancel(book: Book, request: CancelRun) -> None:
    """End a run and everything of it that has not finished; live tries are killed."""
    run = book.runs.get(request.run)
    if run is None or run.row.state.finished:
        return
    reason = f"cancelled by {request.by}" if request.by else "cancelled"
    end_run(book, run, RunState.CANCELLED, reason)
    for instance in run.instances():
        if not instance.state.finished:
            _kill(book, instance, reason)
            end(book, instance, TaskState.CANCELLED, reason)
    settle(book)
    release_run(book, run)


def _kill(book: Book, instance: Instance, reason: str) -> None:
    """Tell a live try to end; until it answers, it keeps its places and no other try of the instance goes out."""
    if instance.lane and not instance.dying:
        instance.dying = instance.epoch
        book.kills.append(Kill(instance.lane, instance.key, instance.epoch, reason))


def clear(book: Book, request: ClearTasks) -> None:
    """Make instances of a run as if they had not run, kill their live tries, and let the run go on."""
    run = book.runs.get(request.run)
    if run is None:
        return
    chosen = _chosen(run, request)
    if not chosen:
        return
    for node in chosen:
        _reset(book, node)
    recount(run)
    if run.row.state is not RunState.QUEUED:
        _revive(book, run)
        for node in run.nodes:
            evaluate(book, node)


def _chosen(run: LiveRun, request: ClearTasks) -> list[Node]:
    """The nodes to reset; a node is reset with all of its instances, as a mapping may come out otherwise next time."""
    if request.tasks:
        numbers = {run.plan.index[task_id] for task_id in request.tasks if task_id in run.plan.index}
    else:
        numbers = set(range(len(run.nodes)))
    failed = (TaskState.FAILED, TaskState.UPSTREAM_FAILED, TaskState.CANCELLED)
    if request.only_failed:
        numbers = {n for n in numbers if any(i.state in failed for i in run.nodes[n].instances.values())}
    if request.downstream:
        numbers = run.plan.reachable(numbers)
    return [run.nodes[number] for number in sorted(numbers)]


def _reset(book: Book, node: Node) -> None:
    for instance in node.instances.values():
        _kill(book, instance, "cleared")
        book.admission.drop(instance)
        book.changes.cleared.append(instance.key)
        if instance.state is not TaskState.NONE:
            instance.state, instance.reason = TaskState.NONE, "cleared"
        instance.failures = instance.lost = 0
        instance.started_at = instance.ended_at = instance.waited_from = instance.due_at = None
        book.touch(instance)
    node.lengths.clear()
    if node.task.mapped and UNMAPPED not in node.instances:
        node.folding = True
        unfold(book, node)


def _revive(book: Book, run: LiveRun) -> None:
    if run.row.state is RunState.RUNNING:
        return
    row = msgspec.structs.replace(run.row, state=RunState.RUNNING, ended_at=None, reason="cleared")
    book.store_run(run, row)
    book.dag(run.row.dag_id).running.add(run.row.run)


def mark(book: Book, request: MarkTask) -> None:
    """Set an instance to a final state by a person's word; a live try of it is killed."""
    run = book.runs.get(request.run)
    node = None if run is None else run.node(request.task_id)
    instance = None if node is None else node.instances.get(request.map_index)
    if run is None or instance is None or run.row.state is RunState.QUEUED:
        return
    _kill(book, instance, f"marked {request.state}")
    book.admission.drop(instance)
    instance.state, instance.reason = TaskState(request.state), f"marked {request.state} by hand"
    instance.due_at, instance.ended_at = None, book.now
    book.touch(instance)
    recount(run)
    _revive(book, run)
    for other in run.nodes:
        evaluate(book, other)
    settle(book)
    if run.unfinished == 0:
        end_run(
            book,
            run,
            RunState.FAILED if run.broken_leaves else RunState.SUCCESS,
            f"{run.broken_leaves} of its last task instances failed" if run.broken_leaves else "",
        )
