"""The scheduler's transaction: what a step of the engine wants persisted, all of it or nothing."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import msgspec
from sqlalchemy import Connection, CursorResult, Dialect, Executable, Table, bindparam, text, update

from penstock.model.changes import Changes
from penstock.model.request import Request
from penstock.model.run import NewRun, Run
from penstock.store import bell, outbox, rows, tables
from penstock.store.rows import Codec

SCHEDULER = "scheduler"
_INBOX_LOCK = 0x50656E73_00000003
_NEW = "dag_id run_id kind state version created_at logical_date interval_start interval_end conf"


class Statements:
    """The hot statements as text for one dialect, made once a store."""

    def __init__(self, dialect: Dialect) -> None:
        self.codec = Codec(dialect)
        mark = "%s" if dialect.name == "postgresql" else "?"
        marks = ", ".join(mark for _ in _NEW.split())
        self.insert_run = (
            f"INSERT INTO run ({', '.join(_NEW.split())}) VALUES ({marks}) "
            f"ON CONFLICT (dag_id, run_id) DO NOTHING RETURNING {', '.join(rows.RUN.split())}"
        )
        self.runs = rows.update(dialect, tables.run, "state version started_at ended_at reason", "run")
        self.tasks = rows.upsert(dialect, tables.task_instance, rows.TASK)
        self.tries = rows.upsert(dialect, tables.attempt, rows.TRY)
        self.xcoms = rows.upsert(dialect, tables.xcom, rows.XCOM)
        self.removed = rows.delete(dialect, tables.task_instance, "run task_id map_index")
        self.cleared = rows.delete(dialect, tables.xcom, "run task_id map_index")
        self.late = rows.update(dialect, tables.attempt, "late_outcome late_at", "run task_id map_index epoch")
        self.cursors = rows.update(dialect, tables.dag, "cursor", "dag_id")
        self.handled = rows.delete(dialect, tables.request, "number")
        self.outbox = outbox.Outbox(dialect, self.codec)


class Transaction:
    """An open transaction for writing; ends with the ``with`` block of `Store.transaction`.

    Attributes:
        rung: Topics whose listeners are to be woken once the transaction is durable.
    """

    def __init__(self, connection: Connection, statements: Statements) -> None:
        self._connection, self._statements = connection, statements
        self.rung: set[str] = set()

    def apply(self, changes: Changes, now: datetime) -> list[Run]:
        """Write a step's changes.

        Returns:
            The runs made of ``new_runs``, with their numbers; one whose ``dag_id`` and ``run_id`` exist already is
            left as it is and not among them.
        """
        sql, codec, connection = self._statements, self._statements.codec, self._connection
        sql.removed.run(connection, changes.removed)
        sql.cleared.run(connection, changes.cleared)
        created = [run for new in changes.new_runs for run in self._create(new, now)]
        sql.runs.run(connection, codec.run_changes(changes.runs))
        sql.tasks.run(connection, codec.tasks(changes.tasks))
        sql.tries.run(connection, codec.tries(changes.tries))
        sql.xcoms.run(connection, codec.xcoms(changes.xcoms))
        sql.late.run(connection, [(a.outcome.value, codec.at(a.at), *a.key, a.epoch) for a in changes.late])
        sql.cursors.run(connection, [(codec.at(c.interval_end), c.dag_id) for c in changes.cursors])
        sql.handled.run(connection, [(number,) for number in changes.handled])
        if changes.notices:
            sql.outbox.put(connection, changes.notices)
            self.ring(outbox.NOTICES)
        return created

    def submit(self, requests: Sequence[Request], now: datetime) -> None:
        """Put requests into the scheduler's inbox, in this order, and wake it when they are durable."""
        if not requests:
            return
        if self._connection.dialect.name == "postgresql":
            # Numbers must become visible in their order, or a reader that remembers the last one would pass one over.
            self._connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_INBOX_LOCK})")
        self._connection.execute(
            tables.request.insert(),
            [{"body": msgspec.json.encode(request), "created_at": now} for request in requests],
        )
        self.ring(SCHEDULER)

    def drop_notices(self, last: int) -> int:
        """Drop the notices up to a number; see `penstock.store.outbox.drop`."""
        return outbox.drop(self._connection, last)

    def execute(self, statement: Executable) -> CursorResult[Any]:
        """Carry out a statement of another module of this room."""
        return cast("CursorResult[Any]", self._connection.execute(statement))

    def execute_many(self, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> None:
        """Carry out a statement for each row."""
        if rows:
            self._connection.execute(statement, rows)

    def update_many(self, table: Table, key: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Update each row named by the value under ``key`` with the row's other values."""
        if rows:
            given: dict[str, Any] = {name: bindparam(f"_{name}") for name in rows[0] if name != key}
            statement = update(table).where(table.c[key] == bindparam(f"_{key}")).values(given)
            self.execute_many(statement, [{f"_{name}": value for name, value in row.items()} for row in rows])

    def replace(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows in place of any with the same primary key."""
        if rows:
            keys = [column.name for column in table.primary_key]
            updates = ", ".join(f"{name} = excluded.{name}" for name in rows[0] if name not in keys)
            self._insert(table, rows, f"({', '.join(keys)}) DO UPDATE SET {updates}")

    def insert_absent(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert the rows whose key does not exist yet."""
        self._insert(table, rows, "DO NOTHING")

    def _insert(self, table: Table, rows: Sequence[Mapping[str, Any]], conflict: str) -> None:
        """Both databases know this form; SQLAlchemy's own would import both dialects, 0.1 s, in every command."""
        if rows:
            names = list(rows[0])
            marks = ", ".join(f":{name}" for name in names)
            sql = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks}) ON CONFLICT {conflict}"
            types = [bindparam(name, type_=table.c[name].type) for name in names]
            self._connection.execute(text(sql).bindparams(*types), rows)

    def ring(self, topic: str) -> None:
        """Wake the topic's listeners when this transaction is durable."""
        if topic not in self.rung:
            self.rung.add(topic)
            bell.ring_at_commit(self._connection, topic)

    def _create(self, new: NewRun, now: datetime) -> list[Run]:
        sql = self._statements
        made = self._connection.exec_driver_sql(sql.insert_run, sql.codec.new_run(new, now)).fetchall()
        return [sql.codec.read_run(row) for row in made]
