"""What a transaction tells of itself: one row with all that it changes, written as its last statement."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, cast

import msgspec
from sqlalchemy import Connection, Dialect, text

from penstock.model.assets.event import AssetEvent
from penstock.model.backfills.backfill import Backfill
from penstock.model.changes import Changes
from penstock.model.feed.delta import (
    AssetDelta,
    BackfillDelta,
    DagDelta,
    Delta,
    PoolsDelta,
    RunDelta,
    TaskDelta,
    TaskRemoved,
)
from penstock.model.request import DagChanged, PoolsChanged, Request, UnreadableRequest
from penstock.model.run import Run, TaskInstance
from penstock.model.state import TaskState
from penstock.store.sql.bulk import BulkStatement
from penstock.store.sql.column_types import encoder, storable
from penstock.store.sql.feed import feed_tables
from penstock.store.sql.feed.feed_watched import at_driver, watched
from penstock.store.sql.pipeline import Pipeline

KEPT_BYTES = 64 * 2**20
"""Bytes of the feed that are kept at most."""
CHECK_BYTES = 2 * 2**20
"""Bytes after which it is looked how many there are: to look at each write would cost more than the few too many."""
DELTAS_A_ROW = 1_000
"""Deltas in one row at most: who reads a page holds it in memory."""

TaskRow = tuple[
    int, str, int, TaskState, int, int, str, datetime | None, datetime | None, datetime | None, datetime | None, str
]
"""A `TaskDelta` as it is stored, the most frequent of all: its fields without their names, up to those that are not stored."""
_encode = msgspec.msgpack.Encoder().encode
_NAMES = ("at", "size", "body")
_task = attrgetter(*TaskDelta.__struct_fields__[:12])
_run = attrgetter(*("kind" if name == "asked_by" else name for name in RunDelta.__struct_fields__))

_OVER = text(
    "SELECT xid, number FROM (SELECT xid, number, sum(size) OVER (ORDER BY xid DESC, number DESC) AS total FROM feed) AS sized "
    "WHERE total > :kept ORDER BY xid DESC, number DESC LIMIT 1"
)
_DROP = {
    "sqlite": text("DELETE FROM feed WHERE number <= :number AND :xid = :xid"),
    "postgresql": text("DELETE FROM feed WHERE xid > 0 AND (xid, number) <= (:xid, :number)"),
}
_RAISE = text("UPDATE feed_floor SET xid = :xid, number = :number WHERE (xid, number) < (:xid, :number)")


class FeedWriter:
    """Adds rows to the feed, for one dialect.

    Args:
        dialect: Of the database.
        kept: Bytes that are kept at most.
        check: Bytes after which it looks whether there are too many.
    """

    def __init__(self, dialect: Dialect, kept: int = KEPT_BYTES, check: int = CHECK_BYTES) -> None:
        self._insert = _FeedStatement(dialect)
        self._instant = cast("Callable[[datetime], int]", encoder(feed_tables.feed.c.at, dialect))
        self._kept, self._check, self._unchecked = kept, check, 0

    def wanted(self, pipeline: Pipeline, at: datetime) -> bool:
        """Whether somebody looks on (SQLite), as it is within this transaction."""
        return watched(pipeline.connection, self._instant(at))

    def add(self, pipeline: Pipeline, deltas: Sequence[Delta | TaskRow], at: datetime) -> None:
        """Add what a transaction changes, in its order; the oldest rows go if there are too many bytes."""
        some = [deltas[start : start + DELTAS_A_ROW] for start in range(0, len(deltas), DELTAS_A_ROW)]
        try:
            bodies = [_encode(each) for each in some]
        except (UnicodeEncodeError, OverflowError):
            pipeline.send()  # the database refuses the same, and names the row
            raise
        pipeline.add(self._insert, [(at, len(body), body) for body in bodies])
        self._unchecked += sum(map(len, bodies))
        if self._unchecked >= self._check:
            self._unchecked = 0
            connection = pipeline.connection
            last: Any = connection.execute(_OVER, {"kept": self._kept}).one_or_none()
            drop(connection, last)


def drop(connection: Connection, last: Sequence[Any] | None) -> int:
    """Drop the rows up to one, by its transaction and number, and note that; returns how many went."""
    if last is None:
        return 0
    given = {"xid": last[0], "number": last[1]}
    connection.execute(_RAISE, given)
    return connection.execute(_DROP[connection.dialect.name], given).rowcount


def deltas_of(changes: Changes, created: Iterable[Run | AssetEvent]) -> Iterator[Delta | TaskRow]:
    """What a step's changes tell, in the order in which they are written."""
    for key in changes.removed:
        yield TaskRemoved(*key)
    for each in created:
        yield of_run(each) if isinstance(each, Run) else AssetDelta(each.number, each.asset, each.at, each.dag_id)
    yield from map(of_run, changes.runs)
    yield from map(_row_of, changes.tasks)
    for cursor in changes.cursors:
        yield DagDelta(cursor.dag_id)
    yield from map(of_backfill, changes.backfills)


def of_requests(requests: Iterable[Request | UnreadableRequest]) -> Iterator[Delta]:
    """What requests to the scheduler tell: whoever changes a DAG or a pool has it look, whatever it is that has changed."""
    for each in requests:
        if isinstance(each, DagChanged):
            yield DagDelta(each.dag_id)
        elif isinstance(each, PoolsChanged):
            yield PoolsDelta()


def of_run(run: Run) -> RunDelta:
    """What is told of a run."""
    delta = RunDelta(*_run(run))
    reason = storable(delta.reason)
    return delta if reason is delta.reason else msgspec.structs.replace(delta, reason=reason)


def _row_of(task: TaskInstance) -> TaskRow:
    odd = task.map_key or not task.reason.isascii() or "\0" in task.reason
    row: TaskRow = _task(of_task(task) if odd else task)
    return row


def of_task(task: TaskInstance) -> TaskDelta:
    """What is told of a task instance."""
    delta = TaskDelta(*_task(task))
    reason, map_key = storable(delta.reason), storable(delta.map_key)
    if reason is delta.reason and map_key is delta.map_key:
        return delta
    return msgspec.structs.replace(delta, reason=reason, map_key=map_key)


def of_backfill(row: Backfill) -> BackfillDelta:
    """What is told of a backfill."""
    return BackfillDelta(row.number, row.spec.dag_id, row.state, row.done, row.ended_at, storable(row.reason))


class _FeedStatement(BulkStatement):
    """Rows of bytes, one by one: as JSON text, as others go to PostgreSQL, they would be twice as long."""

    def __init__(self, dialect: Dialect) -> None:
        postgres = "INSERT INTO feed (xid, at, size, body) VALUES (pg_current_xact_id()::text::bigint, %s, %s, %s)"
        sqlite = "INSERT INTO feed (xid, at, size, body) VALUES (0, ?, ?, ?)"
        super().__init__(dialect, feed_tables.feed, _NAMES, sqlite, postgres)
        self._encoders[-1] = None

    def blame(self, connection: Connection, rows: Sequence[Sequence[Any]], error: Exception) -> None:
        """Blame none: no database refuses bytes."""

    def _execute(self, connection: Connection, sql: str, encoded: Sequence[tuple[Any, ...]]) -> None:
        for row in encoded:
            connection.exec_driver_sql(sql, row) if self._postgres else at_driver(connection, sql, row)
