"""The schedulers that work on an installation's database."""

from datetime import datetime

import msgspec

from penstock.model.access.permission import Permission
from penstock.model.text import counted
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation
from penstock.store import Holder


class SchedulerRow(msgspec.Struct, frozen=True):
    """A scheduler whose lease has not ended.

    Attributes:
        name: What it calls itself.
        host: Name of its machine.
        pid: Its process there.
        dags: How many DAGs it owns; None if it has all that there are (SQLite).
        draining_since: Since when it begins no try any more, because it is about to end; None if it is not.
    """

    name: str
    host: str
    pid: int
    since: datetime
    dags: int | None
    draining_since: datetime | None


@operation("GET", "/schedulers", needs=Permission.INSTALLATION_READ)
def list_schedulers(installation: Installation) -> list[SchedulerRow]:
    """Who schedules now, in the order in which they joined; raises StoreError."""
    role = installation.store.role
    found: list[tuple[Holder, int | None]] = [*role.owners()] or [(holder, None) for holder in role.holders()]
    return [
        SchedulerRow(each.holder, each.host, each.pid, each.since, dags, each.draining_since) for each, dags in found
    ]


@operation("GET", "/schedulers/any", needs=None)
def is_scheduled(installation: Installation) -> bool:
    """Tell whether a scheduler works, without which requests wait; raises StoreError."""
    return installation.scheduler_runs


def described(row: SchedulerRow, *, alone: bool) -> str:
    """A scheduler as a sentence has it, with the DAGs that it owns unless it is alone."""
    more = "" if alone or row.dags is None else f", with {counted(row.dags, 'DAG')}"
    if row.draining_since is not None:
        more += f", drained since {row.draining_since:%Y-%m-%d %H:%M:%S} UTC: it begins no try, and ends once those that run have ended"
    return f"{row.name}, scheduler process {row.pid} on {row.host}, since {row.since:%Y-%m-%d %H:%M:%S} UTC{more}"
