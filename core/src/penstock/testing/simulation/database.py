"""The real store, on a file in memory, watched and made to fail."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, Protocol, cast

from sqlalchemy import Connection, Dialect, Engine

from penstock.errors import CommitUnknownError, StoreError, StoreUnavailableError
from penstock.model.assets.event import AssetEvent
from penstock.model.changes import Changes
from penstock.model.run import Run
from penstock.store import Keyring, Store, Transaction, new_key
from penstock.store.checkpoints.checkpoints import Checkpoints
from penstock.store.checkpoints.state_store import StateStore
from penstock.store.config import Config
from penstock.store.inbox.requests import Requests
from penstock.store.quarantine.quarantine import Quarantine
from penstock.store.schedulers.role import SchedulerRole
from penstock.store.sql.database import Database
from penstock.store.transaction import Statements, Writer

_LATER = datetime(9000, 1, 1, tzinfo=UTC)
"""After all that is simulated: till then the change feed is written."""
_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of the simulator's own is made in it
_STATEMENTS: dict[object, object] = {}
"""Compiled statements, which are the same for each store of one dialect."""

KEYRING = Keyring([new_key()], "the simulator's key")


class Fate(Protocol):
    """What befalls the scheduler where it meets the outside."""

    def moment(self, where: str) -> None:
        """Here it may be stopped for a while, or killed."""

    def chance(self, share: float) -> bool:
        """Whether something of this likelihood happens."""

    def committed(self, applied: Sequence[tuple[Changes, list[Run | AssetEvent]]]) -> None:
        """A turn is durable, with the changes of these steps."""

    def kept(self) -> None:
        """What a try has asked to keep is durable."""

    def set_aside(self) -> None:
        """Something is durable as what nobody can handle; a run may have failed by that."""

    def rolled_back(self) -> None:
        """A transaction has left nothing."""


@dataclass(frozen=True, eq=False)
class WatchedStore(Store):
    """A store whose transactions fail at times."""

    def committed(self, transaction: str) -> bool:
        """Whether a transaction is durable of which that was open.

        Raises:
            StoreUnavailableError: It stays open for a while.
        """
        writer = self.writer
        assert isinstance(writer, WatchedWriter)
        fate = writer.fate
        fate.moment("asking for a transaction")
        if fate.chance(0.3):
            raise StoreUnavailableError("the server has not ended a session that was cut.")
        return transaction == "durable"


Applied = list[tuple[Changes, list[Run | AssetEvent]]]


class WatchedWriter(Writer):
    """Opens transactions that fail before and after they are durable, and leave that open.

    Args:
        done: Called with the changes of the steps of a transaction that is durable.
    """

    def __init__(self, store: Store, fate: Fate, done: Callable[[Applied], None]) -> None:
        super().__init__(store.database, store.role)
        self.fate, self._done = fate, done
        self.statements = _statements(store.database.engine.dialect)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction."""
        fate, applied = self.fate, Applied()
        cut = fate.chance(0.01)
        try:
            fate.moment("before a transaction")
            _fail(fate)
            with super().transaction() as tx:
                apply = tx.apply

                def noted(changes: Changes, now: datetime) -> list[Run | AssetEvent]:
                    applied.append((changes, apply(changes, now)))
                    return applied[-1][1]

                tx.apply = noted  # type: ignore[method-assign]
                yield tx
                fate.moment("before the commit")
                if cut and fate.chance(0.5):
                    _cut("gone")
        except BaseException:
            fate.rolled_back()
            raise
        self._done(applied)
        if cut:
            _cut("durable")
        fate.moment("after the commit")


@cache
def _statements(dialect: Dialect) -> Statements:
    return Statements(dialect)


def _fail(fate: Fate) -> None:
    if fate.chance(0.004):
        raise StoreError("the database is damaged.")
    if fate.chance(0.01):
        raise StoreUnavailableError("the server cannot be reached.")


def _cut(transaction: str) -> NoReturn:
    raise CommitUnknownError("the session was cut.", transaction)


def new_folder() -> Path:
    """A new folder in memory with an empty database in it."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-simulator-", dir=_MEMORY if _MEMORY.is_dir() else None))
    (folder / "penstock.db").write_bytes(_empty())
    return folder


def url_of(folder: Path) -> str:
    """The URL of its database."""
    return f"sqlite:///{folder}/penstock.db"


class KeptEngine:
    """An engine of one connection, which it hands out again and again: to make one costs more than most of what is asked.

    Args:
        engine: Makes it, and more of them for who asks within a transaction.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine, self.dialect = engine, engine.dialect
        self._connection: Connection | None = None
        self._lent = False

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """The connection; what is left open in it at the end is rolled back."""
        if self._lent:
            with self._engine.connect() as connection:
                yield connection
            return
        self._connection = connection = self._connection or self._engine.connect()
        self._lent = True
        try:
            yield connection
        finally:
            self._lent = False
            if connection.in_transaction():
                connection.rollback()

    def dispose(self) -> None:
        """Close nothing: the next process of the world goes on with it."""

    def close(self) -> None:
        """Close what there is."""
        if self._connection is not None:
            self._connection.close()
        self._engine.dispose()


def database_of(folder: Path, prepare: Callable[[Engine], None] = lambda _: None) -> Database:
    """A folder's database, which waits for no lock; whoever opens it closes its engine.

    Args:
        folder: The folder.
        prepare: Is given the engine before it connects.
    """
    database = Database(url_of(folder), wait_s=0.0)
    engine = database.engine
    prepare(engine)
    engine.dialect = _dialect(engine)
    engine.update_execution_options(compiled_cache=_STATEMENTS)
    database.engine = cast("Engine", KeptEngine(engine))  # of an engine, a database wants no more than this
    return database


def close(database: Database) -> None:
    """Close a database of a world for good."""
    kept: Any = database.engine
    kept.close()


_DIALECTS: list[Dialect] = []


def _dialect(engine: Engine) -> Dialect:
    """The dialect of all engines: a statement is compiled for one object of it, and that costs more than to execute it."""
    _DIALECTS[:] = _DIALECTS or [engine.dialect]
    return _DIALECTS[0]


def open_watched(database: Database, fate: Fate, role_of: Callable[[Database], SchedulerRole] = SchedulerRole) -> Store:
    """The store of a process of the scheduler."""
    store = WatchedStore.over(database, KEYRING, role_of)
    turns = WatchedWriter(store, fate, lambda applied: fate.committed(applied) if applied else None)
    asked = WatchedWriter(store, fate, lambda _: None)
    return replace(
        store,
        writer=turns,
        checkpoints=Checkpoints(database, WatchedWriter(store, fate, lambda _: fate.kept())),
        state_store=StateStore(database, asked),
        requests=Requests(database, asked),
        quarantine=Quarantine(database, WatchedWriter(store, fate, lambda _: fate.set_aside())),
        config=Config(database, asked, KEYRING),
    )


@cache
def _empty() -> bytes:
    folder = tempfile.mkdtemp(prefix="penstock-simulator-", dir=_MEMORY if _MEMORY.is_dir() else None)
    try:
        with Store.open(f"sqlite:///{folder}/penstock.db", KEYRING) as store:
            store.feed.attend(_LATER)
        return Path(folder, "penstock.db").read_bytes()
    finally:
        shutil.rmtree(folder)
