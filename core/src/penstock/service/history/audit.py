"""What people have asked for: who, when, what and why."""

import msgspec

from penstock.model.access.permission import Permission
from penstock.model.history.audit import AuditEntry
from penstock.service.installation import Installation
from penstock.service.names import find_dag
from penstock.service.operations.operation import operation
from penstock.service.operations.page import PageSize


class AuditPage(msgspec.Struct, frozen=True):
    """A page of entries, newest first.

    Attributes:
        before: What to pass for the next page; None if this is the last.
    """

    entries: list[AuditEntry]
    before: int | None


@operation("GET", "/audit", needs=Permission.AUDIT_READ)
def list_audit(
    installation: Installation, *, dag_id: str = "", run_id: str = "", before: int | None = None, limit: PageSize = 50
) -> AuditPage:
    """List a page of what was asked for, of a DAG, of one of its runs, or of all if ``dag_id`` is empty.

    Raises:
        NotFoundError: There is no such DAG.
        StoreError: The database failed.
    """
    store = installation.store
    found = store.audit.page(dag_id=dag_id, run_id=run_id, before=before, limit=limit + 1)
    if dag_id and not found:  # entries outlive their DAG
        find_dag(store, dag_id)
    more = len(found) > limit
    return AuditPage(found[:limit], found[limit - 1].number if more else None)
