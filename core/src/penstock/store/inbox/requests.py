"""The scheduler's inbox: requests of users, tasks and the loader, durable until a step has handled it."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import bindparam, select

from penstock.errors import RequestError
from penstock.model.history.audit import AuditEntry
from penstock.model.request import Request, UnreadableRequest, decode
from penstock.store.schedulers.request_subject import subject_of
from penstock.store.sql import tables
from penstock.store.sql.database import Database
from penstock.store.transaction import Transaction, Writer

_r = tables.request.c
PENDING = select(_r.number, _r.body).where(_r.number > bindparam("after")).order_by(_r.number)
_FOR = (
    select(_r.number, tables.dag.c.dag_id, _r.body)
    .join_from(tables.request, tables.dag, _r.dag_id == tables.dag.c.dag_id, isouter=True)
    .where(_r.number > bindparam("after"))
    .where((tables.dag.c.owner == bindparam("owner")) | tables.dag.c.owner.is_(None))
    .order_by(_r.number)
)
_ABOUT = select(_r.number, _r.body).where(_r.dag_id.in_(bindparam("dag_ids", expanding=True))).order_by(_r.number)
_DELETING = (
    select(tables.run.c.dag_id, tables.run.c.run_id)
    .join_from(tables.run_deletion, tables.run, tables.run_deletion.c.run == tables.run.c.run)
    .where(tables.run_deletion.c.run.in_(bindparam("runs", expanding=True)))
    .order_by(tables.run.c.run)
    .limit(1)
)
OPEN = select(_r.number).where(_r.asked == bindparam("asked")).limit(1)


class Requests:
    """Adds and reads requests; the step that handles them deletes them (`penstock.model.changes.Changes.handled`)."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database, self._writer = database, writer

    def submit(self, request: Request, now: datetime) -> None:
        """Put a request into the scheduler's inbox and wake it; raises as `submit_all`."""
        self.submit_all([request], now)

    def submit_all(self, requests: Sequence[Request], now: datetime, audit: Sequence[AuditEntry] = ()) -> int:
        """Put requests into the scheduler's inbox, together and in this order, and wake it.

        Args:
            requests: The requests.
            now: When they are made.
            audit: Who asked for them, kept in the same transaction; empty if no person did.

        Returns:
            The number of who asks, for `handled`; 0 if no person does.

        Raises:
            RequestError: A run that one of them is about is being deleted.
            StoreError: The database cannot take them.
        """
        with self._writer.transaction() as tx:
            _refuse_deleted(tx, [run for each in requests if (run := subject_of(each).run) is not None])
            asked = [tx.audit(entry) for entry in audit]
            tx.submit(requests, now, asked[-1] if asked else 0)
        return asked[-1] if asked else 0

    def handled(self, asked: int) -> bool:
        """Whether a step has handled every request that somebody asked for, by the number of who asks; raises StoreError."""
        with self._database.read() as connection:
            return connection.execute(OPEN, {"asked": asked}).first() is None

    def pending(self, after: int = 0) -> list[tuple[int, Request | UnreadableRequest]]:
        """Requests with a number above ``after`` that no step has handled, in their order; raises StoreError."""
        with self._database.read() as connection:
            found = connection.execute(PENDING, {"after": after}).all()
        return [(number, decode(body)) for number, body in found]

    def pending_for(self, owner: int, after: int = 0) -> list[tuple[int, str, Request | UnreadableRequest]]:
        """As `pending`, without those about DAGs of another owner; with the DAG of each, "" if there is none. Raises StoreError."""
        with self._database.read() as connection:
            found = connection.execute(_FOR, {"owner": owner, "after": after}).all()
        return [(number, dag_id or "", decode(body)) for number, dag_id, body in found]

    def pending_about(self, dag_ids: Collection[str]) -> list[tuple[int, Request | UnreadableRequest]]:
        """Every request about some DAGs that no step has handled, in their order; raises StoreError."""
        with self._database.read() as connection:
            found = connection.execute(_ABOUT, {"dag_ids": list(dag_ids)}).all()
        return [(number, decode(body)) for number, body in found]


def _refuse_deleted(tx: Transaction, runs: Sequence[int]) -> None:
    """Raise RequestError if one of these runs is being deleted; from here on, none begins to be until the transaction has ended."""
    if not runs:
        return
    tx.keep_order()
    if found := tx.execute(_DELETING, {"runs": list(runs)}).first():
        raise RequestError(
            f"run {found.run_id!r} of DAG {found.dag_id!r} is being deleted: nothing can be asked of it any more. A deletion that was cut "
            "short is ended by the next one, such as `penstock db prune`."
        )
