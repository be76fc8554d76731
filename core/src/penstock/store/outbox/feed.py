"""The change feed as it is read: what was committed after a position, in the order in which that can be told."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, bindparam, select, text

from penstock.decoders import msgpack_decoder
from penstock.model.feed.delta import Delta, TaskDelta, TaskRemoved
from penstock.model.feed.position import FeedPosition, FeedRow
from penstock.store.outbox.commit_stamp import CommitStamp
from penstock.store.sql import tables
from penstock.store.sql.database import Database
from penstock.store.sql.feed import feed_tables
from penstock.store.sql.feed.feed_watched import watch
from penstock.store.sql.feed.feed_writes import TaskRow
from penstock.store.transaction import Writer

ROWS_A_PAGE = 200
NOBODYS = "0" * 16
"""The name of the feed of a database which nobody has followed."""
_NAMES_KEPT = 10_000

_decode = msgpack_decoder(tuple[Delta | TaskRow, ...]).decode
_f, _fl, _r = feed_tables.feed.c, feed_tables.feed_floor.c, tables.run.c
FLOOR = select(_fl.database, _fl.xid, _fl.number)
_LAST = select(_f.xid, _f.number).limit(1)
NEWEST = _LAST.order_by(_f.number.desc())
LAST_BEFORE = {
    "sqlite": NEWEST.where(_f.at < bindparam("before")),
    "postgresql": _LAST.order_by(_f.xid.desc(), _f.number.desc()).where(_f.at < bindparam("before"), _f.xid > 0),
}
NAMES = select(_r.run, _r.dag_id, _r.run_id).where(_r.run.in_(bindparam("runs", expanding=True)))
# All below the oldest transaction that is open have ended: none of them can add a row any more.
PAGES = {
    "sqlite": text(
        "SELECT xid, number, body FROM feed WHERE number > :number AND :xid = :xid ORDER BY number LIMIT :most"
    ),
    "postgresql": text(
        "SELECT xid, number, body FROM feed WHERE xid > 0 AND (xid, number) > (:xid, :number) "
        "AND xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint ORDER BY xid, number LIMIT :most"
    ),
}
SNAPSHOT = text(
    "SELECT pg_snapshot_xmin(now)::text::bigint, pg_snapshot_xmax(now)::text::bigint FROM pg_current_snapshot() AS now"
)
WATCHED_FOR = timedelta(minutes=5)
"""How long the feed is written after somebody has looked."""
_NOTED_EACH = timedelta(seconds=30)


class Feed:
    """Reads what has changed. Every method raises StoreError if the database cannot serve.

    Attributes:
        stamp: Says at each read whether anything was committed since another one; closed with the store.
    """

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database, self._writer = database, writer
        self.stamp = CommitStamp(database)
        self._names: dict[int, tuple[str, str]] = {}
        self._noted: datetime | None = None

    def attend(self, now: datetime) -> None:
        """Have the feed written for some minutes more: whoever follows it does this again at least each minute.

        Whoever comes after a time in which nobody did begins anew, as all that was committed meanwhile is told by nobody.
        """
        if self._noted is None or abs(now - self._noted) >= _NOTED_EACH:
            watch(self._database, now + WATCHED_FOR)
            self._noted = now

    def position(self) -> FeedPosition:
        """Where the feed ends now: whoever attends, then reads what is stored, and follows from here, misses nothing."""
        with self._database.read() as connection:
            database, *floor = connection.execute(FLOOR).one_or_none() or (NOBODYS, 0, 0)
            return FeedPosition(database, *self._end(connection, floor))

    def rows(
        self, after: FeedPosition, *, until: FeedPosition | None = None, limit: int = ROWS_A_PAGE
    ) -> list[FeedRow] | None:
        """What was told after a position, oldest first, a page at a time.

        Args:
            after: All up to it is known.
            until: Where to stop; None for the end.
            limit: Length of the page.

        Returns:
            None if what comes next is dropped already, or the position is another database's: whoever looks on is to begin anew.
        """
        with self._database.read() as connection:
            found = connection.execute(FLOOR).one_or_none()
            if found is None or after.database != found[0] or after[1:] < tuple(found[1:]):
                return None
            rows = connection.execute(
                PAGES[connection.dialect.name], {"xid": after.transaction, "number": after.number, "most": limit}
            ).all()
            if not rows and self._is_ahead(connection, after, found[1:]):
                return None
            if until is not None:
                rows = [row for row in rows if tuple(row[:2]) <= until[1:]]
            read = [(FeedPosition(after.database, *row[:2]), _deltas(row[2])) for row in rows]
            self._learn(connection, [each for _, deltas in read for each in deltas])
        return [FeedRow(position, tuple(self._named(deltas))) for position, deltas in read]

    def drop_before(self, before: datetime) -> int:
        """Drop what was told before an instant; returns how many rows went."""
        with self._writer.transaction() as tx:
            return tx.drop_feed(tx.execute(LAST_BEFORE[tx.dialect.name], {"before": before}).one_or_none())

    def watch(self) -> "FeedWatch":
        """Look from time to time whether the feed may have grown."""
        return FeedWatch(self._database)

    def _end(self, connection: Connection, floor: Sequence[int]) -> tuple[int, int]:
        """Transaction and number behind which all comes that is not told yet."""
        if not self._database.sqlite:
            return connection.execute(SNAPSHOT).one()[0], 0
        newest = connection.execute(NEWEST).one_or_none()
        return max(tuple(newest or (0, 0)), (floor[0], floor[1]))

    def _is_ahead(self, connection: Connection, after: FeedPosition, floor: Sequence[int]) -> bool:
        """Whether a position is behind the end: the database is an older copy of the one that gave it."""
        if self._database.sqlite:
            return after[1:] > self._end(connection, floor)
        return bool(after.transaction > connection.execute(SNAPSHOT).one()[1])

    def _learn(self, connection: Connection, deltas: Iterable[Delta]) -> None:
        runs = {each.run for each in deltas if isinstance(each, TaskDelta | TaskRemoved)}
        wanted = sorted(runs - self._names.keys())
        if len(self._names) > _NAMES_KEPT:
            self._names, wanted = {}, sorted(runs)
        for start in range(0, len(wanted), 500):
            for run, dag_id, run_id in connection.execute(NAMES, {"runs": wanted[start : start + 500]}):
                self._names[run] = dag_id, run_id

    def _named(self, deltas: Iterable[Delta]) -> Iterable[Delta]:
        """Deltas that name their DAG; those of a run that is deleted by now say nothing any more."""
        for each in deltas:
            if not isinstance(each, TaskDelta | TaskRemoved):
                yield each
            elif (names := self._names.get(each.run)) is not None:
                yield msgspec.structs.replace(each, dag_id=names[0], run_id=names[1])


def _deltas(body: bytes) -> list[Delta]:
    return [TaskDelta(*each) if isinstance(each, tuple) else each for each in _decode(body)]


class FeedWatch:
    """Says whether the database may have changed since it was asked last.

    SQLite tells that at the cost of 4 microseconds and without a lock. PostgreSQL is simply read again: a notification would take a
    lock of the whole database at each commit.

    Args:
        database: The database.
    """

    def __init__(self, database: Database) -> None:
        self._stamp = CommitStamp(database)
        self._seen = ""

    def moved(self) -> bool:
        """Whether something may have been committed; raises StoreError if the database cannot serve."""
        if not self._stamp.at_once:
            return True
        before, self._seen = self._seen, self._stamp.read()
        return before != self._seen

    def close(self) -> None:
        """Look no more."""
        self._stamp.close()
