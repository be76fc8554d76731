"""The table of what people have asked for. See `penstock.store.sql.tables`."""

from typing import Any

import msgspec
from sqlalchemy import Column, Index, Table, Text

from penstock.model.history.audit import AuditAction, AuditEntry
from penstock.model.values.address_secrets import without_url_secrets
from penstock.store.sql.column_types import Enumerated, FreeText, Instant, Name
from penstock.store.sql.tables import NUMBER, metadata


def _free_text(name: str) -> Column[str]:
    return Column(name, FreeText, nullable=False, server_default="")


audit = Table(
    "audit",
    metadata,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("action", Enumerated(AuditAction), nullable=False),
    Column("dag_id", Text, nullable=False),
    Column("run_id", Name, nullable=False, server_default=""),
    *map(_free_text, ("subject", "person", "why", "source", "before", "after")),
    Index("audit_dag", "dag_id", "number"),
    sqlite_autoincrement=True,
)


def row_of(entry: AuditEntry) -> dict[str, Any]:
    """The columns of an entry that is not stored yet."""
    row = {name: value for name, value in msgspec.structs.asdict(entry).items() if name != "number"}
    return row | {"why": without_url_secrets(entry.why)}  # people paste what failed, with the password in it
