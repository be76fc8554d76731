"""The numbers that a database gives to rows: none that was given before is given again, though its row may be deleted."""

from sqlalchemy import Connection, text

from penstock.store.copying.table_rows import TableRows

_SEQUENCE = text("SELECT pg_get_serial_sequence(:table, :column)")
_SET = text("SELECT setval(CAST(:sequence AS regclass), greatest(:number, 1), :number > 0)")


def number_given(connection: Connection, table: TableRows) -> int:
    """The highest number that a database has given to a row of a table; 0 if none, or if it numbers no rows."""
    if table.sequence is None:
        return 0
    quoted = connection.dialect.identifier_preparer.quote(table.name)
    highest = connection.exec_driver_sql(f"SELECT coalesce(max({table.sequence}), 0) FROM {quoted}").scalar_one()
    if connection.dialect.name == "sqlite":
        given = connection.execute(
            text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table.name}
        ).scalar()
    else:
        sequence = _sequence(connection, table, quoted)
        given = connection.exec_driver_sql(
            f"SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM {sequence}"
        ).scalar()
    return max(int(highest), int(given or 0))


def set_number(connection: Connection, table: TableRows, number: int) -> None:
    """Have a database give higher numbers than this one to rows of a table."""
    if table.sequence is None:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
        connection.execute(
            text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :number)"),
            {"name": table.name, "number": number},
        )
    else:
        quoted = connection.dialect.identifier_preparer.quote(table.name)
        connection.execute(_SET, {"sequence": _sequence(connection, table, quoted), "number": number})


def _sequence(connection: Connection, table: TableRows, quoted: str) -> str:
    found: str = connection.execute(_SEQUENCE, {"table": quoted, "column": table.sequence}).scalar_one()
    return found
