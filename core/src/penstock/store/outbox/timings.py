"""What is under way and since when, and how long its like has taken before."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select

from penstock.model.run import Run, TaskKey
from penstock.model.state import RunState, TaskState
from penstock.store.sql import tables
from penstock.store.sql.database import Database

_r, _t, _a = tables.run.c, tables.task_instance.c, tables.attempt.c
_LATEST = 100
"""Runs of a DAG that are looked at for the history of a task: it may be skipped in some."""

_LIVE = _r.state.in_([state for state in RunState if not state.finished])
LIVE_RUNS = select(*tables.columns(tables.run, Run)).where(_LIVE)
LIVE_VERSIONS = select(_r.version).where(_LIVE).distinct()
RUNNING = select(_a.run, _a.task_id, _a.map_index, _a.try_number, _a.started_at).where(
    _a.outcome.is_(None), _a.started_at.is_not(None)
)
STATES = select(_t.task_id, _t.state).where(_t.run == bindparam("of")).distinct()
RUNS_TOOK = (
    select(_r.started_at, _r.ended_at)
    .where(_r.dag_id == bindparam("of"), _r.state == RunState.SUCCESS)
    .order_by(_r.run.desc())
    .limit(bindparam("most"))
)
_LATEST_RUNS = (
    select(_r.run)
    .where(_r.dag_id == bindparam("of"), _r.state == RunState.SUCCESS)
    .order_by(_r.run.desc())
    .limit(_LATEST)
    .subquery()
)
TASK_TOOK = (
    select(_t.started_at, _t.ended_at)
    .join(_LATEST_RUNS, _LATEST_RUNS.c.run == _t.run)
    .where(_t.task_id == bindparam("task"), _t.state == TaskState.SUCCESS)
    .order_by(_t.run.desc())
    .limit(bindparam("most"))
)


class RunningTry(NamedTuple):
    """A try that runs."""

    key: TaskKey
    try_number: int
    started_at: datetime


class Timings:
    """Reads when things began and how long they took. Every method raises StoreError if the database cannot serve."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def live_runs(self) -> list[Run]:
        """Every run that has not ended, without what belongs to it."""
        with self._database.read() as connection:
            return [Run(*row) for row in connection.execute(LIVE_RUNS)]

    def live_versions(self) -> list[str]:
        """The versions to which runs that have not ended are pinned."""
        with self._database.read() as connection:
            return [version for version in connection.execute(LIVE_VERSIONS).scalars() if version]

    def running(self) -> list[RunningTry]:
        """Every try that runs."""
        with self._database.read() as connection:
            rows = connection.execute(RUNNING)
            return [RunningTry(TaskKey(*row[:3]), row.try_number, row.started_at) for row in rows]

    def ended(self, run: int) -> set[str]:
        """The tasks of a run all instances of which have ended."""
        found: dict[str, bool] = {}
        with self._database.read() as connection:
            for task_id, state in connection.execute(STATES, {"of": run}):
                found[task_id] = found.get(task_id, True) and state.finished
        return {task_id for task_id, finished in found.items() if finished}

    def took_s(self, dag_id: str, task_id: str, limit: int) -> list[float]:
        """Seconds that the latest successful runs of a DAG took, or the latest successes of a task of it in such runs.

        Args:
            dag_id: The DAG.
            task_id: The task; "" for the runs.
            limit: How many at most.
        """
        query, given = (TASK_TOOK, {"task": task_id}) if task_id else (RUNS_TOOK, {})
        with self._database.read() as connection:
            found: list[Any] = list(connection.execute(query, {"of": dag_id, "most": limit, **given}))
        return [(ended - began).total_seconds() for began, ended in found if began is not None and ended is not None]
