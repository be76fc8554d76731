"""The store: everything that Penstock remembers, behind methods that say what they are for."""

from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from sqlalchemy import text

from penstock.errors import StoreError
from penstock.model.changes import Changes
from penstock.model.request import Request
from penstock.model.run import Run
from penstock.store import schema
from penstock.store.access import Access
from penstock.store.database import Database
from penstock.store.hold import Hold, Holder, present, take
from penstock.store.keyring import Keyring
from penstock.store.ledger import Statements
from penstock.store.notices import Notices
from penstock.store.people import People
from penstock.store.recovery import Recovery
from penstock.store.upkeep import Upkeep


class Store(Access, Notices, People, Recovery, Upkeep):
    """One open database.

    Every method may raise `penstock.errors.StoreError`, with a sentence that names the database, what is wrong and what
    to do; a method that raised has changed nothing. Safe to use from several threads; not over a fork.
    """

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._statements = Statements(database.engine.dialect)
        self._hold: Hold | None = None
        super().__init__(database, self._statements.codec, keyring)

    @classmethod
    def open(cls, url: str, keyring: Keyring, *, create: bool = True, wait_s: float = 10.0) -> Self:
        """Open a database of this code's schema.

        Args:
            url: ``sqlite:///path/to/file`` or ``postgresql://user:password@host:port/name``.
            keyring: Seals and opens connections and variables; not touched before the first of them is.
            create: Whether to make the tables, and for SQLite the file and its folder, if there are none yet.
            wait_s: Seconds to wait for another writer.

        Raises:
            StoreError: It cannot be reached, or its schema is another one: the message names the command to run.
        """
        database = Database(url, wait_s=wait_s)
        try:
            _require_schema(database, create=create)
        except BaseException:
            database.close()
            raise
        return cls(database, keyring)

    @property
    def name(self) -> str:
        """The database for messages: a file, or a URL without its password."""
        return self.database.name

    def close(self) -> None:
        """Give up the hold, if it was taken, and every connection."""
        if self._hold is not None:
            self._hold.release()
            self._hold = None
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def hold(self, holder: str, now: datetime) -> None:
        """Take the scheduler's role until `close` or the end of this process, however it ends.

        From then on each transaction of this store checks that the role is still its own.

        Args:
            holder: What to call the holder in the message to whoever comes second, such as ``"penstock up"``.
            now: The present.

        Raises:
            StoreHeldError: Another process has it; the message says which, where and since when.
        """
        self._hold = take(self.database, holder, now)

    def holder(self) -> Holder | None:
        """Who has the scheduler's role now; None if no scheduler works on this database."""
        return present(self.database)

    def apply(self, changes: Changes, now: datetime) -> list[Run]:
        """Write a step's changes in one transaction of their own; see `Transaction.apply`."""
        with self.transaction() as tx:
            return tx.apply(changes, now)

    def submit(self, request: Request, now: datetime) -> None:
        """Put a request into the scheduler's inbox and wake it."""
        self.submit_all([request], now)

    def submit_all(self, requests: Sequence[Request], now: datetime) -> None:
        """Put requests into the scheduler's inbox, together and in this order, and wake it."""
        with self.transaction() as tx:
            tx.submit(requests, now)

    def check(self) -> list[str]:
        """What is wrong inside the database, one sentence each; reads all of it, so it takes as long as it is large."""
        problems: list[str] = []
        try:
            with self.database.read() as connection:
                refused = schema.refusal(schema.found_version(connection), self.name)
                problems += [refused] if refused else []
                if self.database.sqlite:
                    found = connection.execute(text("PRAGMA integrity_check")).scalars().all()
                    problems += [f"database {self.name}: {line}." for line in found if line != "ok"]
                    orphans = connection.execute(text("PRAGMA foreign_key_check")).fetchall()
                    problems += [
                        f"database {self.name}: table {row[0]} has a row without its {row[2]}." for row in orphans
                    ]
        except StoreError as error:
            problems.append(str(error))
        return problems


def upgrade(url: str) -> tuple[str | None, str]:
    """Bring a database's schema to this code's version; see `penstock.store.schema.upgrade`."""
    database = Database(url)
    try:
        return schema.upgrade(database)
    finally:
        database.close()


def _require_schema(database: Database, *, create: bool) -> None:
    if database.path is not None and not database.path.exists():
        if not create:
            raise StoreError(f"database {database.path}: there is no such file. Make it with `penstock init`.")
        schema.create(database)
    with database.read() as connection:
        found = schema.found_version(connection)
    if found is None and create:
        schema.create(database)
        with database.read() as connection:
            found = schema.found_version(connection)
    problem = schema.refusal(found, database.name)
    if problem:
        raise StoreError(problem)
