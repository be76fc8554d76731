"""What people ask of live runs: cancel, clear, mark."""

from msgspec.structs import replace

from penstock.engine.book import Book
from penstock.engine.cuts import cut_by
from penstock.engine.flow import close, conclude, end, end_run, evaluate, unfold
from penstock.engine.live import Instance, LiveRun
from penstock.engine.rules import BROKEN
from penstock.model.request import CancelRun, ClearTasks, MarkTask
from penstock.model.run import TaskKey
from penstock.model.state import RunState, TaskState

_MARKS = frozenset({TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED})


def cancel(book: Book, request: CancelRun) -> None:
    """End a run and everything of it that has not finished; live tries are killed."""
    run = book.runs.get(request.run)
    if run is None or run.row.state.finished:
        return
    reason = f"cancelled by {request.by}" if request.by else "cancelled"
    for node in run.nodes:
        node.folding = False
    for instance in run.instances():
        if not instance.state.finished:
            book.kill(instance, reason)
            end(book, instance, TaskState.CANCELLED, reason)
    end_run(book, run, RunState.CANCELLED, reason)


def clear(book: Book, request: ClearTasks) -> None:
    """Make instances of a run as if they had not run, kill their live tries, and let the run go on."""
    run = _begun(book, request.run)
    chosen = [] if run is None else _chosen(run, request)
    if run is None or not chosen:
        return
    nodes = {instance.node for instance in chosen}
    for instance in chosen:
        _reset(book, instance)
    for node in nodes:
        if node.task.mapped and all(i.state is TaskState.NONE for i in node.instances.values()):
            node.folding = node.expanded
    for number in sorted(node.number for node in nodes if node.folding):
        unfold(book, run.nodes[number])
    run.recount()
    if run.row.state.finished:
        # It stands in line like any other, so that clearing many runs starts no more of them than may be active.
        book.store_run(run, replace(run.row, state=RunState.QUEUED, ended_at=None, reason="cleared"))
        book.dag(run.row.dag_id).queued.append(run.row.run)
        book.dags_to_look_at.add(run.row.dag_id)
    for node in run.nodes:
        evaluate(book, node)


def _begun(book: Book, number: int) -> LiveRun | None:
    """A run that the engine holds and of which there is something to clear or to mark."""
    run = book.runs.get(number)
    return None if run is None or (run.row.state is RunState.QUEUED and run.row.started_at is None) else run


def _chosen(run: LiveRun, request: ClearTasks) -> list[Instance]:
    """The instances to reset, in the DAG's order."""
    named = {run.plan.index[task_id] for task_id in request.tasks if task_id in run.plan.index}
    if not request.tasks:
        named = set(range(len(run.nodes)))
    numbers = run.plan.reachable(named) if request.downstream else named
    chosen: list[Instance] = []
    for node in (run.nodes[number] for number in sorted(numbers)):
        instances = list(node.instances.values())
        if request.only_failed:
            instances = [instance for instance in instances if instance.state in BROKEN]
        if node.number not in named:
            instances = [instance for instance in instances if not _stays_cut(run, instance, numbers)]
        chosen += instances
    return chosen


def _stays_cut(run: LiveRun, instance: Instance, cleared: set[int]) -> bool:
    """Whether a branch or short circuit cut the instance off that is not cleared, so that its word still holds."""
    cutter = cut_by(instance)
    return bool(cutter) and run.plan.index.get(cutter) not in cleared


def _reset(book: Book, instance: Instance) -> None:
    book.kill(instance, "cleared")
    book.admission.drop(instance)
    book.changes.cleared.append(instance.key)
    book.changes.xcoms = [x for x in book.changes.xcoms if (x.run, x.task_id, x.map_index) != instance.key]
    instance.node.lengths.clear()
    instance.reset("cleared")
    book.touch(instance)


def mark(book: Book, request: MarkTask) -> None:
    """Set an instance to a final state by a person's word; a live try of it is killed.

    Nothing happens if there is no such instance, or if it is about to be replaced because its task was cleared.
    """
    run = _begun(book, request.run)
    instance = None if run is None else run.instance(TaskKey(request.run, request.task_id, request.map_index))
    if run is None or instance is None or instance.node.folding or request.state not in _MARKS:
        return
    reason = f"marked {request.state} by hand"
    book.kill(instance, reason)
    book.admission.drop(instance)
    instance.state, instance.reason = TaskState(request.state), reason
    instance.due_at, instance.ended_at = None, book.now
    book.touch(instance)
    run.recount()
    _carry_on(book, run)


def _carry_on(book: Book, run: LiveRun) -> None:
    """Let a run go on after one of its instances was set; one that had ended gets the state that now follows."""
    if run.row.state.finished:
        conclude(book, run)
        return
    for node in run.nodes:
        evaluate(book, node)
    close(book, run)
