"""The life of runs and DAGs: due runs are created, queued ones started, known ones taken over."""

from collections.abc import Callable

import msgspec

from penstock.engine.book import UNLIMITED, Book, DagBook
from penstock.engine.due import next_due, scheduled_run
from penstock.engine.flow import close, evaluate, make_ready, recount, settle
from penstock.engine.live import Instance, LiveRun
from penstock.engine.messages import DagUpdated, RunAdded
from penstock.model.changes import DagCursor
from penstock.model.run import UNMAPPED, TaskInstance, TaskKey
from penstock.model.state import RunState, TaskState


def update_dag(book: Book, event: DagUpdated) -> None:
    """Take over the newest version of a DAG and its switches."""
    dag = book.dag(event.dag.dag_id)
    dag.row = event
    if event.cursor is not None and (dag.cursor is None or event.cursor > dag.cursor):
        dag.cursor = event.cursor
    dag.active_tasks.limit = event.dag.max_active_tasks or UNLIMITED
    dag.active_tasks.closed = f"DAG {event.dag.dag_id!r} is paused" if event.paused else ""
    book.admission.reopen(dag.active_tasks)
    dag.wake_at = None
    book.dags_to_look_at.add(event.dag.dag_id)


def add_run(book: Book, event: RunAdded) -> None:
    """Take over a run: a new one waits for its DAG's turn, a running one goes on where its rows say it was."""
    row = event.run
    if row.run in book.runs:
        return
    live = LiveRun(row, book.plan(event.dag, row.version))
    book.runs[row.run] = live
    dag = book.dag(row.dag_id)
    if dag.row is None and dag.active_tasks.limit == UNLIMITED:
        dag.active_tasks.limit = event.dag.max_active_tasks or UNLIMITED
    book.dags_to_look_at.add(row.dag_id)
    if row.state is RunState.QUEUED:
        dag.queued.append(row.run)
        return
    if row.state is RunState.RUNNING:
        dag.running.add(row.run)
    _restore(book, live, event)


def _restore(book: Book, live: LiveRun, event: RunAdded) -> None:
    for task in event.tasks:
        _restore_instance(live, task)
    for (task_id, map_index, key), length in event.lengths.items():
        if (node := live.node(task_id)) is not None:
            node.lengths[key, map_index] = length
    recount(live)
    if live.row.state is not RunState.RUNNING:
        return
    for instance in live.instances():
        _resume(book, instance)
    for node in live.nodes:
        evaluate(book, node)
    settle(book)
    if live.unfinished == 0:
        close(book, live)


def _restore_instance(live: LiveRun, row: TaskInstance) -> None:
    node = live.node(row.task_id)
    if node is None:
        return
    if row.map_index != UNMAPPED and not node.expanded:
        node.expanded, node.instances = True, {}
    instance = node.instances.get(row.map_index)
    if instance is None:
        instance = node.instances[row.map_index] = Instance(TaskKey(row.run, row.task_id, row.map_index), node)
    instance.restore(row)


def _resume(book: Book, instance: Instance) -> None:
    """Put a stored instance back to where it waits; a live one is taken to be with its executor."""
    if instance.state is TaskState.SCHEDULED:
        make_ready(book, instance)
    elif instance.state is TaskState.UP_FOR_RETRY:
        book.retry_at(instance.due_at or book.now, instance)
    elif instance.state.live:
        book.occupy(instance)


def start_queued_runs(book: Book) -> None:
    """Start the queued runs of every DAG that something happened to, as far as ``max_active_runs`` lets them."""
    for dag_id in sorted(book.dags_to_look_at):
        dag = book.dag(dag_id)
        if dag.row is not None and dag.row.paused:
            continue
        while dag.queued and len(dag.running) < _max_runs(book, dag):
            _start(book, dag, book.runs[dag.queued.popleft()])


def _max_runs(book: Book, dag: DagBook) -> int:
    limited_by = dag.row.dag if dag.row is not None else book.runs[dag.queued[0]].plan.dag
    return limited_by.max_active_runs or UNLIMITED


def _start(book: Book, dag: DagBook, live: LiveRun) -> None:
    book.store_run(live, msgspec.structs.replace(live.row, state=RunState.RUNNING, started_at=book.now))
    dag.running.add(live.row.run)
    for instance in live.instances():
        book.touch(instance)
    for number, node in enumerate(live.nodes):
        if not live.plan.upstream[number]:
            evaluate(book, node)
    settle(book)
    if not live.nodes:
        close(book, live)


def _look_at(dag_id: str) -> Callable[[Book], None]:
    def wake(book: Book) -> None:
        book.dag(dag_id).wake_at = None
        book.dags_to_look_at.add(dag_id)

    return wake


def create_due_runs(book: Book) -> None:
    """Ask for the runs that are due, for each DAG no more than may be active; set a timer for the next."""
    for dag_id in sorted(book.dags_to_look_at):
        dag = book.dag(dag_id)
        if dag.row is not None and dag.row.active and not dag.row.paused:
            _create(book, dag_id, dag, dag.row)
    book.dags_to_look_at, book.dags_awaiting_runs = book.dags_awaiting_runs, set()


def _create(book: Book, dag_id: str, dag: DagBook, row: DagUpdated) -> None:
    limit = row.dag.max_active_runs or UNLIMITED
    asked = 0
    while len(dag.running) + len(dag.queued) + asked < limit:
        due = next_due(row.dag, dag.cursor, book.now)
        if due is None:
            break
        if due.at > book.now:
            if dag.wake_at is None or due.at < dag.wake_at:
                dag.wake_at = due.at
                book.call_at(due.at, _look_at(dag_id))
            break
        book.changes.new_runs.append(scheduled_run(row.dag, row.version, due.interval))
        dag.cursor, asked = due.interval.end, asked + 1
    if asked:
        # The stored runs come back as events of the next step, which then looks at the DAG again; so it does even if
        # the store knew some of these runs already.
        book.dags_awaiting_runs.add(dag_id)
        book.changes.cursors.append(DagCursor(dag_id, dag.cursor))
