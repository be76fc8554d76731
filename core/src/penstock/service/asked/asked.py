"""What became of what a person has asked the scheduler for."""

import msgspec

from penstock.errors import NotFoundError
from penstock.model.history.audit import AuditEntry
from penstock.model.request import Request
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation


class Asked(msgspec.Struct, frozen=True):
    """Requests that the scheduler was sent together.

    Attributes:
        number: Of who asks in the audit, by which what becomes of them is asked for.
    """

    number: int


class AskedState(msgspec.Struct, frozen=True):
    """What became of requests.

    Attributes:
        handled: Whether the scheduler has come to all of them.
        set_aside: Why one of them could not be carried out and is in quarantine; "" if none is.
        scheduled: Whether a scheduler works, without which they wait.
    """

    handled: bool
    set_aside: str
    scheduled: bool


def ask(installation: Installation, requests: tuple[Request, ...], *audit: AuditEntry) -> Asked:
    """Send requests to the scheduler in one transaction, and keep who asks; raises StoreError."""
    return Asked(installation.store.requests.submit_all(requests, audit[0].at, audit))


@operation("GET", "/requests/{number}", needs=None)
def asked_state(installation: Installation, number: int) -> AskedState:
    """Tell what became of what was asked for: whoever has asked for it.

    Args:
        installation: The installation.
        number: The number that was told then.

    Raises:
        NotFoundError: Whoever asks now has asked for nothing of this number, or that is longer ago than the audit is kept.
        StoreError: The database failed.
    """
    store = installation.store
    entry = store.audit.get(number)
    if entry is None or (installation.limited and entry.person != installation.principal.name):
        raise NotFoundError("request", str(number))
    handled = store.requests.handled(number)
    return AskedState(handled, store.quarantine.reason_of(number) if handled else "", installation.scheduler_runs)
