"""Creates the runs that are due."""

from penstock.engine.assets.events import create_asset_run
from penstock.engine.live_dag import LiveDag
from penstock.engine.messages import DagUpdated
from penstock.engine.runs.due import first_cursor, next_due
from penstock.engine.state import State
from penstock.model.changes import DagCursor
from penstock.model.dag import DagSpec
from penstock.model.run import NewRun
from penstock.model.schedule import Overlap

MAX_CREATED = 100
"""Runs of a DAG that one step creates at most."""

MOST_WAITING = 16
"""Scheduled runs of a DAG that wait at once for the end of others; each is held in memory with all of its tasks."""


def held_back(dag: DagSpec) -> bool:
    """Whether runs are created only once there is room for them: all of those that are caught up shall run, however many."""
    return dag.catchup and dag.overlap is Overlap.QUEUE


def create_due_runs(state: State) -> None:
    """Create the runs that are due, and set a timer for the next.

    Each has a row from then on, whatever becomes of it. Of a DAG that catches up no more are created than may be active.
    """
    for dag_id in sorted(state.dags_to_check):
        dag = state.dag(dag_id)
        if dag.row is not None and dag.row.active and not dag.row.paused:
            if not state.time_of_day.doubted:
                _create(state, dag_id, dag, dag.row)
            create_asset_run(state, dag, dag.row)


def _room(dag: LiveDag, spec: DagSpec) -> int:
    """How many runs may be created now; those within a window wait with a row, so that no restart leaves them out of it."""
    if not held_back(spec):
        return MAX_CREATED
    free = min(dag.max_active_runs - len(dag.running) - len(dag.queued), MAX_CREATED)
    return free if spec.catchup_window_s is None else max(free, MOST_WAITING - len(dag.waiting))


def _create(state: State, dag_id: str, dag: LiveDag, row: DagUpdated) -> None:
    before = dag.cursor
    if dag.cursor_ahead is not None and dag.cursor_ahead <= state.now:  # the clock is where it was before
        dag.cursor, dag.cursor_ahead = max(dag.cursor or dag.cursor_ahead, dag.cursor_ahead), None
    if dag.cursor is None:
        dag.cursor = first_cursor(row.dag, state.now)
    room, asked = _room(dag, row.dag), 0
    while asked < room and (due := next_due(row.dag, dag.cursor, state.now, dag.watched_since)) is not None:
        if due.at > state.now:
            state.wake_dag_at(due.at, dag_id)
            break
        state.changes.new_runs.append(NewRun.scheduled(row.dag.dag_id, due.interval, row.version))
        dag.cursor, asked = due.at, asked + 1
    if asked:
        # The stored runs come back as events of the next step, which then looks at the DAG again; so it does even if
        # the store knew some of these runs already.
        state.dags_awaiting_runs.add(dag_id)
    if dag.cursor is not None and (dag.cursor != before or dag.cursor_set):
        dag.cursor_set = False
        state.changes.cursors.append(DagCursor(dag_id, dag.cursor))
