"""A process that works where the scheduler works, as the notifier does: one at a time, by the scheduler's own lease (PostgreSQL)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from penstock.errors import StoreFencedError
from penstock.store.sql.database import Database
from penstock.store.sql.pipeline import Proof
from penstock.store.sql.scheduler_tables import scheduler

_FIRST = select(scheduler.c.place).where(scheduler.c.fenced_at.is_(None)).order_by(scheduler.c.number).limit(1)


class Follower:
    """The place in which a process follows the scheduler.

    Args:
        database: The database.
        place: The machine and folder, as the scheduler there gives it.
    """

    def __init__(self, database: Database, place: str) -> None:
        self._database, self._place = database, place
        self._sql = str(
            _FIRST.with_for_update(read=True).compile(database.engine, compile_kwargs={"literal_binds": True})
        )

    def works(self) -> bool:
        """Whether no scheduler of another place works; raises StoreError if the database cannot serve."""
        with self._database.read() as connection:
            return self._here(connection.execute(_FIRST).scalar())

    @property
    def proof(self) -> Proof:
        """What shows within a transaction that the scheduler still works here, and lets nobody take over before the end."""
        return Proof(self._sql, {}, self._judge)

    def _judge(self, first: Sequence[Any] | None) -> None:
        if not self._here(first[0] if first else None):
            raise StoreFencedError(
                f"database {self._database.name}: a scheduler on another machine has taken over, and does what this process did."
            )

    def release(self) -> None:
        """Follow no more."""

    def _here(self, place: str | None) -> bool:
        return place is None or place == self._place
