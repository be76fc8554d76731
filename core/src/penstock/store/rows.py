"""Values of the model as rows and back, fast: the scheduler writes and reads tens of thousands a second.

Writing bypasses SQLAlchemy's per-row work: statements are text built once from the tables, rows are plain tuples.
SQLite takes them one by one within one statement; PostgreSQL takes all rows of a table as one JSON text, which it
parses faster than Python prepares anything else, in one round trip.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Dialect, Table

from penstock.model.run import NewRun, Run, RunKind, TaskInstance, Try, XCom
from penstock.model.state import Outcome, RunState, TaskState
from penstock.store.instants import from_micros, to_micros

Rows = Sequence[tuple[Any, ...]]

RUN = (
    "run dag_id run_id kind state version created_at logical_date interval_start interval_end conf started_at ended_at "
    "reason"
)
TASK = "run task_id map_index state try_number epoch failures reason queued_at started_at ended_at due_at"
TRY = "run task_id map_index epoch try_number executor queued_at started_at ended_at outcome error pid"
XCOM = "run task_id map_index key value length"

_RUN_STATES = {state.value: state for state in RunState}
_RUN_KINDS = {kind.value: kind for kind in RunKind}
_TASK_STATES = {state.value: state for state in TaskState}
_OUTCOMES: dict[str | None, Outcome | None] = {None: None, **{outcome.value: outcome for outcome in Outcome}}


class Statement:
    """A statement for many rows of plain tuples, as text for one dialect."""

    def __init__(self, dialect: Dialect, columns: Sequence[str], sqlite: str, postgres: str) -> None:
        self._columns = columns if dialect.name == "postgresql" else None
        self._sql = postgres if self._columns else sqlite

    def run(self, connection: Connection, rows: Rows) -> None:
        """Carry it out for each row; the same key must not appear twice."""
        if not rows:
            return
        if self._columns:
            document = [dict(zip(self._columns, row, strict=True)) for row in rows]
            connection.exec_driver_sql(self._sql, (msgspec.json.encode(document).decode(),))
        else:
            connection.exec_driver_sql(self._sql, rows)


def insert(dialect: Dialect, table: Table, columns: str) -> Statement:
    """Insert rows, in their order, into a table that numbers them itself."""
    names = columns.split()
    into = f"INSERT INTO {_quoted(dialect, table.name)} ({', '.join(names)})"
    marks = ", ".join("?" for _ in names)
    return Statement(
        dialect, names, f"{into} VALUES ({marks})", f"{into} SELECT * FROM {_given(dialect, table, names)}"
    )


def upsert(dialect: Dialect, table: Table, columns: str) -> Statement:
    """Insert rows, or update every column of those whose primary key exists."""
    names = columns.split()
    keys = [column.name for column in table.primary_key]
    target = _quoted(dialect, table.name)
    updates = ", ".join(f"{name} = excluded.{name}" for name in names if name not in keys)
    ending = f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {updates}"
    into = f"INSERT INTO {target} ({', '.join(names)})"
    marks = ", ".join("?" for _ in names)
    return Statement(
        dialect,
        names,
        f"{into} VALUES ({marks}) {ending}",
        f"{into} SELECT * FROM {_given(dialect, table, names)} {ending}",
    )


def update(dialect: Dialect, table: Table, values: str, keys: str) -> Statement:
    """Update the columns ``values`` of the rows named by ``keys``; a tuple holds the values, then the keys."""
    names, key_names = values.split(), keys.split()
    target = _quoted(dialect, table.name)
    sets = ", ".join(f"{name} = ?" for name in names)
    match = " AND ".join(f"{name} = ?" for name in key_names)
    moves = ", ".join(f"{name} = given.{name}" for name in names)
    joins = " AND ".join(f"t.{name} = given.{name}" for name in key_names)
    columns = names + key_names
    return Statement(
        dialect,
        columns,
        f"UPDATE {target} SET {sets} WHERE {match}",
        f"UPDATE {target} t SET {moves} FROM {_given(dialect, table, columns)} WHERE {joins}",
    )


def delete(dialect: Dialect, table: Table, keys: str) -> Statement:
    """Delete the rows named by ``keys``, which may be part of the primary key."""
    names = keys.split()
    target = _quoted(dialect, table.name)
    match = " AND ".join(f"{name} = ?" for name in names)
    joins = " AND ".join(f"t.{name} = given.{name}" for name in names)
    return Statement(
        dialect,
        names,
        f"DELETE FROM {target} WHERE {match}",
        f"DELETE FROM {target} t USING {_given(dialect, table, names)} WHERE {joins}",
    )


def _given(dialect: Dialect, table: Table, names: Iterable[str]) -> str:
    """PostgreSQL's view of the one parameter as rows."""
    types = ", ".join(f"{name} {table.columns[name].type.compile(dialect=dialect)}" for name in names)
    return f"json_to_recordset(%s::json) AS given({types})"


def _quoted(dialect: Dialect, name: str) -> str:
    return dialect.identifier_preparer.quote(name)


class Codec:
    """Model values to tuples in the order of the column lists above, and back, for one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        sqlite = dialect.name == "sqlite"
        self.at: Callable[[datetime | None], Any] = to_micros if sqlite else _aware
        self.bytes: Callable[[bytes], Any] = bytes if sqlite else _hex
        self.read_at: Callable[[Any], datetime | None] = from_micros if sqlite else _utc

    def new_run(self, run: NewRun, created_at: datetime) -> tuple[Any, ...]:
        """The row of a run that does not exist yet, without its number, its end and its reason."""
        at = self.at
        return (
            run.dag_id, run.run_id, run.kind.value, RunState.QUEUED.value, run.version, at(created_at),
            at(run.logical_date), at(run.interval_start), at(run.interval_end), msgspec.json.encode(run.conf).decode(),
        )  # fmt: skip

    def run_changes(self, runs: Iterable[Run]) -> Rows:
        """What may change of runs, then their numbers."""
        at = self.at
        return [(r.state.value, r.version, at(r.started_at), at(r.ended_at), storable(r.reason), r.run) for r in runs]

    def tasks(self, tasks: Iterable[TaskInstance]) -> Rows:
        """Rows of `TASK`."""
        at = self.at
        return [
            (
                t.run, t.task_id, t.map_index, t.state._value_, t.try_number, t.epoch, t.failures, storable(t.reason),
                at(t.queued_at), at(t.started_at), at(t.ended_at), at(t.due_at),
            )
            for t in tasks
        ]  # fmt: skip

    def tries(self, tries: Iterable[Try]) -> Rows:
        """Rows of `TRY`."""
        at = self.at
        return [
            (
                t.run, t.task_id, t.map_index, t.epoch, t.try_number, t.executor, at(t.queued_at), at(t.started_at),
                at(t.ended_at), None if t.outcome is None else t.outcome._value_, storable(t.error), t.pid,
            )
            for t in tries
        ]  # fmt: skip

    def xcoms(self, xcoms: Iterable[XCom]) -> Rows:
        """Rows of `XCOM`."""
        return [(x.run, x.task_id, x.map_index, x.key, self.bytes(x.value), x.length) for x in xcoms]

    def read_run(self, row: Sequence[Any]) -> Run:
        """The run of a row of `RUN`."""
        at = self.read_at
        number, dag_id, run_id, kind, state, version, created, logical, start, end, conf, started, ended, reason = row
        created_at = at(created)
        if created_at is None:
            raise TypeError("created_at is never NULL")
        return Run(
            number, dag_id, run_id, _RUN_KINDS[kind], _RUN_STATES[state], version, created_at, at(logical), at(start),
            at(end), {} if conf == "{}" else msgspec.json.decode(conf), at(started), at(ended), reason,
        )  # fmt: skip

    def read_task(self, row: Sequence[Any]) -> TaskInstance:
        """The task instance of a row of `TASK`."""
        at = self.read_at
        run, task_id, index, state, number, epoch, failures, reason, queued, started, ended, due = row
        return TaskInstance(
            run, task_id, index, _TASK_STATES[state], number, epoch, reason,
            at(queued), at(started), at(ended), at(due), failures,
        )  # fmt: skip

    def read_try(self, row: Sequence[Any]) -> Try:
        """The try of a row of `TRY`."""
        at = self.read_at
        run, task_id, index, epoch, number, executor, queued, started, ended, outcome, error, pid = row
        queued_at = at(queued)
        if queued_at is None:
            raise TypeError("queued_at is never NULL")
        return Try(
            run, task_id, index, epoch, number, executor, queued_at, at(started), at(ended), _OUTCOMES[outcome], error,
            pid,
        )  # fmt: skip


def storable(text: str) -> str:
    """The text with what databases refuse (NUL, lone surrogates) made visible: text of user code may hold anything."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _aware(at: datetime | None) -> datetime | None:
    if at is not None and at.tzinfo is None:
        raise TypeError(f"{at!r} has no time zone")
    return at


def _hex(data: bytes) -> str:
    """PostgreSQL's text form of ``bytea``."""
    return "\\x" + data.hex()


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC)
