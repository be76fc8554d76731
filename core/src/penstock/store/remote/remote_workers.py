"""The workers that have said something lately."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, func, select, text, update

from penstock.errors import NotFoundError
from penstock.model.remote.remote_try import RemoteState, RemoteWorker, WorkerStatus, WorkerTask
from penstock.store.remote.remote_tries import REMOTE, WORKERS
from penstock.store.sql.database import Database
from penstock.store.sql.remote.remote_tables import remote_try, remote_worker
from penstock.store.transaction import Transaction, Writer

FORGET_AFTER = timedelta(days=1)
"""Time after which a silent worker of an executor that no scheduler has is forgotten; others are by their scheduler."""
_w = remote_worker.c
_WORKER = (
    _w.worker, _w.executor, _w.queues, _w.host, _w.version, _w.slots, _w.running, _w.draining, _w.period_s, _w.done,
    _w.failed, _w.taken_s, _w.load, _w.drain_requested, _w.beats, _w.started_at, _w.seen_at,
)  # fmt: skip
ALL = select(*_WORKER).order_by(_w.executor, _w.worker)
OF_EXECUTOR = ALL.where(_w.executor == bindparam("executor"))
DRAIN = update(remote_worker).where(_w.worker == bindparam("of")).values(drain_requested=True)
DRAIN_REQUESTED = select(_w.worker).where(_w.drain_requested.is_(True))
_t = remote_try.c
TASKS = (
    select(_t.worker, _t.dag_id, _t.run_id, _t.task_id, _t.map_index, _t.claimed_at)
    .where(_t.worker != "", _t.state == RemoteState.CLAIMED)
    .order_by(_t.claimed_at, _t.name)
)
HELD = select(_t.worker, func.count()).where(_t.worker != "", _t.state == RemoteState.CLAIMED).group_by(_t.worker)
FORGET = delete(remote_worker).where(_w.worker.in_(bindparam("workers", expanding=True)))
FORGET_SILENT = delete(remote_worker).where(_w.seen_at < bindparam("before"), _w.drain_requested.is_(False))
# In text for the reason of `penstock.store.transaction.INSERT_RUN`.
RENEW = text(
    "INSERT INTO remote_worker (worker, executor, queues, host, version, slots, running, draining, drain_requested, beats, period_s, "
    "done, failed, taken_s, load, started_at, seen_at) VALUES (:worker, :executor, :queues, :host, :version, :slots, :running, :draining, "
    ":drain_asked, 1, :period_s, :done, :failed, :taken_s, :load, :at, :at) ON CONFLICT (worker) DO UPDATE SET "
    "queues = excluded.queues, host = excluded.host, version = excluded.version, "
    "slots = excluded.slots, running = excluded.running, draining = excluded.draining, period_s = excluded.period_s, "
    "done = excluded.done, failed = excluded.failed, taken_s = excluded.taken_s, load = excluded.load, "
    "seen_at = excluded.seen_at, beats = remote_worker.beats + 1 RETURNING drain_requested, beats"
).bindparams(
    bindparam("at", type_=_w.seen_at.type),
    bindparam("draining", type_=_w.draining.type),
    bindparam("drain_asked", value=False, type_=_w.drain_requested.type),
)


class RemoteWorkers:
    """Reads and writes them. Every method raises StoreError if the database cannot serve."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database, self._writer = database, writer

    def renew(self, status: WorkerStatus, now: datetime) -> bool:
        """Note that a worker lives, and what it says of itself; whether it is told to drain."""
        row = {
            "worker": status.worker, "executor": status.executor, "queues": " ".join(status.queues), "host": status.host,
            "version": status.version, "slots": status.slots, "running": status.running, "draining": status.draining,
            "period_s": status.period_s, "done": status.done, "failed": status.failed, "taken_s": status.taken_s, "load": status.load,
            "at": now,
        }  # fmt: skip
        with self._writer.transaction() as tx:
            found = tx.execute(RENEW, row).one()
            if found.beats == 1:
                tx.execute(FORGET_SILENT, {"before": now - FORGET_AFTER})
            if found.beats == 1 or status.draining:  # its slots are new, or are no more
                tx.wake(REMOTE)
        return bool(found.drain_requested)

    def drain_requested(self) -> set[str]:
        """The workers that are told to take no try any more."""
        with self._database.read() as connection:
            return set(connection.execute(DRAIN_REQUESTED).scalars())

    def all(self, executor: str = "") -> list[RemoteWorker]:
        """The workers of one executor, or of all."""
        with self._database.read() as connection:
            rows = connection.execute(OF_EXECUTOR, {"executor": executor}) if executor else connection.execute(ALL)
            return [
                RemoteWorker(WorkerStatus(worker, of, tuple(queues.split()), *status), *known)
                for worker, of, queues, *status, drain_requested, beats, started_at, seen_at in rows
                for known in [(drain_requested, beats, started_at, seen_at)]
            ]

    def tasks(self) -> list[WorkerTask]:
        """The task instances whose tries workers have, the longest first."""
        with self._database.read() as connection:
            return [WorkerTask(*row) for row in connection.execute(TASKS)]

    def held(self) -> dict[str, int]:
        """How many tries each worker has by what is stored; one that has none is left out."""
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(HELD)}

    def drain(self, tx: Transaction, worker: str) -> None:
        """Have a worker take no try any more, and end when those that it has have ended; raises NotFoundError."""
        if not tx.execute(DRAIN, {"of": worker}).rowcount:
            raise NotFoundError("worker", worker, [each.status.worker for each in self.all()])
        tx.wake(WORKERS)

    def forget(self, workers: Collection[str]) -> None:
        """Forget workers that have left, or that have been silent for long."""
        if workers:
            with self._writer.transaction() as tx:
                tx.execute(FORGET, {"workers": list(workers)})
                tx.wake(REMOTE)
