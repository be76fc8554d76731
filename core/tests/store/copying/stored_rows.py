"""Rows for every table, made from the tables themselves: a table that is added tomorrow is in it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import insert, select
from sqlalchemy.types import BigInteger, Boolean, Float, Integer, LargeBinary

from penstock.store.sql import scheduler_tables
from penstock.store.sql.column_types import Enumerated, Instant, Json
from penstock.store.sql.database import Database

TABLES = scheduler_tables.scheduler.metadata.sorted_tables
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
AT = datetime(2026, 1, 1, tzinfo=UTC)


def values(column):
    """A strategy for what a column may hold: its type's own bounds, and what is odd within them."""
    kind = column.type
    if isinstance(kind, Instant):
        found = st.datetimes(timezones=st.just(UTC))
    elif isinstance(kind, Enumerated):
        found = st.sampled_from(list(kind.members))
    elif isinstance(kind, Json):
        found = st.recursive(
            st.none() | st.booleans() | st.integers(-9, 9) | TEXT, lambda each: st.lists(each, max_size=3), max_leaves=4
        )
    elif isinstance(kind, LargeBinary):
        found = st.binary(max_size=20)
    elif isinstance(kind, Boolean):
        found = st.booleans()
    elif isinstance(kind, Float):
        found = st.floats(allow_nan=False)
    elif isinstance(kind, BigInteger):
        found = st.integers(-(1 << 63), (1 << 63) - 1)
    elif isinstance(kind, Integer):
        found = st.integers(-(1 << 31), (1 << 31) - 1)
    else:
        found = TEXT
    return st.none() | found if column.nullable else found


@st.composite
def installations(draw):
    """Some rows of each table, by its name; each points to rows that are there, and has keys of its own."""
    made: dict[str, list[dict[str, Any]]] = {}
    for table in TABLES:
        rows = made[table.name] = []
        for ordinal in range(draw(st.integers(1, 3))):
            row = {column.name: draw(values(column)) for column in table.columns}
            for column in table.columns:
                _make_own(row, column, ordinal)
                for key in column.foreign_keys:
                    parents = made[key.column.table.name]
                    row[column.name] = parents[ordinal % len(parents)][key.column.name]
            if not any(all(row[c.name] == other[c.name] for c in table.primary_key) for other in rows):
                rows.append(row)
    made["meta"] = [row for row in made["meta"] if row["key"] != "schema_floor"]
    return made


def _make_own(row, column, ordinal):
    """Tell rows of a table apart where it must be possible, by key or by any index that may be unique."""
    value = row[column.name]
    if column.foreign_keys or value is None:
        return
    if isinstance(value, str) and not isinstance(column.type, Enumerated | Json):
        row[column.name] = f"{value}{ordinal}"
    elif isinstance(value, bytes):
        row[column.name] = value + bytes([ordinal])
    elif column.primary_key and type(value) is int:
        row[column.name] = (value & 0xFFFF) * 4 + ordinal
    elif column.primary_key and isinstance(value, datetime):
        row[column.name] = AT + timedelta(ordinal)


def put(url, made):
    """Write rows as they are into a database that has the tables."""
    database = Database(url)
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM pool")
        for table in TABLES:
            if made[table.name]:
                connection.execute(insert(table), made[table.name])
    database.close()


def everything(url):
    """Every row of every table, as the columns' types read it."""
    database = Database(url)
    with database.read() as connection:
        found = {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr) for table in TABLES
        }
    database.close()
    return found
