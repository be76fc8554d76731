"""The tables of those who schedule: their leases, and what they are lent of limits. See `penstock.store.sql.tables`."""

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, Table, Text, text

from penstock.store.sql.column_types import Instant
from penstock.store.sql.tables import NUMBER, metadata

scheduler = Table(
    "scheduler",
    metadata,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("incarnation", Text, nullable=False),
    Column("holder", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("since", Instant, nullable=False),
    Column("place", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("fenced_at", Instant),
    Column("runs_on_s", Float, nullable=False),
    Column("draining_since", Instant),
    Column("watched", Boolean, nullable=False, server_default=text("false")),
    sqlite_autoincrement=True,
)

share = Table(
    "share",
    metadata,
    Column("limited", Text, primary_key=True),
    Column("scheduler", NUMBER, primary_key=True, autoincrement=False),
    Column("amount", BigInteger, nullable=False),
    Column("needed", BigInteger, nullable=False),
    Column("largest", BigInteger, nullable=False),
    Column("served_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
