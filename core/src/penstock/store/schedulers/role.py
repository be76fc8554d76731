"""The scheduler's role in one database: whoever has it may write as the scheduler, and each of its transactions checks that."""

import os
from contextlib import suppress
from datetime import UTC, datetime

from penstock.errors import StoreError
from penstock.store.schedulers.file_lock import FileLock, file_holder
from penstock.store.schedulers.follower import Follower
from penstock.store.schedulers.holder import Holder
from penstock.store.schedulers.lease import SchedulerLease, workers_of
from penstock.store.schedulers.owned_dags import HeldDag, OwnedDags, held_dags
from penstock.store.schedulers.shares import Shares
from penstock.store.sql.database import Database, this_host
from penstock.store.sql.pipeline import Proof

LEASE_S, RUNS_ON_S = 5.0, 125.0


class SchedulerRole:
    """The role for one store.

    With SQLite one process has it, until its end. With PostgreSQL any number of processes join, each with a lease, and share the DAGs.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: FileLock | SchedulerLease | Follower | None = None

    def acquire(
        self, name: str, now: datetime, place: str = "", *, lease_s: float = LEASE_S, runs_on_s: float = RUNS_ON_S
    ) -> None:
        """Take the role, or join those who want it, until `release` or the end of this process, however it ends.

        From then on each transaction of this store checks that nobody has taken over.

        Args:
            name: What to call this process in messages, such as ``"penstock up"``.
            now: The present.
            place: The machine and folder in which its tries will run.
            lease_s: Seconds for which it is good after each `renew` (PostgreSQL).
            runs_on_s: Seconds after the last of these within which its tries have ended for certain.

        Raises:
            StoreHeldError: Another process has it (PostgreSQL: in the same place); the message says which, where and since when.
            StoreError: The database cannot serve.
        """
        me = Holder(name, this_host(), os.getpid(), now.astimezone(UTC), place)
        path = self._database.path
        self._held = FileLock(path, me) if path is not None else SchedulerLease(self._database, me, lease_s, runs_on_s)

    def follow(self, place: str) -> bool:
        """Work where the scheduler does; returns whether that is here, or nowhere, by now.

        From then on each transaction of this store checks that the scheduler has not gone elsewhere. With SQLite it cannot.

        Args:
            place: The machine and folder of this process.

        Raises:
            StoreError: The database cannot serve.
        """
        if self._database.path is not None:
            return True
        self._held = Follower(self._database, place)
        return self._held.works()

    @property
    def leased(self) -> bool:
        """Whether it was taken here, and ends if it is not renewed."""
        return isinstance(self._held, SchedulerLease)

    def holders(self) -> list[Holder]:
        """Who has the role now, as far as is known without asking for it: the first first. Raises StoreError."""
        path = self._database.path
        if path is None:
            return [holder for holder, _ in workers_of(self._database)]
        holder = file_holder(path)
        return [] if holder is None else [holder]

    def owners(self) -> list[tuple[Holder, int]]:
        """Of each who has the role now, and shares it, the number of DAGs that it owns; none with SQLite. Raises StoreError."""
        return [] if self._database.path is not None else workers_of(self._database)

    def renew(self) -> None:
        """Renew the lease.

        Raises:
            StoreFencedError: Another scheduler has taken over.
            StoreError: The database cannot serve.
        """
        if isinstance(self._held, SchedulerLease):
            self._held.renew()

    def drain(self, now: datetime) -> None:
        """Say that this one begins no try any more, and is about to end.

        Raises:
            StoreFencedError: Another scheduler has taken over.
            StoreError: The database cannot serve.
        """
        if isinstance(self._held, SchedulerLease | FileLock):
            self._held.drain(now)

    def held_dags(self) -> list[HeldDag]:
        """The DAGs of which no try begins, whoever owns them; raises StoreError."""
        return [] if self._database.path is not None else held_dags(self._database)

    @property
    def dags(self) -> OwnedDags | None:
        """The DAGs that it owns; None with SQLite, where it has all of them."""
        return OwnedDags(self._database, self._held) if isinstance(self._held, SchedulerLease) else None

    @property
    def shares(self) -> Shares | None:
        """What it is lent of limits; None with SQLite, where it has all of them."""
        return Shares(self._database, self._held) if isinstance(self._held, SchedulerLease) else None

    def take_over(self, now_s: float = 0.0) -> bool:
        """Take over from those whose leases have ended; returns whether there was one.

        Args:
            now_s: The monotonic instant: a clock of the database that is set meanwhile ends no lease.

        Raises:
            StoreFencedError: Another scheduler has taken over from this one.
            StoreError: The database cannot serve.
        """
        return self._held.take_over(now_s) if isinstance(self._held, SchedulerLease) else False

    def others_s(self) -> float:
        """Seconds until all tries have ended of schedulers in other places from which one took over; 0 if there are none."""
        return self._held.others_s() if isinstance(self._held, SchedulerLease) else 0.0

    def forget_others(self) -> None:
        """Forget those of which nothing can live any more; raises as `renew`."""
        if isinstance(self._held, SchedulerLease):
            self._held.forget_others()

    @property
    def watched(self) -> bool:
        """Whether the change feed is to be written, as the last transaction has seen; only who has a lease is ever told no."""
        return self._held.watched if isinstance(self._held, SchedulerLease) else True

    @property
    def proof(self) -> Proof | None:
        """What shows within a transaction that the role is still ours; None if it was not taken here.

        It raises StoreFencedError if another scheduler has taken over (PostgreSQL), StoreHeldError if another process has it now
        (SQLite), and StoreError if the lock file was deleted and cannot be made again.
        """
        return None if self._held is None else self._held.proof

    def release(self) -> None:
        """Give the role up, if it was taken here; without the database its lease ends by itself."""
        if self._held is not None:
            with suppress(StoreError):
                self._held.release()
            self._held = None
