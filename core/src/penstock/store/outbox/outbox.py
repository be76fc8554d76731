"""The outbox: changes of states that wait for listeners, and how far each listener has come."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Select, bindparam, case, delete, func, select, update

from penstock.model.notice import Notice
from penstock.store.sql import notices, tables
from penstock.store.sql.database import Database
from penstock.store.transaction import Writer


class Listener(msgspec.Struct, frozen=True):
    """A provider that listens, and how far it has come.

    Attributes:
        acknowledged: Number of the last notice that was delivered to it.
        failed: Changes at which its impl raised, took too long, or ended its process.
        missed: Changes that were never delivered to it: they were dropped because it was too far behind, or its module cannot
            be loaded.
        broken: Why its plugin module cannot be loaded, as a sentence; "" if it can.
        failure: What went wrong at the last change that failed, as a sentence.
        failed_at: When that was.
        waiting: Changes that are not delivered to it yet.
    """

    provider: str
    acknowledged: int = 0
    failed: int = 0
    missed: int = 0
    broken: str = ""
    failure: str = ""
    failed_at: datetime | None = None
    waiting: int = 0


_l, _n = tables.listener.c, tables.notice.c

_STORED = Listener.__struct_fields__[:-1]
_WAITING = select(func.count()).where(_n.number > _l.acknowledged).scalar_subquery().label("waiting")
LISTENERS: Select[Any] = select(*(_l[name] for name in _STORED), _WAITING).order_by(_l.provider)
NEXT_NOTICES = (
    select(_n.number, _n.body).where(_n.number > bindparam("after")).order_by(_n.number).limit(bindparam("most"))
)
LAST_BEFORE = select(func.coalesce(func.max(_n.number), 0)).where(_n.at < bindparam("before"))
LAST_OF_SOME = select(_n.number).order_by(_n.number).limit(1).offset(bindparam("skipped"))
# An acknowledgement that comes late, or twice after a restart, must not move a listener back.
ACKNOWLEDGE = (
    update(tables.listener)
    .where(_l.provider == bindparam("of"))
    .values(
        acknowledged=case((_l.acknowledged < bindparam("to"), bindparam("to")), else_=_l.acknowledged),
        missed=_l.missed + bindparam("more_missed"),
        **{name: bindparam(f"new_{name}") for name in ("failed", "broken", "failure", "failed_at")},
    )
)
DELETE_ACKNOWLEDGED = delete(tables.notice).where(
    _n.number <= select(func.coalesce(func.min(_l.acknowledged), 0)).scalar_subquery()
)
MISSED = select(_l.provider, _l.missed)


class Outbox:
    """Reads notices and notes the progress of listeners."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database, self._writer = database, writer

    def register(self, providers: Sequence[str]) -> list[Listener]:
        """Note who listens, and forget all others; a new one begins with the oldest change that is kept.

        Raises:
            StoreError: The database cannot serve.
        """
        with self._writer.transaction() as tx:
            tx.execute(delete(tables.listener).where(_l.provider.not_in(providers)))
            tx.insert_absent(tables.listener, [{"provider": each} for each in providers])
        return self.listeners()

    def listeners(self) -> list[Listener]:
        """Every listener, by provider id; raises StoreError."""
        with self._database.read() as connection:
            return [Listener(*row) for row in connection.execute(LISTENERS)]

    def notices(self, after: int, limit: int) -> list[tuple[int, Notice]]:
        """The oldest notices with a number above ``after``, in their order, ``limit`` at most; raises StoreError."""
        with self._database.read() as connection:
            found = connection.execute(NEXT_NOTICES, {"after": after, "most": limit})
            return [(number, notices.read(body)) for number, body in found]

    def acknowledge(self, listeners: Sequence[Listener]) -> dict[str, int]:
        """Record how far each listener has come, and delete what was delivered to all.

        Args:
            listeners: Their rows, with ``missed`` counting only what came to it since the last call.

        Returns:
            How many changes each listener of the database has missed in all.

        Raises:
            StoreError: The database cannot serve; nothing was noted.
        """
        with self._writer.transaction() as tx:
            for each in listeners:
                tx.execute(
                    ACKNOWLEDGE,
                    {
                        "of": each.provider,
                        "to": each.acknowledged,
                        "more_missed": each.missed,
                        "new_failed": each.failed,
                        "new_broken": each.broken,
                        "new_failure": each.failure,
                        "new_failed_at": each.failed_at,
                    },
                )
            tx.execute(DELETE_ACKNOWLEDGED)
            return {row.provider: row.missed for row in tx.execute(MISSED)}

    def drop_before(self, before: datetime, limit: int) -> int:
        """Drop some notices from before an instant, delivered or not; returns how many went. Raises StoreError."""
        with self._database.read() as connection:
            last = connection.execute(LAST_BEFORE, {"before": before}).scalar_one()
            some = connection.execute(LAST_OF_SOME, {"skipped": limit - 1}).scalar()
        if not last:
            return 0
        last = last if some is None else min(last, some)
        with self._writer.transaction() as tx:
            return tx.drop_notices(last)
