"""The table of what tasks and assets keep from run to run. See `penstock.store.sql.tables`."""

from sqlalchemy import Column, LargeBinary, Table, Text, UniqueConstraint

from penstock.store.sql.column_types import FreeText, Instant, Name
from penstock.store.sql.tables import NUMBER, metadata

kept_state = Table(
    "kept_state",
    metadata,
    # A number is never given twice, so that it says whether a value is still the one that was read.
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("dag_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("key", Name, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("changed_by", FreeText, nullable=False, server_default=""),
    UniqueConstraint("dag_id", "name", "key", name="kept_state_key"),
    sqlite_autoincrement=True,
)
"""``dag_id`` and ``name`` are a task's, or "" and an asset's URI."""
