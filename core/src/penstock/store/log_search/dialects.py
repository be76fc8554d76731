"""How each database keeps the words of chunks, and is asked for them."""

from collections.abc import Collection, Sequence
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection, text

_LOCK = 0x50656E73_00000007
_PERIOD = (
    "CREATE TABLE IF NOT EXISTS log_index_period "
    "(period BIGINT PRIMARY KEY, since BIGINT NOT NULL, size BIGINT NOT NULL, dropped BIGINT)"
)
_LOG = (
    "CREATE TABLE IF NOT EXISTS log_index_log (log {number}, run BIGINT NOT NULL, task_id TEXT NOT NULL, map_index INTEGER NOT NULL, "
    "epoch BIGINT NOT NULL, dag_id TEXT NOT NULL, run_id TEXT NOT NULL, position BIGINT NOT NULL, level INTEGER NOT NULL, "
    "logged_at BIGINT, period BIGINT NOT NULL, UNIQUE (run, task_id, map_index, epoch))"
)
_LOG_PERIOD = "CREATE INDEX IF NOT EXISTS log_index_log_period ON log_index_log (period)"
_CHUNK = (
    "CREATE TABLE log_index_chunk_{period} (chunk {number} PRIMARY KEY, log BIGINT NOT NULL, start BIGINT NOT NULL, "
    "length INTEGER NOT NULL, level INTEGER NOT NULL, logged_at BIGINT NOT NULL, top INTEGER NOT NULL, earliest BIGINT NOT NULL, "
    "latest BIGINT NOT NULL{words})"
)
_INSERT = (
    "INSERT INTO log_index_chunk_{period} (chunk, log, start, length, level, logged_at, top, earliest, latest{words}) "
    "VALUES (:chunk, :log, :start, :length, :level, :at, :top, :earliest, :latest{value})"
)


class Dialect(Protocol):
    """What differs between the databases.

    Attributes:
        tables: Statements that make the tables that are always there.
        chunk: The number of a chunk, in a selection.
    """

    tables: Sequence[str]
    chunk: str

    def table(self, period: int) -> str:
        """The table of the chunks of a period."""
        return f"log_index_chunk_{period}"

    def lock(self, connection: Connection) -> None:
        """Keep others from writing until the transaction ends."""

    def size(self, connection: Connection) -> int:
        """Bytes that the index takes."""

    def period_tables(self, period: int) -> Sequence[str]:
        """Statements that make the tables of a period."""

    def drops(self, period: int) -> Sequence[str]:
        """Statements that drop them."""

    def insertions(self, period: int) -> Sequence[str]:
        """Statements that add a chunk."""

    def source(self, period: int) -> str:
        """What the chunks ``c`` of a period are selected from."""

    def condition(self, period: int) -> str:
        """That the words ``:words`` are in a chunk."""

    def stored(self, words: Collection[str]) -> Any:  # noqa: ANN401 - of the database
        """The words of a chunk, as they are stored."""

    def query(self, words: Sequence[str]) -> str:
        """Words with which others begin, as they are asked for."""

    def among(self, column: str, name: str) -> str:
        """The condition that a column has one of the values that are given by a name."""

    def values(self, given: Sequence[str]) -> Any:  # noqa: ANN401 - of the database
        """The values of `among`."""


class Sqlite(Dialect):
    """SQLite: FTS5 without the text and without positions (https://www.sqlite.org/fts5.html#the_detail_option).

    Its tokenizer ``ascii`` parts words at what is no letter and no digit of ASCII, so that it leaves those that it is given as they are.
    """

    tables = (_PERIOD, _LOG.format(number="INTEGER PRIMARY KEY"), _LOG_PERIOD)
    chunk = "w.rowid"

    def lock(self, connection: Connection) -> None:
        """Its transactions lock it from their beginning on."""

    def size(self, connection: Connection) -> int:
        """Bytes of the pages that are in use."""
        found = [
            connection.execute(text(f"PRAGMA {each}")).scalar_one()
            for each in ("page_count", "freelist_count", "page_size")
        ]
        return int((found[0] - found[1]) * found[2])

    def period_tables(self, period: int) -> Sequence[str]:
        """A table of chunks, and one of words."""
        return (
            _CHUNK.format(period=period, number="INTEGER", words=""),
            f"CREATE VIRTUAL TABLE log_index_words_{period} USING fts5(words, content='', detail=none, columnsize=0, tokenize='ascii')",
        )

    def drops(self, period: int) -> Sequence[str]:
        """Both."""
        return (f"DROP TABLE log_index_chunk_{period}", f"DROP TABLE log_index_words_{period}")

    def insertions(self, period: int) -> Sequence[str]:
        """Into both."""
        return (
            _INSERT.format(period=period, words="", value=""),
            f"INSERT INTO log_index_words_{period} (rowid, words) VALUES (:chunk, :words)",
        )

    def source(self, period: int) -> str:
        """Both, by the number of the chunk."""
        return f"log_index_words_{period} w JOIN log_index_chunk_{period} c ON c.chunk = w.rowid"

    def condition(self, period: int) -> str:
        """By the table's own column."""
        return f"w.log_index_words_{period} MATCH :words"

    def stored(self, words: Collection[str]) -> str:
        """All in one text."""
        return " ".join(words)

    def query(self, words: Sequence[str]) -> str:
        """Each in quotes, so that none is a word of the query's language."""
        return " AND ".join(f'"{word}" *' for word in words)

    def among(self, column: str, name: str) -> str:
        """By a text of JSON: a statement takes a bounded number of values."""
        return f"{column} IN (SELECT value FROM json_each(:{name}))"

    def values(self, given: Sequence[str]) -> str:
        """A text of JSON."""
        return msgspec.json.encode(list(given)).decode()


class Postgres(Dialect):
    """PostgreSQL: the words as a ``tsvector`` without positions, made of an array so that its parser does not touch them.

    See https://www.postgresql.org/docs/14/functions-textsearch.html, ``array_to_tsvector``.
    """

    tables = (_PERIOD, _LOG.format(number="BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"), _LOG_PERIOD)
    chunk = "c.chunk"

    def lock(self, connection: Connection) -> None:
        """One lock for all that index."""
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})

    def size(self, connection: Connection) -> int:
        """Bytes of its tables, with their indexes."""
        statement = (
            "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class "
            r"WHERE relname LIKE 'log\_index\_%' AND relkind = 'r' AND pg_table_is_visible(oid)"
        )
        return int(connection.execute(text(statement)).scalar_one())

    def period_tables(self, period: int) -> Sequence[str]:
        """A table with its index."""
        return (
            _CHUNK.format(period=period, number="BIGINT", words=", words tsvector NOT NULL"),
            f"CREATE INDEX log_index_words_{period} ON log_index_chunk_{period} USING gin (words)",
        )

    def drops(self, period: int) -> Sequence[str]:
        """The table."""
        return (f"DROP TABLE log_index_chunk_{period}",)

    def insertions(self, period: int) -> Sequence[str]:
        """Into the table."""
        return (_INSERT.format(period=period, words=", words", value=", array_to_tsvector(CAST(:words AS text[]))"),)

    def source(self, period: int) -> str:
        """The table."""
        return f"log_index_chunk_{period} c"

    def condition(self, period: int) -> str:  # noqa: ARG002 - each period's table is ``c``
        """By the column."""
        return "c.words @@ CAST(:words AS tsquery)"

    def stored(self, words: Collection[str]) -> list[str]:
        """An array."""
        return list(words)

    def query(self, words: Sequence[str]) -> str:
        """Each in quotes, as above."""
        return " & ".join(f"'{word}':*" for word in words)

    def among(self, column: str, name: str) -> str:
        """By an array."""
        return f"{column} = ANY(:{name})"

    def values(self, given: Sequence[str]) -> list[str]:
        """An array."""
        return list(given)
