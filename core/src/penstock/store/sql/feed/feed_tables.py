"""The tables of the change feed. See `penstock.store.sql.tables`."""

from sqlalchemy import Boolean, Column, Integer, LargeBinary, Table, Text

from penstock.store.sql.column_types import Instant
from penstock.store.sql.partial_index import partial
from penstock.store.sql.tables import NUMBER, metadata

feed = Table(
    "feed",
    metadata,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    # What orders commits where several write at once: a number is given when a row is written, not when it is committed.
    Column("xid", NUMBER, nullable=False),
    Column("at", Instant, nullable=False),
    Column("size", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    # SQLite needs none, and has it empty: there a transaction ends before the next one begins, and all have the number 0.
    partial("feed_order", "xid", "number", where="xid > 0"),
    sqlite_autoincrement=True,
)

feed_floor = Table(
    "feed_floor",
    metadata,
    Column("feed", Integer, primary_key=True, autoincrement=False),
    Column("database", Text, nullable=False),
    Column("xid", NUMBER, nullable=False),
    Column("number", NUMBER, nullable=False),
    Column("watched", Boolean, nullable=False),
    Column("watched_until", Instant, nullable=False),
)
"""One row, made when somebody looks on for the first time: which feed it is, the last row that was dropped, and whether, and until when,
it is written."""
