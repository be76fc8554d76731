"""The life of runs and DAGs: due runs are created, queued ones started, known ones taken over."""

from msgspec.structs import replace

from penstock.engine.book import Book, DagBook
from penstock.engine.due import first_cursor, next_due, scheduled_run
from penstock.engine.flow import close, evaluate, make_ready, settle, unfold
from penstock.engine.live import Instance, LiveRun
from penstock.engine.messages import DagUpdated, RunAdded
from penstock.model.changes import DagCursor
from penstock.model.run import UNMAPPED, TaskInstance, TaskKey, Try
from penstock.model.state import RunState, TaskState

MAX_CREATED = 100


def update_dag(book: Book, event: DagUpdated) -> None:
    """Take over the newest version of a DAG and its switches."""
    dag = book.dag(event.dag.dag_id)
    dag.row = event
    dag.take_limits(event.dag)
    if event.cursor is not None and (dag.cursor is None or event.cursor > dag.cursor):
        dag.cursor = event.cursor
    dag.active_tasks.closed = f"DAG {event.dag.dag_id!r} is paused" if event.paused else ""
    book.admission.reopen(dag.active_tasks)
    book.dags_to_look_at.add(event.dag.dag_id)


def add_run(book: Book, event: RunAdded) -> None:
    """Take over a run: a queued one waits for its DAG's turn, a running one goes on where its rows say it was."""
    row = event.run
    if row.run in book.runs:
        return
    run = book.runs[row.run] = LiveRun(row, book.plan(event.dag, row.version))
    dag = book.dag(row.dag_id)
    if dag.row is None:
        dag.take_limits(event.dag)
    if event.tasks:
        _restore(book, run, event)
    if row.state is RunState.QUEUED:
        dag.queued.append(row.run)
    elif row.state is RunState.RUNNING:
        dag.running.add(row.run)
        for instance in run.instances():
            _resume(book, instance)
        _evaluate_all(book, run)
    else:
        book.release(run)
    book.dags_to_look_at.add(row.dag_id)


def _restore(book: Book, run: LiveRun, event: RunAdded) -> None:
    for task in sorted(event.tasks, key=lambda task: task.map_index):
        _restore_instance(run, task)
    for (task_id, map_index, key), length in event.lengths.items():
        if map_index == UNMAPPED and (node := run.node(task_id)) is not None:
            node.lengths[key] = length
    stored = {(attempt.task_id, attempt.map_index): attempt for attempt in event.tries if attempt.outcome is None}
    for instance in run.instances():
        _restore_try(book, instance, stored.get(instance.key[1:]))
    for node in run.nodes:
        if node.task.mapped and node.expanded and all(i.state is TaskState.NONE for i in node.instances.values()):
            node.folding = True
            unfold(book, node)
    run.recount()


def _restore_instance(run: LiveRun, row: TaskInstance) -> None:
    node = run.node(row.task_id)
    if node is None:
        return
    if row.map_index != UNMAPPED and not node.expanded:
        node.expanded, node.instances = True, {}
    instance = node.instances.get(row.map_index)
    if instance is None:
        instance = node.instances[row.map_index] = Instance(TaskKey(row.run, row.task_id, row.map_index), node)
    instance.restore(row)


def _restore_try(book: Book, instance: Instance, attempt: Try | None) -> None:
    """Take a live try to be with its executor; one whose instance has moved on is told to end, perhaps again."""
    if attempt is not None and attempt.epoch != instance.epoch:
        attempt = None
    if attempt is None and instance.state.live:
        key, executor = instance.key, book.executor_of(instance.node)
        queued_at = instance.queued_at or book.now
        attempt = Try(key.run, key.task_id, key.map_index, instance.epoch, instance.try_number, executor, queued_at)
    if attempt is None:
        return
    book.occupy(instance, attempt)
    if not instance.state.live:
        book.kill(instance, instance.reason)


def _resume(book: Book, instance: Instance) -> None:
    """Put a stored instance back to where it waits."""
    if instance.state is TaskState.SCHEDULED:
        make_ready(book, instance, instance.reason)
    elif instance.state is TaskState.UP_FOR_RETRY:
        book.retry_at(instance.due_at or book.now, instance)


def _evaluate_all(book: Book, run: LiveRun) -> None:
    for node in run.nodes:
        evaluate(book, node)
    close(book, run)


def start_queued_runs(book: Book) -> None:
    """Start the queued runs of every DAG that something happened to, as far as ``max_active_runs`` lets them."""
    for dag_id in sorted(book.dags_to_look_at):
        dag = book.dag(dag_id)
        if dag.row is not None and dag.row.paused:
            continue
        while dag.queued and len(dag.running) < dag.max_active_runs:
            _start(book, dag, book.runs[dag.queued.popleft()])


def _start(book: Book, dag: DagBook, run: LiveRun) -> None:
    row = run.row
    if not row.version and dag.row is not None:
        row = replace(row, version=dag.row.version)
        run = book.runs[row.run] = LiveRun(row, book.plan(dag.row.dag, row.version))
    if row.started_at is None:
        for instance in run.instances():
            book.touch(instance)
    book.store_run(run, replace(row, state=RunState.RUNNING, started_at=book.now, reason=""))
    dag.running.add(row.run)
    _evaluate_all(book, run)
    settle(book)


def create_due_runs(book: Book) -> None:
    """Ask for the runs that are due, for each DAG no more than may be active; set a timer for the next."""
    for dag_id in sorted(book.dags_to_look_at):
        dag = book.dag(dag_id)
        if dag.row is not None and dag.row.active and not dag.row.paused:
            _create(book, dag_id, dag, dag.row)
    book.dags_to_look_at, book.dags_awaiting_runs = book.dags_awaiting_runs, set()


def _create(book: Book, dag_id: str, dag: DagBook, row: DagUpdated) -> None:
    before = dag.cursor
    if dag.cursor is None:
        dag.cursor = first_cursor(row.dag, book.now)
    room = min(dag.max_active_runs - len(dag.running) - len(dag.queued), MAX_CREATED)
    asked = 0
    while asked < room and (due := next_due(row.dag, dag.cursor, book.now)) is not None:
        if due.at > book.now:
            book.look_at(due.at, dag_id)
            break
        book.changes.new_runs.append(scheduled_run(row.dag, row.version, due.interval))
        dag.cursor, asked = due.interval.end, asked + 1
    if asked:
        # The stored runs come back as events of the next step, which then looks at the DAG again; so it does even if
        # the store knew some of these runs already.
        book.dags_awaiting_runs.add(dag_id)
    if dag.cursor != before:
        book.changes.cursors.append(DagCursor(dag_id, dag.cursor))
