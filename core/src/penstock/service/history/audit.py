"""What people have asked for: who, when, what and why."""

from datetime import datetime

from penstock.model.access.permission import Permission
from penstock.model.history.audit import AuditAction, AuditEntry
from penstock.service.installation import Installation
from penstock.service.names import find_dag_state
from penstock.service.operations.operation import operation
from penstock.service.operations.page import Page, PagedList, PageSize

_ENTRIES = PagedList("audit", int)


@operation("GET", "/audit", needs=Permission.AUDIT_READ)
def list_audit(  # noqa: PLR0913 - one argument a filter
    installation: Installation,
    *,
    dag_id: str = "",
    run_id: str = "",
    person: str = "",
    action: AuditAction | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after: str = "",
    limit: PageSize = 50,
) -> Page[AuditEntry]:
    """List a page of what was asked for, newest first: of a DAG, of one of its runs, or of all if ``dag_id`` is empty.

    Args:
        installation: The installation.
        dag_id: Only of this DAG; "" for all.
        run_id: Only of this run; "" for all.
        person: Only what this person asked for; "" for all.
        action: Only this.
        since: Only what was asked for at this instant or later.
        until: Only what was asked for before this instant.
        after: ``next`` of the page before; "" for the first page.
        limit: Length of the page.

    Raises:
        NotFoundError: There is no such DAG.
        PageError: No page ended with ``after``.
        StoreError: The database failed.
    """
    store = installation.store
    found = store.audit.page(
        dag_id=dag_id, run_id=run_id, person=person, action=action, since=since, until=until,
        before=_ENTRIES.key(after), limit=limit + 1,
    )  # fmt: skip
    if dag_id and not found:  # entries outlive their DAG
        find_dag_state(store, dag_id)
    return _ENTRIES.page(found, limit, lambda entry: entry.number)
