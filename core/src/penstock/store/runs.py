"""Runs and what belongs to them: task instances, tries and XComs; each query is found by an index."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, Executable, Integer, Select, bindparam, exists, func, or_, select, tuple_
from sqlalchemy.sql import ColumnElement

from penstock.errors import DataUnreadableError
from penstock.model.dag import XComRef
from penstock.model.run import Rendered, Run, TaskInstance, TaskKey, Try, XCom
from penstock.model.state import Outcome, RunState
from penstock.store.sql import tables
from penstock.store.sql.database import Database

_r, _t, _a, _x = tables.run.c, tables.task_instance.c, tables.attempt.c, tables.xcom.c
_RUN, _TASK, _TRY = (
    tables.columns(table, struct)
    for table, struct in ((tables.run, Run), (tables.task_instance, TaskInstance), (tables.attempt, Try))
)
_XCOM, _RENDERED = tables.columns(tables.xcom, XCom), tables.columns(tables.rendered, Rendered)

RUN_BY_NUMBER = select(*_RUN).where(_r.run == bindparam("run"))
RUN_BY_ID = select(*_RUN).where(_r.dag_id == bindparam("dag_id"), _r.run_id == bindparam("run_id"))
STATE_BY_ID = select(_r.state).where(_r.dag_id == bindparam("dag_id"), _r.run_id == bindparam("run_id"))
TASKS_OF_RUN = select(*_TASK).where(_t.run == bindparam("run")).order_by(_t.task_id, _t.map_index)
TRIES_OF_RUN = (
    select(*_TRY, _a.late_outcome, _a.late_at)
    .where(_a.run == bindparam("run"))
    .order_by(_a.task_id, _a.map_index, _a.epoch)
)
# One key a statement: they are read ahead of each try that has inputs, few at a time, and a statement whose text depends on
# the number of keys costs more to make than a second one of the same text to execute.
_OF_KEY = (_x.run == bindparam("run"), _x.task_id == bindparam("task_id"), _x.key == bindparam("key"))
XCOM_VALUES = select(_x.task_id, _x.map_index, _x.key, _x.value).where(*_OF_KEY)
XCOM_VALUE = select(_x.value).where(*_OF_KEY, _x.map_index == bindparam("map_index"))
_PAGE = select(_x.map_index, _x.value).where(*_OF_KEY).order_by(_x.map_index).limit(bindparam("limit"))
XCOM_PAGE = _PAGE.where(_x.map_index >= bindparam("first"))
XCOM_PLACE = _PAGE.offset(bindparam("offset"))
XCOM_LENGTHS = select(_x.task_id, _x.map_index, _x.key, _x.length).where(*_OF_KEY)
OPEN_TRIES = (
    select(func.count())
    .select_from(tables.attempt)
    .where(_a.outcome.is_(None), _a.executor.in_(bindparam("executors", expanding=True)))
)
# Open tries are found by an index that holds nothing else: what a restart reads costs what lives, not what has finished.
_IS_LIVE = or_(
    _r.state.in_([state for state in RunState if not state.finished]),
    _r.run.in_(select(_a.run).where(_a.outcome.is_(None))),
)


class RunSnapshot(msgspec.Struct, frozen=True):
    """One run with all that belongs to it: its task instances and the newest try of each that is live."""

    run: Run
    tasks: list[TaskInstance]
    tries: list[Try]


class UnreadableRun(msgspec.Struct, frozen=True):
    """A run of whose rows one cannot be read."""

    run: int
    fault: str


class _Snapshots:
    """The queries for chosen runs with all that belongs to them, made once: to make one costs more than to carry it out."""

    def __init__(self, chosen: ColumnElement[bool]) -> None:
        self.numbers = select(_r.run).where(chosen).order_by(_r.run)
        self.runs = select(*_RUN).where(chosen).order_by(_r.run)
        self.tasks = select(*_TASK).join_from(tables.run, tables.task_instance, _t.run == _r.run).where(chosen)
        tries = select(*_TRY).join_from(tables.run, tables.attempt, _a.run == _r.run)
        self.tries = tries.where(chosen, _a.outcome.is_(None))


_LIVE = _Snapshots(_IS_LIVE)
_LIVE_OF = _Snapshots(_IS_LIVE & _r.dag_id.in_(bindparam("dag_ids", expanding=True)))
_deleting = exists().where(tables.run_deletion.c.run == _r.run)
_ONE = _Snapshots((_r.run == bindparam("run")) & ~_deleting)


class PastTry(msgspec.Struct, frozen=True):
    """A try with what it answered after it was given up, if it did."""

    attempt: Try
    late_outcome: Outcome | None
    late_at: datetime | None


class Runs:
    """Reads runs, their task instances and their tries. Every method raises StoreError if the database cannot serve."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def live(self, dag_ids: Collection[str] | None = None) -> list[RunSnapshot | UnreadableRun]:
        """Every run that is unfinished or has an open try, oldest first, in one consistent view; of some DAGs alone if they are given.

        Costs what lives, whatever has finished. A finished run has an open try if that was cancelled, by a cancel or
        a clear, and has not answered.
        """
        with self._database.read() as connection:
            if dag_ids is None:
                return _snapshots(connection, _LIVE, {})
            return _snapshots(connection, _LIVE_OF, {"dag_ids": list(dag_ids)})

    def snapshot(self, run: int) -> RunSnapshot | UnreadableRun | None:
        """One run, finished or not, with all that belongs to it; None if there is none of this number, or it is being deleted."""
        with self._database.read() as connection:
            found = _snapshots(connection, _ONE, {"run": run})
        return found[0] if found else None

    def open_tries(self, executors: Sequence[str]) -> int:
        """How many tries some executors hold: those that were dispatched to them and have not ended."""
        with self._database.read() as connection:
            found: int = connection.execute(OPEN_TRIES, {"executors": list(executors)}).scalar_one()
        return found

    def get(self, number: int) -> Run | None:
        """The run of this number, or None."""
        with self._database.read() as connection:
            row = connection.execute(RUN_BY_NUMBER, {"run": number}).one_or_none()
        return None if row is None else Run(*row)

    def find(self, dag_id: str, run_id: str) -> Run | None:
        """The run of this DAG and run id, or None."""
        with self._database.read() as connection:
            row = connection.execute(RUN_BY_ID, {"dag_id": dag_id, "run_id": run_id}).one_or_none()
        return None if row is None else Run(*row)

    def state(self, dag_id: str, run_id: str) -> RunState | None:
        """State of the run of this DAG and run id; None if there is none."""
        with self._database.read() as connection:
            return connection.execute(STATE_BY_ID, {"dag_id": dag_id, "run_id": run_id}).scalar()

    def page(  # noqa: PLR0913 - one argument a filter
        self,
        *,
        dag_id: str = "",
        dag_ids: Collection[str] | None = None,
        state: RunState | None = None,
        search: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Run]:
        """A page of runs, newest first.

        Args:
            dag_id: Only runs of this DAG; "" for all.
            dag_ids: Only runs of these DAGs; None for all.
            state: Only runs in this state; None for all.
            search: Only runs whose id, or that of whose DAG, contains this, in any case; "" for all.
            since: Only runs whose logical date is this instant or later; None for all.
            until: Only runs whose logical date is before this instant; None for all.
            before: Only runs with a smaller number: the last number of the page before; None for the first page.
            limit: Length of the page.
        """
        query = select(*_RUN).order_by(_r.run.desc()).limit(limit)
        if dag_id:
            query = query.where(_r.dag_id == dag_id)
        if dag_ids is not None:
            query = query.where(_r.dag_id.in_(dag_ids))
        if state is not None:
            query = query.where(_r.state == state)
        if search:
            query = query.where(or_(*(c.icontains(search, autoescape=True) for c in (_r.run_id, _r.dag_id))))
        if since is not None:
            query = query.where(_r.logical_date >= since)
        if until is not None:
            query = query.where(_r.logical_date < until)
        if before is not None:
            query = query.where(_r.run < before)
        with self._database.read() as connection:
            return [Run(*row) for row in connection.execute(query).all()]

    def between(self, dag_id: str, since: datetime, until: datetime, most: int) -> list[Run]:
        """The first runs of a DAG that have started and whose logical date lies in a span of time, the end excluded, by that date."""
        query = (
            select(*_RUN)
            .where(_r.dag_id == dag_id, _r.logical_date >= since, _r.logical_date < until, _r.started_at.is_not(None))
            .order_by(_r.logical_date, _r.run)
            .limit(most)
        )
        with self._database.read() as connection:
            return [Run(*row) for row in connection.execute(query).all()]

    def tasks(self, run: int, task_id: str = "") -> list[TaskInstance]:
        """Task instances of a run, by task id and index; of one task if ``task_id`` is given."""
        query = TASKS_OF_RUN.where(_t.task_id == task_id) if task_id else TASKS_OF_RUN
        with self._database.read() as connection:
            return [TaskInstance(*row) for row in connection.execute(query, {"run": run}).all()]

    def tries(self, run: int, task_id: str = "") -> list[PastTry]:
        """Tries of a run, by task id, index and epoch; of one task if ``task_id`` is given."""
        query = TRIES_OF_RUN.where(_a.task_id == task_id) if task_id else TRIES_OF_RUN
        with self._database.read() as connection:
            return [PastTry(Try(*row[:-2]), *row[-2:]) for row in connection.execute(query, {"run": run}).all()]

    def rendered(self, run: int, task_id: str) -> list[Rendered]:
        """What the templates of a task's tries had become, by index and epoch."""
        c = tables.rendered.c
        query = select(*_RENDERED).where(c.run == run, c.task_id == task_id).order_by(c.map_index, c.epoch)
        with self._database.read() as connection:
            return [Rendered(*row) for row in connection.execute(query).all()]


class XComs:
    """Reads what tasks of a run left for others. Every method raises StoreError if the database cannot serve."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def values(self, run: int, keys: Iterable[tuple[str, str]]) -> dict[tuple[TaskKey, str], bytes]:
        """The JSON text of XComs, for each (task id, key) asked, of all instances of the task.

        Returns:
            By task instance and key; what was never left is absent.
        """
        found = self._read(XCOM_VALUES, run, keys)
        return {(TaskKey(run, task_id, index), key): value for task_id, index, key, value in found}

    def one(self, run: int, ref: XComRef, map_index: int) -> bytes | None:
        """The JSON text of what one instance of a task left; None if it left nothing."""
        found = self._of_key(XCOM_VALUE, run, ref, map_index=map_index)
        return found[0][0] if found else None

    def at(self, run: int, ref: XComRef, place: int) -> bytes | None:
        """The JSON text of what an instance of a task left, by its place among those that left something; costs the place."""
        found = self._of_key(XCOM_PLACE, run, ref, offset=place, limit=1)
        return found[0][1] if found else None

    def page(self, run: int, ref: XComRef, first: int, limit: int) -> list[tuple[int, bytes]]:
        """The JSON texts of what instances of a task left, each with its map index, from an index on."""
        return [(index, value) for index, value in self._of_key(XCOM_PAGE, run, ref, first=first, limit=limit)]

    def lengths(self, run: int, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, int, str], int | None]:
        """Numbers of elements of the XComs for each (task id, key) asked.

        Returns:
            By task id, map index and key; None for a value that is no list or dict.
        """
        found = self._read(XCOM_LENGTHS, run, keys)
        return {(task_id, index, key): length for task_id, index, key, length in found}

    def of_task(
        self,
        run: int,
        task_id: str,
        *,
        map_index: int | None = None,
        key: str = "",
        after: tuple[int, str] | None = None,
        limit: int = 50,
    ) -> list[XCom]:
        """A page of what a task left in a run, by map index and key.

        Args:
            run: Number of the run.
            task_id: The task.
            map_index: Only this instance; None for all.
            key: Only under this key; "" for all.
            after: Only behind this map index and key: those of the last one of the page before; None for the first page.
            limit: Length of the page.
        """
        query = select(*_XCOM).where(_x.run == run, _x.task_id == task_id).order_by(_x.map_index, _x.key).limit(limit)
        if map_index is not None:
            query = query.where(_x.map_index == map_index)
        if key:
            query = query.where(_x.key == key)
        if after is not None:
            query = query.where(tuple_(_x.map_index, _x.key) > after)
        with self._database.read() as connection:
            return [XCom(*row) for row in connection.execute(query).all()]

    def _of_key(self, query: Executable, run: int, ref: XComRef, **more: int) -> Sequence[Sequence[Any]]:
        with self._database.read() as connection:
            return connection.execute(query, {"run": run, "task_id": ref.task_id, "key": ref.key, **more}).all()

    def _read(self, query: Select[Any], run: int, keys: Iterable[tuple[str, str]]) -> list[Sequence[Any]]:
        found: list[Sequence[Any]] = []
        with self._database.read() as connection:
            for task_id, key in sorted(set(keys)):
                found += connection.execute(query, {"run": run, "task_id": task_id, "key": key}).all()
        return found


def _snapshots(
    connection: Connection, queries: _Snapshots, given: Mapping[str, Any]
) -> list[RunSnapshot | UnreadableRun]:
    """Read runs together; where a row cannot be read, one by one, so that it costs its own run alone."""
    try:
        return [*_readable(connection, queries, given)]
    except DataUnreadableError:
        numbers = connection.execute(queries.numbers, given).scalars().all()
        return [_alone(connection, number) for number in numbers]


def _alone(connection: Connection, number: int) -> RunSnapshot | UnreadableRun:
    try:
        return _readable(connection, _ONE, {"run": number})[0]
    except DataUnreadableError as error:
        return UnreadableRun(number, str(error))


def _numbers_of(columns: list[Column[Any]]) -> list[tuple[int, bool]]:
    """The places of the columns that hold numbers, and whether each may hold none."""
    return [(place, bool(c.nullable)) for place, c in enumerate(columns) if isinstance(c.type, Integer)]


_NUMBERS = {struct: _numbers_of(columns) for struct, columns in ((Run, _RUN), (TaskInstance, _TASK), (Try, _TRY))}


def _checked(row: Sequence[Any], struct: type[Any]) -> Sequence[Any]:
    """The row; SQLite keeps whatever it is given in a column for numbers, and counting with that would end in nonsense."""
    for place, nullable in _NUMBERS[struct]:
        if not isinstance(value := row[place], int) and not (value is None and nullable):
            raise DataUnreadableError(f"{value!r} is no number")
    return row


def _readable(connection: Connection, queries: _Snapshots, given: Mapping[str, Any]) -> list[RunSnapshot]:
    runs = connection.execute(queries.runs, given)
    found = {row.run: RunSnapshot(Run(*_checked(row, Run)), [], []) for row in runs}
    for row in connection.execute(queries.tasks, given):
        found[row.run].tasks.append(TaskInstance(*_checked(row, TaskInstance)))
    for row in connection.execute(queries.tries, given):
        found[row.run].tries.append(Try(*_checked(row, Try)))
    return list(found.values())
