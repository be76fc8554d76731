"""Reads what a page shows of many runs at once: columns in place of rows, and a constant number of queries."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Text, bindparam, cast, func, select, text, tuple_

from penstock.decoders import decode_json
from penstock.errors import DataUnreadableError
from penstock.model.run import RunKind, TaskInstance, Try
from penstock.model.state import RunState, TaskState
from penstock.store.sql import tables
from penstock.store.sql.database import Database
from penstock.store.views.dag_list import DagList
from penstock.store.views.search import Search

_r, _t, _a, _f = tables.run.c, tables.task_instance.c, tables.attempt.c, tables.source_file.c
_TRY = tables.columns(tables.attempt, Try)
_TASK = tables.columns(tables.task_instance, TaskInstance)

STATE_COUNTS = select(_t.state, func.count()).where(_t.run == bindparam("run")).group_by(_t.state)
FILES = select(_f.file, _f.parsed_at, _f.duration_s, _f.refresh_s, _f.problems, _f.notes).order_by(_f.file)


class ShortRun(msgspec.Struct, frozen=True):
    """A run as a bar or a column shows it.

    Attributes:
        run: Its number.
    """

    run: int
    dag_id: str
    run_id: str
    kind: RunKind
    state: RunState
    logical_date: datetime | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    version: str


class RunStates(NamedTuple):
    """The task instances of a run, in no order, as two lists of the same length.

    Attributes:
        task_ids: The task of each; a mapped task comes once an instance. Runs may share this list.
        states: The state of each.
    """

    task_ids: list[str]
    states: list[TaskState]


class FileRow(msgspec.Struct, frozen=True):
    """A DAG file as its last import found it.

    Attributes:
        duration_s: Seconds that the import took.
        refresh_s: Seconds after which it is imported again, if it asks for that.
        problems, notes: How many sentences it has of each (`penstock.model.source.FileProblems`).
    """

    file: str
    parsed_at: datetime
    duration_s: float
    refresh_s: float | None
    problems: int
    notes: int


_SHORT = tables.columns(tables.run, ShortRun)
_DATES = (
    select(_r.logical_date, _r.state)
    .where(_r.dag_id == bindparam("of"), _r.logical_date >= bindparam("since"), _r.logical_date < bindparam("until"))
    .order_by(_r.logical_date)
)
# A part of a union for each DAG would cost ten times as much to write as to carry out.
_NEWEST_OF_NAMED = {
    "sqlite": (
        "SELECT {columns} FROM json_each(:named) AS named JOIN run ON run.run IN "
        "(SELECT newest.run FROM run AS newest WHERE newest.dag_id = named.value ORDER BY newest.run DESC LIMIT :most)"
    ),
    "postgresql": (
        "SELECT {columns} FROM json_array_elements_text(CAST(:named AS json)) AS named, LATERAL "
        "(SELECT * FROM run AS newest WHERE newest.dag_id = named.value ORDER BY newest.run DESC LIMIT :most) AS run"
    ),
}
LATEST = {
    dialect: text(query.format(columns=", ".join(f"run.{column.name}" for column in _SHORT))).columns(*_SHORT)
    for dialect, query in _NEWEST_OF_NAMED.items()
}
TRIES = (
    select(*_TRY)
    .where(_a.run == bindparam("run"))
    .order_by(_a.task_id, _a.map_index, _a.epoch)
    .limit(bindparam("most"))
)


class Views:
    """Reads for pages. Every method raises StoreError if the database cannot serve.

    Attributes:
        dag_list: Reads the list of DAGs.
        search: Finds things by a part of their ids.
    """

    def __init__(self, database: Database) -> None:
        self._database, self.search = database, Search(database)
        self.dag_list = DagList(database)

    def latest_runs(self, dag_ids: Collection[str], most: int) -> list[ShortRun]:
        """The newest runs of each of some DAGs; one query, which looks into an index once a DAG."""
        named = [
            dag_id for dag_id in dag_ids if "\0" not in dag_id
        ]  # no id has one, and JSON in SQLite would end there
        if not named:
            return []
        given = {"named": msgspec.json.encode(named).decode(), "most": most}
        query = LATEST["sqlite" if self._database.sqlite else "postgresql"]
        with self._database.read() as connection:
            return [ShortRun(*row) for row in connection.execute(query, given).all()]

    def runs_of(self, dag_id: str, before: int | None, limit: int) -> list[ShortRun]:
        """A page of the runs of a DAG, newest first; those of a smaller number than ``before`` if that is given."""
        query = select(*_SHORT).where(_r.dag_id == dag_id).order_by(_r.run.desc()).limit(limit)
        if before is not None:
            query = query.where(_r.run < before)
        with self._database.read() as connection:
            return [ShortRun(*row) for row in connection.execute(query).all()]

    def states(self, runs: Collection[int], tasks: Collection[str] = ()) -> dict[int, RunStates]:
        """The states of all task instances of some runs, by the number of the run; one without an instance is absent.

        The database packs those of a run into one row: 5,000 tasks by 25 runs as rows of their own cost seconds.

        Args:
            runs: Numbers of the runs.
            tasks: Only these tasks; all if it is empty.
        """
        pack = func.json_group_array if self._database.sqlite else func.json_agg
        query = select(_t.run, cast(pack(_t.task_id), Text), cast(pack(cast(_t.state, Text)), Text)).group_by(_t.run)
        query = query.where(_t.run.in_(list(runs)))
        if tasks:
            query = query.where(_t.task_id.in_(list(tasks)))
        with self._database.read() as connection:
            found = connection.execute(query).all()
        # Runs of one version have the same tasks in the same order, nearly always: these are decoded once.
        decoded: dict[str, list[str]] = {}
        for _, names, _ in found:
            if names not in decoded:
                decoded[names] = decode_json(names, list[str])
        return {run: RunStates(decoded[names], _states(run, text)) for run, names, text in found}

    def state_counts(self, run: int) -> dict[TaskState, int]:
        """How many task instances of a run are in which state."""
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(STATE_COUNTS, {"run": run})}

    def instances(
        self, run: int, *, states: Collection[TaskState], after: tuple[str, int] | None, limit: int
    ) -> list[TaskInstance]:
        """A page of the task instances of a run, by task id and index.

        Args:
            run: Number of the run.
            states: Only those in one of these; all if it is empty.
            after: Task id and index of the last one of the page before.
            limit: Length of the page.
        """
        query = select(*_TASK).where(_t.run == run).order_by(_t.task_id, _t.map_index).limit(limit)
        if states:
            query = query.where(_t.state.in_(list(states)))
        if after is not None:
            query = query.where(tuple_(_t.task_id, _t.map_index) > after)
        with self._database.read() as connection:
            return [TaskInstance(*row) for row in connection.execute(query).all()]

    def tries(self, run: int, after: tuple[str, int, int] | None, limit: int) -> list[Try]:
        """A page of the tries of a run, by task id, index and epoch, behind those of the last one of the page before."""
        query = TRIES if after is None else TRIES.where(tuple_(_a.task_id, _a.map_index, _a.epoch) > after)
        with self._database.read() as connection:
            return [Try(*row) for row in connection.execute(query, {"run": run, "most": limit}).all()]

    def dates(self, dag_id: str, since: datetime, until: datetime) -> list[tuple[datetime, RunState]]:
        """Logical date and state of each run of a DAG in a span of time, the end excluded, by that date."""
        with self._database.read() as connection:
            found: Any = connection.execute(_DATES, {"of": dag_id, "since": since, "until": until}).all()
        return list(map(tuple, found))

    def took(self, dag_id: str, task_id: str, limit: int) -> list[tuple[ShortRun, datetime, datetime | None, str]]:
        """The newest runs of a DAG, or instances of a task of it in these, that have started: newest first, with times and state."""
        of_runs = select(*_SHORT, _r.started_at, _r.ended_at, _r.state)
        of_task = select(*_SHORT, _t.started_at, _t.ended_at, _t.state).join_from(
            tables.run, tables.task_instance, (_t.run == _r.run) & (_t.task_id == task_id)
        )
        query, began = (of_task, _t.started_at) if task_id else (of_runs, _r.started_at)
        query = query.where(_r.dag_id == dag_id, began.is_not(None)).order_by(_r.run.desc()).limit(limit)
        with self._database.read() as connection:
            return [(ShortRun(*row[:-3]), row[-3], row[-2], str(row[-1])) for row in connection.execute(query).all()]

    def took_by_task(self, dag_id: str, limit: int) -> list[tuple[str, datetime, datetime]]:
        """Task id, start and end of each task instance that succeeded in the newest runs of a DAG."""
        newest = select(_r.run).where(_r.dag_id == dag_id).order_by(_r.run.desc()).limit(limit).subquery()
        query = select(_t.task_id, _t.started_at, _t.ended_at).where(
            _t.run.in_(select(newest.c.run)),
            _t.state == TaskState.SUCCESS,
            _t.started_at.is_not(None),
            _t.ended_at.is_not(None),
        )
        with self._database.read() as connection:
            found: Any = connection.execute(query).all()
        return list(map(tuple, found))

    def files(self, *, files: Collection[str] | None = None, after: str = "", limit: int = 50) -> list[FileRow]:
        """A page of the DAG files by name, from the first behind one on; of some of them if these are given."""
        query = FILES.where(_f.file > after).limit(limit)
        with self._database.read() as connection:
            rows = connection.execute(query if files is None else query.where(_f.file.in_(list(files)))).all()
        return [FileRow(*row[:4], *(len(msgspec.json.decode(text)) for text in row[4:])) for row in rows]


def _states(run: int, text: str) -> list[TaskState]:
    try:
        return decode_json(text, list[TaskState])
    except msgspec.ValidationError as error:
        raise DataUnreadableError(f"a task instance of run {run} is in no state that is known: {error}") from None
