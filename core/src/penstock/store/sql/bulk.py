"""Statements for many rows at once, fast: the scheduler writes tens of thousands of rows a second.

They are text, built once from the tables, because SQLAlchemy's own work for each row costs more than the database's:
SQLite takes the rows one by one within one statement; PostgreSQL takes all rows of a table as one JSON text, which it
parses faster than Python prepares anything else, in one round trip.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.exc import DBAPIError

from penstock.errors import DataRefusedError
from penstock.store.sql.column_types import encoder
from penstock.store.sql.driver_errors import first_line, refuses_data


class BulkStatement:
    """A statement for many rows of values of Python, as text for one dialect.

    Args:
        dialect: Of the database.
        table: Whose columns the rows have.
        names: The columns, in the order of the rows' values.
        sqlite: The statement with a ``?`` for each column.
        postgres: The statement over the rows of one JSON text.
    """

    def __init__(self, dialect: Dialect, table: Table, names: Sequence[str], sqlite: str, postgres: str) -> None:
        self._table, self._names = table, names
        self._postgres = dialect.name == "postgresql"
        self._sql = postgres if self._postgres else sqlite
        marks = ", ".join("?" for _ in names)
        self._echo = f"SELECT * FROM {given_rows(dialect, table, names)}" if self._postgres else f"SELECT {marks}"
        self._encoders = [encoder(table.c[name], dialect) for name in names]

    def blame(self, connection: Connection, rows: Sequence[Sequence[Any]], error: Exception) -> None:
        """Raise DataRefusedError if an error of the transaction, which is over, was about one of these rows."""
        refused = self._refused(connection, rows) if refuses_data(error) else None
        if refused is not None:
            detail = first_line(error.orig if isinstance(error, DBAPIError) else error)
            raise DataRefusedError(detail, table=self._table.name, key=refused) from error

    def run(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> None:
        """Carry it out for each row; the same key must not appear twice."""
        self._execute(connection, self._sql, self._encoded(rows))

    def _encoded(self, rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
        # Column by column: one Python call a cell that needs one, and none for the others.
        columns = [
            cells if encode is None else map(encode, cells)
            for encode, cells in zip(self._encoders, zip(*rows, strict=True), strict=True)
        ]
        return list(zip(*columns, strict=True))

    def _execute(self, connection: Connection, sql: str, encoded: Sequence[tuple[Any, ...]]) -> None:
        if self._postgres:
            document = [dict(zip(self._names, row, strict=True)) for row in encoded]
            connection.exec_driver_sql(sql, (msgspec.json.encode(document).decode(),))
        else:
            connection.exec_driver_sql(sql, list(encoded) if len(encoded) > 1 else encoded[0])

    def _refused(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> dict[str, Any] | None:
        """The key of the first row whose values the database does not even echo; None if it echoes all.

        The statement that failed has ended the transaction, so the values are asked for one row at a time, outside of
        the table: which of them are refused does not depend on what else was written.
        """
        for row in rows:
            connection.rollback()
            try:
                self._execute(connection, self._echo, self._encoded([row]))
            except (DBAPIError, ValueError, OverflowError) as error:
                if refuses_data(error):
                    values = dict(zip(self._names, row, strict=True))
                    return {c.name: values[c.name] for c in self._table.primary_key if c.name in values}
                raise
        return None


def insert(dialect: Dialect, table: Table, names: Sequence[str]) -> BulkStatement:
    """Insert rows, in their order, into a table that numbers them itself."""
    into = f"INSERT INTO {_quoted(dialect, table)} ({', '.join(names)})"
    marks = ", ".join("?" for _ in names)
    return BulkStatement(
        dialect, table, names, f"{into} VALUES ({marks})", f"{into} SELECT * FROM {given_rows(dialect, table, names)}"
    )


def upsert(dialect: Dialect, table: Table, names: Sequence[str]) -> BulkStatement:
    """Insert rows, or update every column of those whose primary key exists."""
    keys = [column.name for column in table.primary_key]
    updates = ", ".join(f"{name} = excluded.{name}" for name in names if name not in keys)
    ending = f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {updates}"
    into = f"INSERT INTO {_quoted(dialect, table)} ({', '.join(names)})"
    marks = ", ".join("?" for _ in names)
    return BulkStatement(
        dialect,
        table,
        names,
        f"{into} VALUES ({marks}) {ending}",
        f"{into} SELECT * FROM {given_rows(dialect, table, names)} {ending}",
    )


def update(dialect: Dialect, table: Table, values: Sequence[str], keys: Sequence[str]) -> BulkStatement:
    """Update the columns ``values`` of the rows named by ``keys``; a row holds the values, then the keys."""
    target = _quoted(dialect, table)
    sets = ", ".join(f"{name} = ?" for name in values)
    match = " AND ".join(f"{name} = ?" for name in keys)
    moves = ", ".join(f"{name} = given.{name}" for name in values)
    joins = " AND ".join(f"t.{name} = given.{name}" for name in keys)
    names = [*values, *keys]
    return BulkStatement(
        dialect,
        table,
        names,
        f"UPDATE {target} SET {sets} WHERE {match}",
        f"UPDATE {target} t SET {moves} FROM {given_rows(dialect, table, names)} WHERE {joins}",
    )


def delete(dialect: Dialect, table: Table, keys: Sequence[str]) -> BulkStatement:
    """Delete the rows named by ``keys``, which may be part of the primary key."""
    target = _quoted(dialect, table)
    match = " AND ".join(f"{name} = ?" for name in keys)
    joins = " AND ".join(f"t.{name} = given.{name}" for name in keys)
    return BulkStatement(
        dialect,
        table,
        keys,
        f"DELETE FROM {target} WHERE {match}",
        f"DELETE FROM {target} t USING {given_rows(dialect, table, keys)} WHERE {joins}",
    )


def given_rows(dialect: Dialect, table: Table, names: Iterable[str]) -> str:
    """PostgreSQL's view of the one parameter as rows."""
    types = ", ".join(f"{name} {table.columns[name].type.compile(dialect=dialect)}" for name in names)
    return f"json_to_recordset(%s::json) AS given({types})"


def _quoted(dialect: Dialect, table: Table) -> str:
    return dialect.identifier_preparer.quote(table.name)
