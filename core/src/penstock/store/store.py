"""The store: everything that Penstock remembers, found by the noun that is asked for."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

from sqlalchemy import text

from penstock.errors import StoreError
from penstock.model.assets.event import AssetEvent
from penstock.model.changes import Changes
from penstock.model.run import Run
from penstock.store.access.access import Access
from penstock.store.assets.assets import Assets
from penstock.store.backfills.backfills import Backfills
from penstock.store.checkpoints.checkpoints import Checkpoints
from penstock.store.checkpoints.state_store import StateStore
from penstock.store.config import Config
from penstock.store.dags import Dags, Versions
from penstock.store.figures.figures import Figures
from penstock.store.history.audit import Audit
from penstock.store.history.dag_history import DagHistory
from penstock.store.history.export import Export
from penstock.store.history.retention import Retention
from penstock.store.inbox.requests import Requests
from penstock.store.keyring import Keyring
from penstock.store.logs.log_index import LogIndex
from penstock.store.outbox.alerts import Alerts
from penstock.store.outbox.feed import Feed
from penstock.store.outbox.outbox import Outbox
from penstock.store.outbox.timings import Timings
from penstock.store.quarantine.quarantine import Quarantine
from penstock.store.remote.remote_tries import RemoteTries
from penstock.store.remote.remote_workers import RemoteWorkers
from penstock.store.runs import Runs, XComs
from penstock.store.schedulers.role import SchedulerRole
from penstock.store.sql import schema
from penstock.store.sql.database import Database
from penstock.store.sql.wakeup import Wakeups
from penstock.store.transaction import Transaction, Writer
from penstock.store.views.views import Views


@dataclass(frozen=True, eq=False)
class Store:
    """One open database.

    Every method, here and of the attributes, may raise `penstock.errors.StoreError`, with a sentence that names the
    database, what is wrong and what to do; a method that raised has changed nothing. Safe to use from several threads;
    not over a fork.

    Attributes:
        dags: DAGs: for the scheduler, and for people.
        versions: What runs are pinned to.
        runs: Runs, their task instances and their tries.
        xcoms: What tasks left for others.
        checkpoints: What task instances keep across their own tries.
        state_store: What tasks and assets keep from run to run.
        assets: Assets, their events, and how far DAGs have taken them.
        requests: The scheduler's inbox.
        audit: What people have asked for.
        access: Who may do what.
        backfills: Backfills and their dates.
        quarantine: What the scheduler could not handle.
        config: Connections, Variables and pools.
        outbox: Changes of states that wait for listeners.
        feed: What has changed, for those who look on.
        alerts: Alerts that wait for their channels.
        timings: What is under way, and how long its like has taken.
        figures: Counts of what lives.
        retention: What is old.
        dag_history: All that is stored of one DAG.
        export: All that is stored of the past.
        logs: Whose logs go to the log store.
        views: What pages show of many runs.
        remote_tries: Tries that were handed to remote executors.
        remote_workers: The workers of these.
        wakeups: How processes wake each other.
        role: The scheduler's role.
        database: The database itself, for modules of this room.
        writer: Opens transactions, for modules of this room.
        keyring: Encrypts secrets, for modules of this room.
    """

    dags: Dags
    versions: Versions
    runs: Runs
    xcoms: XComs
    checkpoints: Checkpoints
    state_store: StateStore
    assets: Assets
    requests: Requests
    audit: Audit
    access: Access
    backfills: Backfills
    quarantine: Quarantine
    config: Config
    outbox: Outbox
    feed: Feed
    alerts: Alerts
    timings: Timings
    figures: Figures
    retention: Retention
    dag_history: DagHistory
    export: Export
    logs: LogIndex
    views: Views
    remote_tries: RemoteTries
    remote_workers: RemoteWorkers
    wakeups: Wakeups
    role: SchedulerRole
    database: Database
    writer: Writer
    keyring: Keyring

    @classmethod
    def open(cls, url: str, keyring: Keyring, *, create: bool = True, wait_s: float = 10.0) -> Self:
        """Open a database of this code's schema.

        Args:
            url: ``sqlite:///path/to/file`` or ``postgresql://user:password@host:port/name``.
            keyring: Encrypts and decrypts connections and Variables; not touched before the first of them is.
            create: Whether to make the tables, and for SQLite the file and its folder, if there are none yet.
            wait_s: Seconds to wait for another writer.

        Raises:
            StoreError: It cannot be reached, or its schema is another one: the message names the command to run.
            ConfigError: The URL cannot be used.
        """
        database = Database(url, wait_s=wait_s)
        try:
            _require_schema(database, create=create)
        except BaseException:
            database.close()
            raise
        return cls.over(database, keyring)

    @classmethod
    def over(
        cls, database: Database, keyring: Keyring, role_of: Callable[[Database], SchedulerRole] = SchedulerRole
    ) -> Self:
        """The store of a database whose schema is known to be this code's; for modules of this room, and the simulator.

        Args:
            database: The database.
            keyring: As in `open`.
            role_of: Makes the scheduler's role.
        """
        role = role_of(database)
        writer = Writer(database, role)
        return cls(
            dags=Dags(database, writer),
            versions=Versions(database, keyring),
            runs=Runs(database),
            xcoms=XComs(database),
            checkpoints=Checkpoints(database, writer),
            state_store=StateStore(database, writer),
            assets=Assets(database, writer),
            requests=Requests(database, writer),
            audit=Audit(database, writer),
            access=Access(database, writer),
            backfills=Backfills(database, writer),
            quarantine=Quarantine(database, writer),
            config=Config(database, writer, keyring),
            outbox=Outbox(database, writer),
            feed=Feed(database, writer),
            alerts=Alerts(database, writer),
            timings=Timings(database),
            figures=Figures(database),
            retention=Retention(database, writer),
            dag_history=DagHistory(database, writer),
            export=Export(database),
            logs=LogIndex(database, writer),
            views=Views(database),
            remote_tries=RemoteTries(database, writer),
            remote_workers=RemoteWorkers(database, writer),
            wakeups=Wakeups(database),
            role=role,
            database=database,
            writer=writer,
            keyring=keyring,
        )

    @property
    def name(self) -> str:
        """The database for messages: a file, or a URL without its password."""
        return self.database.name

    def close(self) -> None:
        """Give up the leader lock, if it was acquired, and every connection."""
        self.role.release()
        self.feed.stamp.close()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def check_file(self) -> None:
        """Check that the database's file is still the one that was opened; raises StoreGoneError if it is not."""
        self.database.check_file()

    def view(self) -> AbstractContextManager[None]:
        """One consistent view for all that this thread reads within the block; see `penstock.store.sql.database.Database.view`."""
        return self.database.view()

    def committed(self, transaction: str) -> bool:
        """Whether the transaction of a `CommitUnknownError` is durable; raises StoreUnavailableError until that is known."""
        return self.database.committed(transaction)

    def transaction(self) -> AbstractContextManager[Transaction]:
        """One transaction; see `penstock.store.transaction.Writer.transaction`, also for what it raises."""
        return self.writer.transaction()

    def seen_in(self, tx: Transaction) -> AbstractContextManager[None]:
        """All that this thread reads within the block sees what a transaction that is open has written."""
        return self.database.seen_by_this_thread(lambda: tx.connection)

    def apply(self, changes: Changes, now: datetime) -> list[Run | AssetEvent]:
        """Write a step's changes in one transaction of their own; see `Transaction.apply`.

        Raises:
            StoreError: The database cannot take them; nothing was written.
        """
        with self.transaction() as tx:
            return tx.apply(changes, now)

    def keep_to_schema(self, hint: str) -> None:
        """Have each write from now on check that the schema has not left this code behind; else it raises StoreError, with the hint."""
        self.writer.schema_proof = schema.proof(self.database, hint)

    def outgrown(self) -> str | None:
        """Why this code is to leave the database, as a sentence: one that its schema leaves behind is upgraded to; else None."""
        with self.database.read() as connection:
            return schema.outgrown(connection, self.name)

    def check(self) -> list[str]:
        """What is wrong inside the database, one sentence each; reads all of it, so it takes as long as it is large."""
        try:
            return _problems(self.database)
        except StoreError as error:
            return [str(error)]


def _problems(database: Database) -> list[str]:
    with database.read() as connection:
        refused = schema.refused(connection, database.name)
        problems = [refused] if refused else []
        if database.sqlite:
            found = connection.execute(text("PRAGMA integrity_check")).scalars().all()
            problems += [f"database {database.name}: {line}." for line in found if line != "ok"]
            orphans = connection.execute(text("PRAGMA foreign_key_check")).all()
            problems += [f"database {database.name}: table {row[0]} has a row without its {row[2]}." for row in orphans]
        return problems


def _require_schema(database: Database, *, create: bool) -> None:
    if database.path is not None and not database.path.exists():
        if not create:
            raise StoreError(f"database {database.path}: there is no such file. Make it with `penstock init`.")
        schema.create(database)
    with database.read() as connection:
        empty = schema.found_version(connection) is None
    if empty and create:
        schema.create(database)
    with database.read() as connection:
        problem = schema.refused(connection, database.name)
    if problem:
        raise StoreError(problem)
