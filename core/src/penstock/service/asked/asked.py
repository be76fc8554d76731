"""What became of what a person has asked the scheduler for."""

from datetime import datetime

import msgspec

from penstock.model.history.audit import AuditEntry
from penstock.model.history.quarantine import QuarantineKind
from penstock.model.request import Request, encode
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation


class Asked(msgspec.Struct, frozen=True):
    """Requests that the scheduler was sent together.

    Attributes:
        number: They are handled once the request of this number is, and all before it.
        at: When they were sent.
    """

    number: int
    requests: tuple[Request, ...]
    at: datetime


def ask(installation: Installation, requests: tuple[Request, ...], *audit: AuditEntry) -> Asked:
    """Send requests to the scheduler in one transaction, and keep who asks; raises StoreError."""
    now = audit[0].at
    return Asked(installation.store.requests.submit_all(requests, now, audit), requests, now)


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


@operation("POST", "/requests/state", needs=None, reads=True)
def asked_state(installation: Installation, asked: Asked) -> AskedState:
    """Tell what became of what was asked for; nothing is changed. Raises StoreError."""
    handled = installation.store.requests.handled(asked.number)
    return AskedState(handled, _why_set_aside(installation, asked) if handled else "", installation.scheduler_runs)


def _why_set_aside(installation: Installation, asked: Asked) -> str:
    """Why one of the requests could not be carried out and is in quarantine; "" if none is. Raises StoreError."""
    bodies = {encode(request) for request in asked.requests}
    for thing in installation.store.quarantine.all():
        if thing.kind is QuarantineKind.REQUEST and thing.body in bodies and thing.at >= asked.at:
            return thing.reason
    return ""
