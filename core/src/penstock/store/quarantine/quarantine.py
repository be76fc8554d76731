"""What the scheduler could not handle: put aside in a transaction of its own, read and taken out by people."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from msgspec.structs import replace
from sqlalchemy import bindparam, delete, func, insert, select, update

from penstock.errors import NotFoundError, RequestError
from penstock.model.feed.delta import Delta
from penstock.model.history.audit import AuditEntry
from penstock.model.history.quarantine import Quarantined
from penstock.model.notice import Notice, RunStateChanged, TaskStateChanged
from penstock.model.request import DagChanged, decode
from penstock.model.run import Run, TaskInstance, TaskKey
from penstock.model.state import Outcome, RunState, TaskState
from penstock.store.quarantine.unreadable import make_readable
from penstock.store.runs import RUN_BY_NUMBER
from penstock.store.sql import tables
from penstock.store.sql.database import Database
from penstock.store.sql.feed.feed_writes import of_run, of_task
from penstock.store.transaction import Transaction, Writer

KEPT = 1_000
"""Things that are kept at most; the oldest go, except DAGs, which would be taken up again by that."""
LONGEST_REASON = 10_000

_q, _r, _t, _a = tables.quarantine.c, tables.run.c, tables.task_instance.c, tables.attempt.c
_COLUMNS = tables.columns(tables.quarantine, Quarantined)
ALL = select(*_COLUMNS).order_by(_q.number)
REASON = select(_q.reason).where(_q.asked == bindparam("asked")).order_by(_q.number.desc()).limit(1)
DAG_IDS = select(_q.dag_id).where(_q.dag_id != "")
OPEN_TRIES = select(_a.run, _a.task_id, _a.map_index, _a.epoch, _a.executor).where(
    _a.run == bindparam("of"), _a.outcome.is_(None)
)
_UNFINISHED = [state for state in TaskState if not state.finished]
TASKS = (
    select(*tables.columns(tables.task_instance, TaskInstance))
    .where(_t.run == bindparam("of"))
    .order_by(_t.task_id, _t.map_index)
)
UNFINISHED_TASKS = TASKS.where(_t.state.in_(_UNFINISHED))


class Quarantine:
    """Reads, adds and takes out what is in quarantine. Every method raises StoreError if the database cannot serve."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database, self._writer = database, writer

    def all(self) -> list[Quarantined]:
        """Everything, oldest first."""
        with self._database.read() as connection:
            return [Quarantined(*row) for row in connection.execute(ALL)]

    def page(self, *, after: int = 0, limit: int = 50) -> list[Quarantined]:
        """A page of it, oldest first: what has a larger number than the last thing of the page before."""
        with self._database.read() as connection:
            return [Quarantined(*row) for row in connection.execute(ALL.where(_q.number > after).limit(limit))]

    def dag_ids(self) -> set[str]:
        """Ids of the DAGs in quarantine."""
        with self._database.read() as connection:
            return set(connection.execute(DAG_IDS).scalars())

    def add(self, thing: Quarantined, request: int = 0) -> None:
        """Put a thing aside, and with it the request of this number, if one is named, out of the inbox."""
        with self._writer.transaction() as tx:
            this = tables.request.c.number == request
            asked = tx.execute(select(tables.request.c.asked).where(this)).scalar()
            taken = tx.execute(delete(tables.request).where(this)).rowcount
            if taken or not request:  # else another scheduler has put it aside
                _add(tx, thing if asked is None else replace(thing, asked=asked))

    def reason_of(self, asked: int) -> str:
        """Why one of the requests could not be carried out that somebody asked for, by the number of who asks; "" if none is here."""
        with self._database.read() as connection:
            return connection.execute(REASON, {"asked": asked}).scalar() or ""

    def fail_run(self, thing: Quarantined, run: int, *, notify: bool = False) -> list[tuple[str, TaskKey, int]]:
        """Put a run aside: it and all of it that has not finished fails by its rows alone, whatever they hold.

        What cannot be read in them gets a value that can, so that nobody else stumbles over it.

        Args:
            thing: The run.
            run: Its number.
            notify: Whether listeners are told; those of the alerts of its DAG are told in any case.

        Returns:
            Executor, key and epoch of each try that was open.
        """
        ended = {"ended_at": thing.at, "reason": thing.reason[:LONGEST_REASON]}
        with self._writer.transaction() as tx:
            _add(tx, thing)
            make_readable(tx, run, thing.at)
            if notify or _is_alerting(tx, run):
                tx.add_notices(_notices(tx, run, thing))
            found = [
                (row.executor, TaskKey(row.run, row.task_id, row.map_index), row.epoch)
                for row in tx.execute(OPEN_TRIES, {"of": run})
            ]
            lost = {"outcome": Outcome.LOST, "ended_at": thing.at, "error": ended["reason"]}
            tx.execute(update(tables.attempt).where(_a.run == run, _a.outcome.is_(None)).values(lost))
            cancelled = {"state": TaskState.CANCELLED, **ended}
            tx.execute(update(tables.task_instance).where(_t.run == run, _t.state.in_(_UNFINISHED)).values(cancelled))
            tx.execute(update(tables.run).where(_r.run == run).values({"state": RunState.FAILED, **ended}))
            tx.add_deltas(_deltas(tx, run), thing.at)
            return found

    def release(self, tx: Transaction, dag_ids: set[str]) -> None:
        """Forget within a transaction that these DAGs were in quarantine."""
        tx.execute(delete(tables.quarantine).where(_q.dag_id.in_(dag_ids)))

    def drop(self, number: int, audit: AuditEntry | None = None) -> Quarantined:
        """Forget a thing; raises NotFoundError, or RequestError for a DAG, which would come back by that."""
        found = self._get(number)
        if found.dag_id:
            raise RequestError(f"{found.subject} stays in quarantine until its file is changed or it is tried again.")
        with self._writer.transaction() as tx:
            tx.execute(delete(tables.quarantine).where(_q.number == number))
            if audit is not None:
                tx.audit(audit)
        return found

    def retry(self, number: int, now: datetime, audit: AuditEntry | None = None) -> Quarantined:
        """Put a request back into the inbox, or have a DAG looked at again; raises NotFoundError or RequestError."""
        found = self._get(number)
        if not (found.dag_id or found.body):
            raise RequestError(f"{found.subject}: {found.kind.fate}. Clear its tasks to run them again.")
        with self._writer.transaction() as tx:
            tx.execute(delete(tables.quarantine).where(_q.number == number))
            if audit is not None:
                tx.audit(audit)
            tx.submit([DagChanged(found.dag_id) if found.dag_id else decode(found.body)], now, found.asked)
        return found

    def _get(self, number: int) -> Quarantined:
        found = {each.number: each for each in self.all()}
        if number not in found:
            raise NotFoundError("thing in quarantine", str(number), map(str, found))
        return found[number]


def _is_alerting(tx: Transaction, run: int) -> bool:
    """Whether the present version of the run's DAG has alerts: its own may be what cannot be read."""
    query = select(tables.dag.c.alerting).join(tables.run, tables.run.c.dag_id == tables.dag.c.dag_id)
    return bool(tx.execute(query.where(tables.run.c.run == run)).scalar())


def _notices(tx: Transaction, number: int, thing: Quarantined) -> list[Notice]:
    """What listeners are told of a run that fails."""
    row: Any = tx.execute(RUN_BY_NUMBER, {"run": number}).one_or_none()
    run = None if row is None else Run(*row)
    if run is None or run.state.finished:
        return []
    rows: Iterable[Any] = tx.execute(UNFINISHED_TASKS, {"of": number})
    ended = [TaskInstance(*row) for row in rows]
    reason = thing.reason[:LONGEST_REASON]
    tasks = [
        TaskStateChanged(
            run.dag_id, run.run_id, each.task_id, each.map_index, each.try_number,
            each.state.value, TaskState.CANCELLED.value, reason, thing.at, run.run, run.version,
        )
        for each in ended
    ]  # fmt: skip
    words = (run.kind.value, run.state.value, RunState.FAILED.value)
    return [*tasks, RunStateChanged(run.dag_id, run.run_id, *words, reason, thing.at, run.run, run.version)]


def _deltas(tx: Transaction, number: int) -> Iterator[Delta]:
    """All of a run, as it is stored now: any of its rows may have been mended."""
    runs: Iterable[Any] = tx.execute(RUN_BY_NUMBER, {"run": number})
    tasks: Iterable[Any] = tx.execute(TASKS, {"of": number})
    yield from [of_run(Run(*row)) for row in runs]
    yield from [of_task(TaskInstance(*row)) for row in tasks]


def _add(tx: Transaction, thing: Quarantined) -> None:
    given = {
        "kind": thing.kind, "subject": thing.subject, "dag_id": thing.dag_id, "body": thing.body,
        "reason": thing.reason[:LONGEST_REASON], "at": thing.at, "asked": thing.asked,
    }  # fmt: skip
    if thing.dag_id:
        tx.execute(delete(tables.quarantine).where(_q.dag_id == thing.dag_id))
    tx.execute(insert(tables.quarantine).values(given))
    newest = select(func.max(_q.number)).scalar_subquery()
    tx.execute(delete(tables.quarantine).where(_q.number <= newest - KEPT, _q.dag_id == ""))
