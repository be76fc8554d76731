"""The shares of limits that cross owners: what a scheduler may use of a pool, lent in one transaction (PostgreSQL)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import func, select, text

from penstock.store.schedulers.lease import SHARES_LOCK, SchedulerLease
from penstock.store.sql import wakeup
from penstock.store.sql.column_types import Instant
from penstock.store.sql.database import Database
from penstock.store.sql.scheduler_tables import share
from penstock.store.sql.tables import columns


class Share(msgspec.Struct, frozen=True):
    """What one scheduler may use of a limit.

    Attributes:
        limited: Name of the limit.
        scheduler: Number of the scheduler.
        amount: How much it may use.
        needed: How much it could use now.
        largest: The most that one of its task instances needs.
        served_at: When something of it last started there, or when it first asked.
    """

    limited: str
    scheduler: int
    amount: int
    needed: int
    largest: int
    served_at: datetime


Portions = Callable[[Mapping[str, Sequence[Share]], datetime], tuple[list[Share], bool]]
"""From the shares of all by limit, and the present by the server's clock, to those of one, and whether others are to look."""

_ALL = select(*columns(share, Share))
_NOW = select(func.clock_timestamp(type_=Instant))
_DELETE = text("DELETE FROM share WHERE scheduler = :me")


class Shares:
    """The shares of one scheduler.

    Args:
        database: The database.
        lease: Of the scheduler.
    """

    def __init__(self, database: Database, lease: SchedulerLease) -> None:
        self._database, self._lease = database, lease

    def exchange(self, portions: Portions) -> None:
        """Work out the own shares from those of all, alone; the sum of all shares never exceeds a limit by that.

        Raises:
            StoreFencedError: Another scheduler has taken over.
            StoreError: The database cannot serve.
        """
        with self._database.write() as connection:
            self._lease.confirm(connection)
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({SHARES_LOCK})")
            found: dict[str, list[Share]] = {}
            for row in connection.execute(_ALL):
                found.setdefault(row.limited, []).append(Share(*row))
            own, wake = portions(found, connection.execute(_NOW).scalar_one())
            before = [each for shares in found.values() for each in shares if each.scheduler == self._lease.number]
            if sorted(own, key=_name) != sorted(before, key=_name):
                connection.execute(_DELETE, {"me": self._lease.number})
                if own:
                    connection.execute(share.insert(), [msgspec.structs.asdict(each) for each in own])
            if wake:
                wakeup.send_at_commit(connection, wakeup.SCHEDULER)


def _name(each: Share) -> str:
    return each.limited
