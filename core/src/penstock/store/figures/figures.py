"""Counts of what lives, worked out by the database: they cost what lives and how many DAGs there are, whatever has finished."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, func, select

from penstock.model.state import RunState, TaskState
from penstock.store.sql import tables
from penstock.store.sql.column_types import Instant
from penstock.store.sql.database import Database

_r, _t, _a, _d = tables.run.c, tables.task_instance.c, tables.attempt.c, tables.dag.c
_l, _n, _f = tables.listener.c, tables.notice.c, tables.source_file.c

_LIVE = _r.state.in_([state for state in RunState if not state.finished])
WAITING = (
    select(_r.version, _t.task_id, func.count(), func.min(_t.due_at))
    .join_from(tables.run, tables.task_instance, _t.run == _r.run)
    .where(_LIVE, _t.state == TaskState.SCHEDULED)
    .group_by(_r.version, _t.task_id)
)
HELD = (
    select(_a.executor, _r.version, _a.task_id, func.count())
    .join_from(tables.attempt, tables.run, _a.run == _r.run)
    .where(_a.outcome.is_(None))
    .group_by(_a.executor, _r.version, _a.task_id)
)
_PRESENT = select(func.clock_timestamp(type_=Instant))
LIVE_RUNS = select(_r.state, func.count()).where(_LIVE).group_by(_r.state)
_UNTOLD = select(_n.at).where(_n.number > _l.acknowledged).order_by(_n.number).limit(1).scalar_subquery()
UNTOLD = select(_l.provider, _UNTOLD).where(_l.broken == "").order_by(_l.provider)
_ENDED = (
    select(_r.ended_at)
    .where(_r.dag_id == _d.dag_id, _r.state == RunState.SUCCESS)
    .order_by(_r.run.desc())
    .limit(1)
    .scalar_subquery()
)
SUCCESSES = select(_d.dag_id, _ENDED).where(_d.active).order_by(_d.dag_id)
IMPORTS = select(_f.file, _f.duration_s).order_by(_f.file)


# The newest first, then those of the time that is asked for: the other way round would walk through all of history if those are few.
_NEWEST = select(_r.run, _r.version, _r.created_at).order_by(_r.run.desc()).limit(bindparam("runs")).subquery()
MOMENTS = (
    select(_NEWEST.c.version, _t.task_id, _t.due_at, _t.queued_at, _t.started_at, _t.ended_at)
    .join_from(_NEWEST, tables.task_instance, _t.run == _NEWEST.c.run)
    .where(_NEWEST.c.created_at >= bindparam("since"), _NEWEST.c.version != "", _t.due_at.is_not(None))
    .limit(bindparam("rows"))
)


class Moments(NamedTuple):
    """When a task instance could start, was dispatched, began and ended, each None if it has not yet."""

    version: str
    task_id: str
    due_at: datetime
    queued_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None


class WaitingTasks(NamedTuple):
    """Instances of a task that are ready and have no try yet.

    Attributes:
        version: What their runs are pinned to.
        since: Since when the one is ready that waits longest.
    """

    version: str
    task_id: str
    number: int
    since: datetime | None


class HeldTries(NamedTuple):
    """Live tries of a task at an executor."""

    executor: str
    version: str
    task_id: str
    number: int


class Counts(NamedTuple):
    """What lives, in one consistent view.

    Attributes:
        runs: Live runs by state.
        untold: The instant of the oldest change that each listener has not been told of; None if there is none.
        successes: When the newest successful run of each DAG ended; None if none has.
        imports_s: Seconds that the last import of each DAG file took.
    """

    waiting: list[WaitingTasks]
    held: list[HeldTries]
    runs: dict[RunState, int]
    untold: dict[str, datetime | None]
    successes: dict[str, datetime | None]
    imports_s: dict[str, float]


class Figures:
    """Counts what lives. Every method raises StoreError if the database cannot serve."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self) -> Counts:
        """Count all of it; a DAG costs two steps down an index."""
        with self._database.read() as connection:
            return Counts(
                [WaitingTasks(*row) for row in connection.execute(WAITING)],
                [HeldTries(*row) for row in connection.execute(HELD)],
                {row[0]: row[1] for row in connection.execute(LIVE_RUNS)},
                {row[0]: row[1] for row in connection.execute(UNTOLD)},
                {row[0]: row[1] for row in connection.execute(SUCCESSES)},
                {row[0]: row[1] for row in connection.execute(IMPORTS)},
            )

    def present(self) -> datetime | None:
        """What the clock of the database's server reads; None for a file, which has none of its own."""
        if self._database.sqlite:
            return None
        with self._database.read() as connection:
            return connection.execute(_PRESENT).scalar()

    def moments(self, since: datetime, *, runs: int, rows: int) -> list[Moments]:
        """When the task instances of the newest runs that were made since an instant could start, and did.

        Args:
            since: The instant.
            runs: Runs at most; they are found from the newest on.
            rows: Task instances at most.
        """
        with self._database.read() as connection:
            found = connection.execute(MOMENTS, {"since": since, "runs": runs, "rows": rows})
            return [Moments(*row) for row in found]
