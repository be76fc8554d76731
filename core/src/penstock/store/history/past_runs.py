"""Which run was before another, and what of it did not end well; found by an index."""

from datetime import datetime

from sqlalchemy import bindparam, select

from penstock.model.history.past_run import ENDED_WELL, PastRun
from penstock.model.run import RunKind, TaskKey
from penstock.model.state import RunState
from penstock.store.sql import tables
from penstock.store.sql.database import Database

_r, _t = tables.run.c, tables.task_instance.c
_BEFORE = (
    select(_r.run, _r.run_id, _r.logical_date, _r.version)
    .where(_r.dag_id == bindparam("dag_id"), _r.logical_date < bindparam("at", type_=_r.logical_date.type))
    .where(_r.state != RunState.SKIPPED)
    .order_by(_r.logical_date.desc(), _r.run.desc())
    .limit(1)
)
_LAST_DUE = (
    select(_r.interval_end)
    .where(_r.dag_id == bindparam("dag_id"), _r.kind == RunKind.SCHEDULED)
    .where(_r.logical_date <= bindparam("at", type_=_r.logical_date.type))
    .where(_r.interval_end <= bindparam("at", type_=_r.logical_date.type))
    .order_by(_r.logical_date.desc())
    .limit(1)
)
_OPEN = (
    select(_t.task_id, _t.map_index, _t.state)
    .where(_t.run == bindparam("run"), _t.state.not_in(ENDED_WELL))
    .order_by(_t.task_id, _t.map_index)
)


def run_before(database: Database, dag_id: str, at: datetime) -> PastRun | None:
    """The run of a DAG of the last logical date before an instant; None if there is none. Raises StoreError.

    One that was skipped when it fell due is passed over: nothing of it was to run.
    """
    with database.read() as connection:
        row = connection.execute(_BEFORE, {"dag_id": dag_id, "at": at}).one_or_none()
        if row is None:
            return None
        found: dict[str, tuple[str, str]] = {}
        for task_id, index, state in connection.execute(_OPEN, {"run": row.run}):
            found.setdefault(task_id, (str(TaskKey(row.run, task_id, index)), state.value))
    return PastRun(*row, found)


def last_due(database: Database, dag_id: str, at: datetime) -> datetime | None:
    """The end of the last data interval of a DAG that ended until an instant and has a run of the schedule; None if there is none.

    Raises:
        StoreError: The database cannot serve.
    """
    with database.read() as connection:
        return connection.execute(_LAST_DUE, {"dag_id": dag_id, "at": at}).scalar()
