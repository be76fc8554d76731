"""What people have asked for, newest first; an entry is written in the transaction of what was asked for."""

from datetime import datetime

from sqlalchemy import delete, select

from penstock.model.history.audit import AuditAction, AuditEntry
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

    def page(  # noqa: PLR0913 - one argument a filter
        self,
        *,
        dag_id: str = "",
        run_id: str = "",
        person: str = "",
        action: AuditAction | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[AuditEntry]:
        """A page of entries, newest first.

        Args:
            dag_id: Only of this DAG, if it is not empty.
            run_id: Only of this run, if it is not empty.
            person: Only what this person asked for, if it is not empty.
            action: Only this, if it is not None.
            since: Only of this instant or later.
            until: Only of before this instant.
            before: Only entries with a smaller number.
            limit: How many at most.
        """
        query = ENTRIES.limit(limit)
        for column, wanted in ((_a.dag_id, dag_id), (_a.run_id, run_id), (_a.person, person), (_a.action, action)):
            if wanted:
                query = query.where(column == wanted)
        if since is not None:
            query = query.where(_a.at >= since)
        if until is not None:
            query = query.where(_a.at < until)
        if before is not None:
            query = query.where(_a.number < before)
        with self._database.read() as connection:
            return [AuditEntry(*row) for row in connection.execute(query).all()]

    def get(self, number: int) -> AuditEntry | None:
        """The entry of a number; None if there is none."""
        with self._database.read() as connection:
            row = connection.execute(ENTRIES.where(_a.number == number)).one_or_none()
        return None if row is None else AuditEntry(*row)

    def delete_before(self, before: datetime, limit: int) -> int:
        """Delete some entries of before an instant but those that tell of a deletion by a person; returns how many."""
        old = select(_a.number).where(_a.at < before, _a.action != AuditAction.PRUNE).order_by(_a.number).limit(limit)
        with self._database.read() as connection:
            numbers = list(connection.execute(old).scalars())
        if numbers:  # nobody waits for a look that finds nothing
            with self._writer.transaction() as tx:
                tx.execute(delete(audit).where(_a.number.in_(numbers)))
        return len(numbers)
