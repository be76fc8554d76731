"""One table of a copy: which of it is copied, how its rows are read and written in both databases, and what they add up to."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, Table

from penstock.errors import StoreError, as_sentence
from penstock.store.copying.plain_values import (
    WIRE,
    Cells,
    ValueKind,
    ValueRefusedError,
    from_postgres,
    from_sqlite,
    kind_of,
    made_visible,
    to_postgres,
)

LEFT_TABLES = {
    "scheduler": "leases of processes that have ended, for none lives while a database is copied",
    "share": "what those were lent of limits",
    "feed": "changes for those who look on, in the order of one database's own transactions",
    "feed_floor": "the name of that feed: whoever followed it learns by another one that it is to begin anew",
}
"""Tables whose rows mean something in their own database alone, and why."""
LEFT_COLUMNS = {("dag", "owner"), ("dag", "handover_until")}
"""Columns that name a lease; they are null in the copy."""
LEFT_ROWS = {("meta", "key"): "schema_floor"}
"""Rows that are of the schema, and that each database has by itself."""

_MOST_ROWS, _MOST_BYTES = 2_000, 4 << 20
_UNBOUNDED = frozenset({ValueKind.FREE_TEXT, ValueKind.TEXT, ValueKind.BYTES})
_encode = msgspec.msgpack.Encoder().encode

Rows = Sequence[Sequence[Any]]


class Checksum:
    """What rows add up to, whatever their order: databases have different ones.

    Attributes:
        rows: How many there were.
    """

    def __init__(self) -> None:
        self.rows, self._sum = 0, 0

    def add(self, rows: Rows) -> None:
        """Add rows of plain values."""
        self.rows += len(rows)
        self._sum += sum(int.from_bytes(blake2b(_encode(row), digest_size=16).digest(), "big") for row in rows)

    @property
    def text(self) -> str:
        """The sum, as 32 hexadecimal digits."""
        return f"{self._sum % (1 << 128):032x}"


class TableRows:
    """A table that is copied.

    Args:
        table: The table.

    Attributes:
        name: Its name.
        sequence: The column that the database numbers; None if there is none.
        visible: Cells of free text that were made visible on their way into PostgreSQL.
    """

    def __init__(self, table: Table) -> None:
        self.name = table.name
        self._columns = [column for column in table.columns if (table.name, column.name) not in LEFT_COLUMNS]
        self._kinds = [kind_of(column) for column in self._columns]
        self._sized = [number for number, kind in enumerate(self._kinds) if kind in _UNBOUNDED]
        self._keys = [number for number, column in enumerate(self._columns) if column.primary_key]
        self.sequence = next((column.name for column in table.primary_key if column.autoincrement is True), None)
        left = [(column, row) for (of, column), row in LEFT_ROWS.items() if of == table.name]
        self._where = "".join(f" WHERE {column} <> '{row}'" for column, row in left)
        self.visible = 0

    def count(self, connection: Connection) -> int:
        """How many of its rows are copied."""
        quoted = self._quoted(connection)
        return int(connection.exec_driver_sql(f"SELECT count(*) FROM {quoted}{self._where}").scalar_one())

    def clear(self, connection: Connection) -> None:
        """Delete the rows with which a database begins."""
        connection.exec_driver_sql(f"DELETE FROM {self._quoted(connection)}{self._where}")

    def read(self, connection: Connection) -> Iterator[Rows]:
        """Its rows as plain values, some at a time, in the order of their keys; raises StoreError for a cell that is none."""
        read, plain = (_sqlite_rows, from_sqlite) if _is_sqlite(connection) else (self._postgres_rows, from_postgres)
        keys = ", ".join(_name(connection, self._columns[number]) for number in self._keys)
        names = ", ".join(_name(connection, column) for column in self._columns)
        select = f"SELECT {names} FROM {self._quoted(connection)}{self._where} ORDER BY {keys}"
        driver: Any = connection.connection.driver_connection
        for rows in self._some(read(driver, select)):
            yield self._converted(rows, plain)

    def write(self, connection: Connection, given: Iterable[Rows], digest: Checksum) -> None:
        """Write rows of plain values, and add to a digest what was written; raises StoreError for one that is not taken."""
        driver: Any = connection.connection.driver_connection
        names = ", ".join(_name(connection, column) for column in self._columns)
        into = f"{self._quoted(connection)} ({names})"
        if _is_sqlite(connection):
            marks = ", ".join("?" for _ in self._columns)
            for rows in given:
                digest.add(rows)
                driver.executemany(f"INSERT INTO {into} VALUES ({marks})", rows).close()
            return
        # https://www.psycopg.org/psycopg3/docs/basic/copy.html
        with driver.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types([WIRE[kind] for kind in self._kinds])
            for rows in given:
                shown = self._converted(rows, self._visible)
                digest.add(shown)
                for row in self._converted(shown, to_postgres):
                    copy.write_row(row)

    def _visible(self, kind: ValueKind, cells: Cells) -> Cells:
        if kind is not ValueKind.FREE_TEXT:
            return cells
        shown, changed = made_visible(cells)
        self.visible += changed
        return shown

    def _postgres_rows(self, driver: Any, select: str) -> Iterator[Sequence[Any]]:  # noqa: ANN401 - psycopg is optional
        with driver.cursor() as cursor, cursor.copy(f"COPY ({select}) TO STDOUT (FORMAT BINARY)") as copy:
            copy.set_types([WIRE[kind] for kind in self._kinds])
            yield from copy.rows()

    def _some(self, given: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
        """Rows, so many at a time as memory has room for however large they are."""
        rows: list[Sequence[Any]] = []
        size = 0
        for row in given:
            rows.append(row)
            for number in self._sized:
                size += len(row[number] or ())
            if size >= _MOST_BYTES or len(rows) >= _MOST_ROWS:
                yield rows
                rows, size = [], 0
        if rows:
            yield rows

    def _converted(self, rows: Rows, convert: Callable[[ValueKind, Cells], Cells]) -> Rows:
        # Column by column: one call a cell that needs one, and none for the others.
        columns = []
        for column, kind, cells in zip(self._columns, self._kinds, zip(*rows, strict=True), strict=True):
            try:
                columns.append(convert(kind, cells))
            except ValueRefusedError as error:
                key = ", ".join(f"{self._columns[n].name} {rows[error.row][n]!r:.80}" for n in self._keys)
                raise StoreError(
                    f"table {self.name}, row of {key}: its column {column.name} cannot be copied: {as_sentence(error)} Correct or delete "
                    "that row first; the database that it is in was not changed."
                ) from None
        return list(zip(*columns, strict=True))

    def _quoted(self, connection: Connection) -> str:
        return connection.dialect.identifier_preparer.quote(self.name)


def _sqlite_rows(driver: sqlite3.Connection, select: str) -> Iterator[Sequence[Any]]:
    cursor = driver.execute(select)
    try:
        yield from cursor
    finally:
        cursor.close()


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _name(connection: Connection, column: Column[Any]) -> str:
    return connection.dialect.identifier_preparer.quote(column.name)
