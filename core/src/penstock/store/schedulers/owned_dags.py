"""Which DAGs a scheduler owns: their rows point to its own, and nobody else decides anything of them (PostgreSQL)."""

from collections.abc import Collection
from typing import NamedTuple

import msgspec
from sqlalchemy import bindparam, func, select, text

from penstock.store.schedulers.lease import SchedulerLease
from penstock.store.sql import wakeup
from penstock.store.sql.database import Database
from penstock.store.sql.scheduler_tables import scheduler
from penstock.store.sql.tables import dag

_s = scheduler.c
_MEMBERS = (
    select(_s.number, _s.draining_since.is_not(None))
    .where(_s.fenced_at.is_(None), _s.expires_at >= func.clock_timestamp())
    .order_by(_s.number)
)
_UNOWNED = select(dag.c.dag_id).where(dag.c.owner.is_(None)).order_by(dag.c.dag_id)
_OWNED = select(dag.c.dag_id).where(dag.c.owner == bindparam("me"))
# Rows are locked in the order of their ids, everywhere, and nobody waits for who takes them at this moment.
_CLAIM = text(
    "UPDATE dag SET owner = :me, handover_until = NULL WHERE dag_id IN (SELECT dag_id FROM dag "
    "WHERE owner IS NULL AND dag_id = ANY(:dag_ids) ORDER BY dag_id FOR UPDATE SKIP LOCKED) RETURNING dag_id"
)
_HOLD = text(
    "UPDATE dag SET handover_until = CASE WHEN :seconds > 0 THEN clock_timestamp() + make_interval(secs => :seconds) END "
    "WHERE owner = :me AND dag_id = ANY(:dag_ids)"
)
_HELD = text(
    "SELECT dag_id, draining_since IS NOT NULL FROM dag JOIN scheduler ON number = owner "
    "WHERE fenced_at IS NULL AND (draining_since IS NOT NULL OR handover_until > clock_timestamp())"
)
_FREE = text("UPDATE dag SET owner = NULL, handover_until = NULL WHERE owner = :me AND dag_id = ANY(:dag_ids)")


class Membership(msgspec.Struct, frozen=True):
    """Who schedules now, and which DAGs nobody owns.

    Attributes:
        members: The numbers of the schedulers whose leases have not ended, the first first.
        draining: Those of them that are about to end.
        unowned: The DAGs.
    """

    members: tuple[int, ...]
    draining: frozenset[int]
    unowned: tuple[str, ...]


class HeldDag(NamedTuple):
    """A DAG of which no try begins, until those that run have ended.

    Attributes:
        draining: Whether that is because its scheduler is about to end; else because another one is to own it.
    """

    dag_id: str
    draining: bool


class OwnedDags:
    """The DAGs of one scheduler. Every method raises StoreError if the database cannot serve.

    Args:
        database: The database.
        lease: Of the scheduler.

    Attributes:
        owner: Its number.
    """

    def __init__(self, database: Database, lease: SchedulerLease) -> None:
        self._database, self._lease, self.owner = database, lease, lease.number

    def membership(self) -> Membership:
        """Who schedules now, and what is to be claimed."""
        with self._database.read() as connection:
            members = connection.execute(_MEMBERS).all()
            draining = frozenset(number for number, drains in members if drains)
            numbers = tuple(number for number, _ in members)
            return Membership(numbers, draining, tuple(connection.execute(_UNOWNED).scalars()))

    def ids(self) -> set[str]:
        """Every DAG that it owns."""
        with self._database.read() as connection:
            return set(connection.execute(_OWNED, {"me": self.owner}).scalars())

    def claim(self, dag_ids: Collection[str]) -> list[str]:
        """Own DAGs that nobody owns; returns those that it got. Raises StoreFencedError if another one has taken over."""
        with self._database.write() as connection:
            self._lease.confirm(connection)
            given = {"me": self.owner, "dag_ids": list(dag_ids)}
            return sorted(connection.execute(_CLAIM, given).scalars())

    def hold(self, dag_ids: Collection[str], seconds: float) -> None:
        """Say of own DAGs that no try of them begins for so long; 0 for no more. Raises StoreFencedError as `claim`."""
        with self._database.write() as connection:
            self._lease.confirm(connection)
            given = {"me": self.owner, "dag_ids": sorted(dag_ids), "seconds": seconds}
            connection.execute(_HOLD, given)

    def free(self, dag_ids: Collection[str]) -> None:
        """Own DAGs no more, and wake who is to have them. Raises StoreFencedError if another one has taken over."""
        with self._database.write() as connection:
            self._lease.confirm(connection)
            connection.execute(_FREE, {"me": self.owner, "dag_ids": list(dag_ids)})
            wakeup.send_at_commit(connection, wakeup.SCHEDULER)


def held_dags(database: Database) -> list[HeldDag]:
    """The DAGs of which no try begins; raises StoreError if the database cannot serve."""
    with database.read() as connection:
        return [HeldDag(*row) for row in connection.execute(_HELD)]
