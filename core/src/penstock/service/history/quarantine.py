"""Operations on what the scheduler could not handle and has put aside: list, retry, drop."""

from penstock.model.access.permission import Permission
from penstock.model.history.audit import NOBODY, AskedBy, AuditAction
from penstock.model.history.quarantine import Quarantined
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation
from penstock.service.operations.page import Page, PagedList, PageSize

_THINGS = PagedList("quarantine", int)


@operation("GET", "/quarantine", needs=Permission.INSTALLATION_WRITE)
def list_quarantine(installation: Installation, *, after: str = "", limit: PageSize = 200) -> Page[Quarantined]:
    """List a page of what is in quarantine, oldest first; raises PageError or StoreError."""
    found = installation.store.quarantine.page(after=_THINGS.key(after) or 0, limit=limit + 1)
    return _THINGS.page(found, limit, lambda thing: thing.number)


@operation("POST", "/quarantine/{number}/retry", needs=Permission.INSTALLATION_WRITE)
def retry_quarantined(installation: Installation, number: int, *, by: AskedBy = NOBODY) -> Quarantined:
    """Have the scheduler take a request or a DAG up again.

    Raises:
        NotFoundError: Nothing of this number is in quarantine.
        RequestError: It is a try or a run, which has failed by now.
        StoreError: The database failed.
    """
    now = installation.now()
    entry = by.entry(now, AuditAction.SETTLE, subject=f"quarantine {number}", after="tried again")
    return installation.store.quarantine.retry(number, now, entry)


@operation("DELETE", "/quarantine/{number}", needs=Permission.INSTALLATION_WRITE)
def drop_quarantined(installation: Installation, number: int, *, by: AskedBy = NOBODY) -> Quarantined:
    """Forget something that is in quarantine.

    Raises:
        NotFoundError: Nothing of this number is in quarantine.
        RequestError: It is a DAG, which stays there until it is retried or changed.
        StoreError: The database failed.
    """
    entry = by.entry(installation.now(), AuditAction.SETTLE, subject=f"quarantine {number}", after="dropped")
    return installation.store.quarantine.drop(number, entry)
