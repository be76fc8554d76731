"""The one way into a write: a transaction that only the scheduler's leader or a client may commit, and what it can do."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache, cached_property
from operator import attrgetter
from typing import Any, cast

import msgspec
from sqlalchemy import (
    Connection,
    CursorResult,
    Dialect,
    Executable,
    Table,
    TextClause,
    bindparam,
    func,
    select,
    text,
    update,
)
from sqlalchemy.exc import StatementError

from penstock.errors import DataRefusedError
from penstock.model.assets.asset_use import AssetRole
from penstock.model.assets.event import AssetEvent, NewAssetEvent
from penstock.model.backfills.backfill import BackfillItem
from penstock.model.changes import Changes
from penstock.model.feed.delta import AuditDelta, Delta
from penstock.model.history.audit import AuditEntry
from penstock.model.notice import Notice
from penstock.model.request import DagChanged, Request, UnreadableRequest, encode
from penstock.model.run import NewRun, Rendered, Run, RunKind, TaskInstance, TaskKey, Try, XCom
from penstock.model.state import RunState
from penstock.store.schedulers.request_subject import subject_of
from penstock.store.schedulers.role import SchedulerRole
from penstock.store.sql import bulk, notices, tables, wakeup
from penstock.store.sql.access.audit_table import audit, row_of
from penstock.store.sql.assets import asset_tables
from penstock.store.sql.assets.asset_writes import AssetStatements
from penstock.store.sql.database import Database
from penstock.store.sql.driver_errors import first_line, refuses_data
from penstock.store.sql.feed.feed_writes import FeedWriter, TaskRow, deltas_of, drop, of_requests
from penstock.store.sql.pipeline import Pipeline, Proof
from penstock.store.transactions.forget import ForgetCheckpoints
from penstock.store.transactions.unit_of_work import SeveralTransactions, UnitOfWork, as_changed

_REQUEST_LOCK = 0x50656E73_00000003

_NEW_RUN = NewRun.__struct_fields__
_RUN_CHANGES = ("state", "version", "started_at", "ended_at", "reason", "timed_out_at", "cancelled_at", "backfill")
_BACKFILL_CHANGES = ("state", "done", "cursor", "ended_at", "reason")
_new_run, _run_changes = attrgetter(*_NEW_RUN), attrgetter(*_RUN_CHANGES, "run")
_backfill_changes = attrgetter(*_BACKFILL_CHANGES, "number")
_task, _try, _xcom, _rendered, _item = (
    attrgetter(*struct.__struct_fields__) for struct in (TaskInstance, Try, XCom, Rendered, BackfillItem)
)


class Statements:
    """The statements of a scheduler's turn for one dialect, made once a store.

    What is stored of a run, a task instance, a try and an XCom are the fields of their structs, by name: a new field
    needs its column and its migration, and nothing here.
    """

    def __init__(self, dialect: Dialect) -> None:
        key = TaskKey._fields
        self.update_runs = bulk.update(dialect, tables.run, _RUN_CHANGES, ["run"])
        self.upsert_tasks = bulk.upsert(dialect, tables.task_instance, TaskInstance.__struct_fields__)
        self.upsert_tries = bulk.upsert(dialect, tables.attempt, Try.__struct_fields__)
        self.upsert_xcoms = bulk.upsert(dialect, tables.xcom, XCom.__struct_fields__)
        self.upsert_rendered = bulk.upsert(dialect, tables.rendered, Rendered.__struct_fields__)
        self.delete_tasks = bulk.delete(dialect, tables.task_instance, key)
        self.delete_xcoms = bulk.delete(dialect, tables.xcom, key)
        self.forget_checkpoints = ForgetCheckpoints(dialect)
        self.note_late = bulk.update(dialect, tables.attempt, ["late_outcome", "late_at"], [*key, "epoch"])
        self.move_cursors = bulk.update(dialect, tables.dag, ["cursor"], ["dag_id"])
        self.update_backfills = bulk.update(dialect, tables.backfill, _BACKFILL_CHANGES, ["number"])
        self.insert_items = bulk.insert(dialect, tables.backfill_item, BackfillItem.__struct_fields__)
        self.move_rates = bulk.update(dialect, tables.pool, ["next_at"], ["name"])
        self.delete_requests = bulk.delete(dialect, tables.request, ["number"])
        self.notices = notices.NoticeWriter(dialect)
        self.assets = AssetStatements(dialect)
        self.feed = FeedWriter(dialect)


def _insert_run() -> Executable:
    """Text, because SQLAlchemy's ``ON CONFLICT`` is a dialect's own: it would import both dialects, 0.1 s a command."""
    names = [*_NEW_RUN, "state", "created_at"]
    marks = ", ".join(f":{name}" for name in names)
    returned = tables.columns(tables.run, Run)
    return (
        text(
            f"INSERT INTO run ({', '.join(names)}) VALUES ({marks}) ON CONFLICT (dag_id, run_id) DO NOTHING "
            f"RETURNING {', '.join(column.name for column in returned)}"
        )
        .bindparams(*(bindparam(name, type_=tables.run.c[name].type) for name in names))
        .columns(*returned)
    )


INSERT_RUN = _insert_run()
_r = tables.run.c
BACKFILLED = select(_r.run).where(
    _r.dag_id == bindparam("dag_id"),
    _r.logical_date == bindparam("logical_date"),
    _r.kind == RunKind.BACKFILL,
    _r.subset == [],
)
"""Whether a backfill has run all of a date: a schedule that comes to it later, as one that catches up, runs it no more."""
# The owner of a request's DAG alone reads it; one about a run is about the run's DAG.
INSERT_REQUEST = text(
    "INSERT INTO request (body, created_at, asked, dag_id) VALUES (:body, :created_at, :asked, "
    "COALESCE((SELECT dag_id FROM run WHERE run = :run), (SELECT dag_id FROM backfill WHERE number = :backfill), :dag_id))"
).bindparams(
    bindparam("created_at", type_=tables.request.c.created_at.type),
    *(bindparam(name, type_=tables.run.c.run.type) for name in ("run", "backfill")),
)


_u = asset_tables.asset_use.c
CONSUMERS = (
    select(_u.dag_id)
    .distinct()
    .where(_u.role == AssetRole.SCHEDULE, _u.asset.in_(bindparam("assets", expanding=True)))
    .where(select(func.count(tables.dag.c.owner.distinct())).scalar_subquery() > 1)
    .order_by(_u.dag_id)
)


@cache
def _insertion(table: Table, names: tuple[str, ...], conflict: str) -> TextClause:
    """Made once: to make it costs more than to carry it out."""
    marks = ", ".join(f":{name}" for name in names)
    sql = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks}) ON CONFLICT {conflict}"
    return text(sql).bindparams(*(bindparam(name, type_=table.c[name].type) for name in names))


def _request_row(request: Request | UnreadableRequest, now: datetime, asked: int) -> dict[str, object]:
    return {"body": encode(request), "created_at": now, "asked": asked, **msgspec.structs.asdict(subject_of(request))}


class Transaction:
    """An open transaction for writing; ends with the ``with`` block of `Store.transaction`.

    Attributes:
        dialect: The database's, as SQLAlchemy names it.
        topics: Topics whose waiters are to be woken once the transaction is durable.
        deltas: What those who look on are to be told.
    """

    def __init__(self, pipeline: Pipeline, statements: Statements, dialect: Dialect) -> None:
        self._pipeline, self._statements, self.dialect = pipeline, statements, dialect
        self.topics: set[str] = set()
        self.deltas: list[Iterable[Delta | TaskRow]] = []
        self._deltas_at: datetime | None = None

    @property
    def connection(self) -> Connection:
        """For statements with answers; what was added to the pipeline is carried out before them."""
        return self._pipeline.connection

    def send(self) -> None:
        """Have the database carry out now what else would wait for the end; raises as `apply`."""
        self._pipeline.send()

    def apply(self, changes: Changes, now: datetime) -> list[Run | AssetEvent]:
        """Write a step's changes, by the next statement that is answered or the end of the transaction.

        Returns:
            The runs made of ``new_runs``, with their numbers; one whose ``dag_id`` and ``run_id`` exist already is
            left as it is and not among them. After them the ``asset_events`` with theirs, but for duplicates.

        Raises:
            DataRefusedError: A row cannot be stored for what is in it; the error names it. Here or when it is written.
            StoreError: The database refuses a statement. In either case nothing of the transaction is written.
        """
        sql, pipeline = self._statements, self._pipeline
        # Deletes come first: a mapped task's placeholder and instances, or an old and a new XCom, may share a key.
        pipeline.add(sql.delete_tasks, changes.removed)
        pipeline.add(sql.delete_xcoms, changes.cleared)
        sql.forget_checkpoints.add(pipeline, changes.cleared, changes.forgotten)
        created: list[Run | AssetEvent] = [run for new in changes.new_runs for run in self._create(new, now)]
        created += self._add_events(changes.asset_events, now)
        sql.assets.move_cursors(pipeline, changes.asset_cursors)
        for statement, rows in (
            (sql.update_runs, map(_run_changes, changes.runs)),
            (sql.upsert_tasks, map(_task, changes.tasks)),
            (sql.upsert_tries, map(_try, changes.tries)),
            (sql.upsert_xcoms, map(_xcom, changes.xcoms)),
            (sql.upsert_rendered, map(_rendered, changes.rendered)),
            (sql.note_late, [(late.outcome, late.at, *late.key, late.epoch) for late in changes.late]),
            (sql.move_cursors, [(cursor.due_at, cursor.dag_id) for cursor in changes.cursors]),
            (sql.move_rates, [(used.next_at, used.pool) for used in changes.rates]),
            (sql.update_backfills, map(_backfill_changes, changes.backfills)),
            (sql.insert_items, map(_item, changes.backfill_items)),
            (sql.delete_requests, [(number,) for number in changes.handled]),
        ):
            pipeline.add(statement, rows)
        self.add_notices(changes.notices)
        self.add_deltas(deltas_of(changes, created), now)
        return created

    def submit(self, requests: Sequence[Request | UnreadableRequest], now: datetime, asked: int = 0) -> None:
        """Put requests into the scheduler's inbox, in this order, and wake it when they are durable.

        Args:
            requests: The requests.
            now: When they are made.
            asked: Number of the row of the audit that says who asks; 0 if nobody is to be told what becomes of them.

        Raises:
            StoreError: The database refuses a statement; the transaction cannot be committed any more.
        """
        if not requests:
            return
        self.keep_order()
        self.connection.execute(INSERT_REQUEST, [_request_row(request, now, asked) for request in requests])
        self.add_deltas(of_requests(requests), now)
        self.wake(wakeup.SCHEDULER)

    def audit(self, entry: AuditEntry) -> int:
        """Keep who asked for what this transaction does; returns the number of the row. Raises StoreError, as `submit`."""
        number: int = self.connection.execute(audit.insert().returning(audit.c.number), row_of(entry)).scalar_one()
        self.add_deltas([AuditDelta(entry.dag_id)], entry.at)
        return number

    def add_deltas(self, deltas: Iterable[Delta | TaskRow], now: datetime) -> None:
        """Have those who look on learn what this transaction changes, once it is durable; it is read if there are any."""
        self.deltas.append(deltas)
        self._deltas_at = now

    def end(self, role: SchedulerRole) -> None:
        """Write, as the last thing, what was told, if somebody looks on."""
        if self._deltas_at is None:
            return
        if self.dialect.name != "postgresql":
            if self._statements.feed.wanted(self._pipeline, self._deltas_at):
                self._add_row()
        elif role.watched:
            self._add_row()
        else:
            # Whether that is so still comes with the answer to all that waits: then it takes one more round trip.
            self._pipeline.at_end(lambda: self._add_row() if role.watched else None)

    def _add_row(self) -> None:
        deltas = [delta for each in self.deltas for delta in each]
        if deltas and self._deltas_at is not None:
            self._statements.feed.add(self._pipeline, deltas, self._deltas_at)

    def drop_notices(self, last: int) -> int:
        """Drop the notices up to a number; see `penstock.store.sql.notices.drop`."""
        return notices.drop(self.connection, last)

    def drop_feed(self, last: Sequence[Any] | None) -> int:
        """Drop the rows of the feed up to one; see `penstock.store.sql.feed.feed_writes.drop`."""
        return drop(self.connection, last)

    def wake(self, topic: str) -> None:
        """Wake the topic's waiters when this transaction is durable."""
        if topic not in self.topics:
            self.topics.add(topic)
            if self.dialect.name == "postgresql":
                self._pipeline.add_last(*wakeup.notification(topic))

    def add(self, statement: bulk.BulkStatement, rows: Iterable[Sequence[Any]]) -> None:
        """Carry out a statement of another module of this room for each row, with what else waits; see `send`."""
        self._pipeline.add(statement, rows)

    def execute(self, statement: Executable, given: Mapping[str, Any] | None = None) -> CursorResult[Any]:
        """Carry out a statement of another module of this room."""
        return cast("CursorResult[Any]", self.connection.execute(statement, given))

    def execute_many(self, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> None:
        """Carry out a statement for each row."""
        if rows:
            self.connection.execute(statement, rows)

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
        """Text for the reason of `INSERT_RUN`: both databases know this form."""
        if rows:
            self.connection.execute(_insertion(table, tuple(rows[0]), conflict), rows)

    def keep_order(self) -> None:
        """Have numbers become visible in their order: a reader that remembers the last one would pass one over."""
        if self.dialect.name == "postgresql":
            self.connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_REQUEST_LOCK})")

    def _add_events(self, new: Sequence[NewAssetEvent], now: datetime) -> list[AssetEvent]:
        """Write events of assets, and have the owners of the DAGs that wait for them look, if there are several."""
        if not new:
            return []
        self.keep_order()
        added = self._statements.assets.add_events(self.connection, new, now)
        if added and self.dialect.name == "postgresql":
            waiting = self.connection.execute(CONSUMERS, {"assets": sorted({event.asset for event in added})})
            self.submit([DagChanged(dag_id) for dag_id in waiting.scalars()], now)
        return added

    def _create(self, new: NewRun, now: datetime) -> list[Run]:
        given = dict(zip(_NEW_RUN, _new_run(new), strict=True), state=RunState.QUEUED, created_at=now)
        try:
            if new.kind is RunKind.SCHEDULED and self.connection.execute(BACKFILLED, given).first() is not None:
                return []
            return [Run(*row) for row in self.connection.execute(INSERT_RUN, given)]
        except (StatementError, UnicodeEncodeError) as error:
            if not refuses_data(error):
                raise
            detail = first_line(error.orig if isinstance(error, StatementError) else error)
            key = {"dag_id": new.dag_id, "run_id": new.run_id}
            raise DataRefusedError(detail, table="run", key=key) from error

    def add_notices(self, added: Sequence[Notice]) -> None:
        """Keep notices for listeners, and wake these."""
        if added:
            self._statements.notices.add(self._pipeline, added)
            self.wake(wakeup.NOTICES)


class Writer:
    """Opens transactions for writing.

    Args:
        database: The database.
        role: If it is held here, each transaction checks that it still is.
    """

    def __init__(self, database: Database, role: SchedulerRole) -> None:
        self._database, self._role, self._joined = database, role, threading.local()
        self.schema_proof: Proof | None = None  # what else each transaction checks

    @cached_property
    def statements(self) -> Statements:
        """What its transactions are made of, made for the first of them: most commands only read."""
        return Statements(self._database.engine.dialect)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One transaction: all of it is durable when the block has ended, or none of it if the block raised.

        Raises:
            StoreHeldError: This store was the leader and is no more.
            StoreError: The database cannot take it; nothing was written.
        """
        joined: UnitOfWork | SeveralTransactions | None = getattr(self._joined, "held", None)
        with self._alone() if joined is None else joined.part() as tx:
            yield tx

    @contextmanager
    def together(self, first: Callable[[Transaction], None], check: Callable[[], None] | None = None) -> Iterator[None]:
        """One transaction for all of those that this thread makes in the block; see `UnitOfWork`. Raises also ChangedError."""
        with as_changed(), UnitOfWork(self._database, self._alone, first, check) as unit, self._held(unit):
            yield

    @contextmanager
    def beginning(self, first: Callable[[Transaction], None]) -> Iterator[None]:
        """In the first transaction that this thread makes in the block, ``first`` is done first. Raises as `transaction`."""
        with self._held(SeveralTransactions(self._alone, first)):
            yield

    @contextmanager
    def _held(self, joined: UnitOfWork | SeveralTransactions) -> Iterator[None]:
        self._joined.held = joined
        try:
            yield
        finally:
            self._joined.held = None

    @contextmanager
    def _alone(self) -> Iterator[Transaction]:
        with self._database.pipeline([each for each in (self._role.proof, self.schema_proof) if each]) as pipeline:
            tx = Transaction(pipeline, self.statements, self._database.engine.dialect)
            yield tx
            tx.end(self._role)
        # Only after the commit: a waiter that looks earlier would see nothing, and sleep on.
        for topic in tx.topics:
            wakeup.send(self._database, topic)
