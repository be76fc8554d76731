"""The scheduler's inbox: requests of users, tasks and the loader, durable until a step has handled it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, select

from penstock.model.request import Request, UnreadableRequest, decode
from penstock.store.sql import tables
from penstock.store.sql.database import Database
from penstock.store.transaction import Writer

_r = tables.request.c
PENDING = select(_r.number, _r.body).where(_r.number > bindparam("after")).order_by(_r.number)


class Requests:
    """Adds and reads requests; the step that handles them deletes them (`penstock.model.changes.Changes.handled`)."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database, self._writer = database, writer

    def submit(self, request: Request, now: datetime) -> None:
        """Put a request into the scheduler's inbox and wake it; raises StoreError."""
        self.submit_all([request], now)

    def submit_all(self, requests: Sequence[Request], now: datetime) -> None:
        """Put requests into the scheduler's inbox, together and in this order, and wake it; raises StoreError."""
        with self._writer.transaction() as tx:
            tx.submit(requests, now)

    def pending(self, after: int = 0) -> list[tuple[int, Request | UnreadableRequest]]:
        """Requests with a number above ``after`` that no step has handled, in their order; raises StoreError."""
        with self._database.read() as connection:
            found = connection.execute(PENDING, {"after": after}).all()
        return [(number, decode(body)) for number, body in found]
