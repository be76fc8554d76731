"""What people have asked for, newest first; an entry is written in the transaction of what was asked for."""

from datetime import datetime

from sqlalchemy import delete, select

from penstock.model.history.audit import AuditEntry
from penstock.store.sql import tables
from penstock.store.sql.access.audit_table import audit
from penstock.store.sql.database import Database
from penstock.store.transaction import Writer

_a = audit.c
ENTRIES = select(*tables.columns(audit, AuditEntry)).order_by(_a.number.desc())


class Audit:
    """Reads what was asked for. Every method raises StoreError if the database cannot serve."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database, self._writer = database, writer

    def page(
        self, *, dag_id: str = "", run_id: str = "", before: int | None = None, limit: int = 50
    ) -> list[AuditEntry]:
        """A page of entries, newest first.

        Args:
            dag_id: Only of this DAG, if it is not empty.
            run_id: Only of this run, if it is not empty.
            before: Only entries with a smaller number.
            limit: How many at most.
        """
        query = ENTRIES.limit(limit)
        if dag_id:
            query = query.where(_a.dag_id == dag_id)
        if run_id:
            query = query.where(_a.run_id == run_id)
        if before is not None:
            query = query.where(_a.number < before)
        with self._database.read() as connection:
            return [AuditEntry(*row) for row in connection.execute(query)]

    def delete_before(self, before: datetime) -> int:
        """Delete the entries of before an instant; returns how many there were."""
        with self._writer.transaction() as tx:
            return tx.execute(delete(audit).where(_a.at < before)).rowcount
