"""The workers of remote executors: who there is, and which are to take no try any more."""

from datetime import datetime

import msgspec

from penstock.model.access.permission import Permission
from penstock.model.history.audit import NOBODY, AskedBy, AuditAction
from penstock.model.remote.remote_try import RemoteWorker, WorkerTask
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation

MOST_TASKS = 1_000
"""Task instances that are named; of the others only the number is told."""


class WorkerRow(msgspec.Struct, frozen=True):
    """A worker that was heard of lately.

    Attributes:
        name: Its own, new at each start.
        executor: The executor whose tries it takes.
        queues: Whose tries it takes; none for one that was started for a ticket.
        host: Its machine.
        version: Of its core.
        slots: Tries that it runs at once.
        running: Tries that it has: what it said when it was last heard of, or is stored since.
        draining: Whether it takes no try any more, or was told to take none.
        done: Tries that have ended there since it began, as it said when it was last heard of.
        failed: Those of them that have failed.
        average_s: Seconds that each of them took; None before the first one.
        load: How many processes of its machine ran or waited for a processor, over a minute; None if that is not known.
        since: When it was first heard of.
        seen_at: When it was last heard of.
    """

    name: str
    executor: str
    queues: list[str]
    host: str
    version: str
    slots: int
    running: int
    draining: bool
    done: int
    failed: int
    average_s: float | None
    load: float | None
    since: datetime
    seen_at: datetime


@operation("GET", "/workers", needs=Permission.INSTALLATION_READ)
def list_workers(installation: Installation) -> list[WorkerRow]:
    """The workers of remote executors that were heard of lately; raises StoreError."""
    workers = installation.store.remote_workers
    held = workers.held()
    return [_row(each, held.get(each.status.worker, 0)) for each in workers.all()]


def _row(found: RemoteWorker, running: int) -> WorkerRow:
    status = found.status
    return WorkerRow(
        status.worker, status.executor, list(status.queues), status.host, status.version, status.slots, max(running, status.running),
        status.draining or found.drain_requested, status.done, status.failed,
        status.taken_s / status.done if status.done else None, status.load, found.started_at, found.seen_at,
    )  # fmt: skip


class WorkerTasks(msgspec.Struct, frozen=True):
    """What workers have.

    Attributes:
        tasks: Task instances whose tries they have, the longest first.
        unnamed: How many more there are: of DAGs that may not be seen, or behind the first `MOST_TASKS`.
    """

    tasks: tuple[WorkerTask, ...]
    unnamed: int


@operation("GET", "/workers/tasks", needs=Permission.INSTALLATION_READ)
def list_worker_tasks(installation: Installation) -> WorkerTasks:
    """List what workers have; of DAGs that may not be seen, only how many; raises StoreError."""
    found, seen = installation.store.remote_workers.tasks(), installation.seen_dags()
    visible = None if seen is None else frozenset(seen)
    named = tuple(each for each in found if visible is None or each.dag_id in visible)[:MOST_TASKS]
    return WorkerTasks(named, len(found) - len(named))


@operation("POST", "/workers/{name}/drain", needs=Permission.INSTALLATION_WRITE)
def drain_worker(installation: Installation, name: str, *, by: AskedBy = NOBODY) -> None:
    """Have a worker take no try any more, and leave when those that it has have ended.

    Args:
        installation: The installation.
        name: Of the worker.
        by: Who asks.

    Raises:
        NotFoundError: There is no such worker.
        StoreError: The database failed.
    """
    with installation.store.transaction() as tx:
        installation.store.remote_workers.drain(tx, name)
        tx.audit(by.entry(installation.now(), AuditAction.DRAIN, subject=f"worker {name}"))
