"""What people have asked for: who, when, what and why."""

from penstock.model.access.permission import Permission
from penstock.model.history.audit import AuditEntry
from penstock.service.installation import Installation
from penstock.service.names import find_dag
from penstock.service.operations.operation import operation
from penstock.service.operations.page import Page, PagedList, PageSize

_ENTRIES = PagedList("audit", int)


@operation("GET", "/audit", needs=Permission.AUDIT_READ)
def list_audit(
    installation: Installation, *, dag_id: str = "", run_id: str = "", after: str = "", limit: PageSize = 50
) -> Page[AuditEntry]:
    """List a page of what was asked for, newest first: of a DAG, of one of its runs, or of all if ``dag_id`` is empty.

    Raises:
        NotFoundError: There is no such DAG.
        PageError: No page ended with ``after``.
        StoreError: The database failed.
    """
    store = installation.store
    found = store.audit.page(dag_id=dag_id, run_id=run_id, before=_ENTRIES.key(after), limit=limit + 1)
    if dag_id and not found:  # entries outlive their DAG
        find_dag(store, dag_id)
    return _ENTRIES.page(found, limit, lambda entry: entry.number)
