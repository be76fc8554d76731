"""Where lines of logs are, by the words in them.

It is made of logs, and can be made of them again: so it is apart from the database, in a file of its own (SQLite), or in tables that
no migration knows (PostgreSQL). What was indexed in one period is a table of its own, which is dropped as a whole.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, inspect, text

from penstock.model.logs.log_index import (
    ChunkPlace,
    FoundChunk,
    IndexedChunk,
    IndexedPart,
    LogFilter,
    LogPeriod,
    LogPosition,
    LogSubject,
)
from penstock.store.log_search.dialects import Dialect, Postgres, Sqlite
from penstock.store.sql.database import Database
from penstock.store.store import Store

FILE = "log-index.db"
"""The file in the state folder, beside an SQLite database."""

_PORTIONS = 8
"""Periods, at least, that the index is made of when it is full: so much of it, at most, goes at once."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEY = "run = :run AND task_id = :task_id AND map_index = :map_index AND epoch = :epoch"
_PERIODS = text("SELECT period, since, size FROM log_index_period WHERE dropped IS NULL ORDER BY period DESC")
_HORIZON = text("SELECT max(dropped) FROM log_index_period")
_POSITIONS = text("SELECT task_id, map_index, epoch, position, level, logged_at FROM log_index_log WHERE run = :run")
_MOVE = text(
    "UPDATE log_index_log SET position = :position, level = :level, logged_at = :at, period = :period "
    f"WHERE {_KEY} AND position = :before RETURNING log"
)
_ADD = text(
    "INSERT INTO log_index_log (run, task_id, map_index, epoch, dag_id, run_id, position, level, logged_at, period) "
    "VALUES (:run, :task_id, :map_index, :epoch, :dag_id, :run_id, :position, :level, :at, :period) ON CONFLICT DO NOTHING RETURNING log"
)


class LogSearch:
    """The index of logs. Every method raises StoreError.

    Args:
        database: Where it is.
        own: Whether the database is its own.
    """

    def __init__(self, database: Database, *, own: bool) -> None:
        self._database, self._own = database, own
        self._dialect: Dialect = Sqlite() if database.sqlite else Postgres()

    @classmethod
    def make(cls, store: Store, state_folder: Path) -> Self:
        """The index that belongs to a store; it is made if there is none."""
        found = cls._of(store, state_folder)
        found.create()
        return found

    @classmethod
    def find(cls, store: Store, state_folder: Path) -> Self | None:
        """The index that belongs to a store; None if there is none."""
        if store.database.sqlite and not (state_folder / FILE).exists():
            return None
        found = cls._of(store, state_folder)
        if found.exists():
            return found
        found.close()
        return None

    @classmethod
    def _of(cls, store: Store, state_folder: Path) -> Self:
        if not store.database.sqlite:
            return cls(store.database, own=False)
        return cls(Database(f"sqlite:///{state_folder / FILE}", wait_s=store.database.wait_s), own=True)

    def create(self) -> None:
        """Make its tables, unless they are there."""
        with self._write() as connection:
            for statement in self._dialect.tables:
                connection.execute(text(statement))

    def exists(self) -> bool:
        """Whether its tables are there."""
        with self._database.read() as connection:
            return inspect(connection).has_table("log_index_period")

    def close(self) -> None:
        """Close its database, if it has one of its own."""
        if self._own:
            self._database.close()

    def positions(self, run: int) -> dict[tuple[str, int, int], LogPosition]:
        """How far the logs of a run are indexed, by task, index and dispatch."""
        with self._database.read() as connection:
            rows = connection.execute(_POSITIONS, {"run": run})
            return {
                (task_id, index, epoch): LogPosition(offset, level, None if at is None else _instant(at))
                for task_id, index, epoch, offset, level, at in rows
            }

    def index(self, parts: Sequence[IndexedPart], now: datetime, most_bytes: int) -> None:
        """Index what logs have grown by, and note how far they are indexed, all of it or nothing.

        A log that somebody has brought further meanwhile is left as it is.

        Args:
            parts: At most one of each log.
            now: The present.
            most_bytes: As of `trim`: of that a period takes a portion.
        """
        with self._write() as connection:
            period = self._current(connection, now, most_bytes)
            rows = []
            for part in parts:
                log = self._moved(connection, part, period)
                rows += [] if log is None else [(log, chunk) for chunk in part.chunks]
            if rows:
                self._add(connection, period, rows)

    def trim(self, now: datetime, most_bytes: int, days: float) -> int:
        """Drop the oldest periods: those that ended so many days ago, and as many as make it small enough.

        Args:
            now: The present.
            most_bytes: Bytes of the index.
            days: Days; 0 for no end.

        Returns:
            How many were dropped.
        """
        dropped = 0
        while periods := self.periods():
            ended = periods[-2].since if len(periods) > 1 else now
            old = bool(days) and ended <= now - timedelta(days=days)
            if not old and self.size() <= most_bytes:
                break
            with self._write() as connection:
                self._drop(connection, periods[-1].period, ended)
            dropped += 1
        return dropped

    def size(self) -> int:
        """Bytes that it takes."""
        with self._database.read() as connection:
            return self._dialect.size(connection)

    def periods(self) -> list[LogPeriod]:
        """The periods that it has, the newest first."""
        with self._database.read() as connection:
            return [LogPeriod(period, _instant(since), size) for period, since, size in connection.execute(_PERIODS)]

    def horizon(self) -> datetime | None:
        """The instant up to which what was indexed is dropped; None if nothing is."""
        with self._database.read() as connection:
            found = connection.execute(_HORIZON).scalar()
            return None if found is None else _instant(found)

    def dag_ids(self) -> list[str]:
        """Ids of the DAGs of which logs are indexed."""
        with self._database.read() as connection:
            return list(connection.execute(text("SELECT DISTINCT dag_id FROM log_index_log ORDER BY dag_id")).scalars())

    def chunks(self, place: ChunkPlace, words: Sequence[str], only: LogFilter, most: int) -> list[FoundChunk]:
        """Chunks of a period in which all words are, or words that begin with them, the newest first.

        Args:
            place: The period, and the chunk before which they are to stand.
            words: The words.
            only: Which logs and lines are searched; a chunk has lines that may fit, and others.
            most: Chunks, at most.
        """
        given: dict[str, Any] = {"words": self._dialect.query(words), "before": place.chunk, "most": most}
        conditions = [f"{self._dialect.chunk} < :before", self._dialect.condition(place.period)]
        if only.dags is not None:
            conditions.append(self._dialect.among("l.dag_id", "dags"))
            given["dags"] = self._dialect.values(only.dags)
        for value, name, condition in (
            (only.task_id, "task_id", "l.task_id = :task_id"),
            (only.level, "level", "c.top >= :level"),
            (only.since and _micros(only.since), "since", "c.latest >= :since"),
            (only.until and _micros(only.until), "until", "c.earliest < :until"),
        ):
            if value:
                conditions.append(condition)
                given[name] = value
        statement = (
            "SELECT c.chunk, l.run, l.task_id, l.map_index, l.epoch, l.dag_id, l.run_id, c.start, c.length, c.level, c.logged_at "
            f"FROM {self._dialect.source(place.period)} JOIN log_index_log l ON l.log = c.log "
            f"WHERE {' AND '.join(conditions)} ORDER BY {self._dialect.chunk} DESC LIMIT :most"
        )
        with self._database.read() as connection:
            if place.period not in {row[0] for row in connection.execute(_PERIODS)}:
                return []
            return [
                FoundChunk(ChunkPlace(place.period, chunk), LogSubject(*subject), start, length, level, _instant(at))
                for chunk, *subject, start, length, level, at in connection.execute(text(statement), given)
            ]

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with self._database.write() as connection:
            self._dialect.lock(connection)
            yield connection

    def _current(self, connection: Connection, now: datetime, most_bytes: int) -> int:
        """The period in which to index; a day has one, or several if they would be too large."""
        size = self._dialect.size(connection)
        newest = connection.execute(
            text("SELECT period, since, size, dropped FROM log_index_period ORDER BY period DESC LIMIT 1")
        ).first()
        if newest is not None and newest.dropped is None:
            same = _instant(newest.since).date() == now.date()
            if same and size - newest.size <= most_bytes // _PORTIONS:
                return int(newest.period)
        period = 1 if newest is None else newest.period + 1
        connection.execute(
            text("INSERT INTO log_index_period (period, since, size) VALUES (:period, :since, :size)"),
            {"period": period, "since": _micros(now), "size": size},
        )
        for statement in self._dialect.period_tables(period):
            connection.execute(text(statement))
        return int(period)

    def _moved(self, connection: Connection, part: IndexedPart, period: int) -> int | None:
        """Note how far a log is indexed; returns its number, or None if it is not where it was."""
        given = {
            **part.subject._asdict(), "position": part.after.offset, "level": part.after.level,
            "at": part.after.at and _micros(part.after.at), "period": period, "before": part.before.offset,
        }  # fmt: skip
        found = connection.execute(_MOVE, given).scalar()
        if found is None and not part.before.offset:
            found = connection.execute(_ADD, given).scalar()
        return found

    def _add(self, connection: Connection, period: int, rows: Sequence[tuple[int, IndexedChunk]]) -> None:
        table = self._dialect.table(period)
        last = connection.execute(text(f"SELECT coalesce(max(chunk), 0) FROM {table}")).scalar_one()
        given = [
            {
                "chunk": last + number, "log": log, "start": chunk.start, "length": chunk.length, "level": chunk.level, "top": chunk.top,
                "at": _micros(chunk.at), "earliest": _micros(chunk.first), "latest": _micros(chunk.last),
                "words": self._dialect.stored(chunk.words),
            }
            for number, (log, chunk) in enumerate(rows, 1)
        ]  # fmt: skip
        for statement in self._dialect.insertions(period):
            connection.execute(text(statement), given)

    def _drop(self, connection: Connection, period: int, ended: datetime) -> None:
        before = self._dialect.size(connection)
        for statement in self._dialect.drops(period):
            connection.execute(text(statement))
        connection.execute(text("DELETE FROM log_index_log WHERE period = :period"), {"period": period})
        connection.execute(text("DELETE FROM log_index_period WHERE dropped IS NOT NULL"))
        connection.execute(
            text("UPDATE log_index_period SET dropped = :at WHERE period = :period"),
            {"at": _micros(ended), "period": period},
        )
        connection.execute(
            text("UPDATE log_index_period SET size = size - :freed"), {"freed": before - self._dialect.size(connection)}
        )


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
