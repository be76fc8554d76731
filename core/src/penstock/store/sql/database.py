"""One database: how to reach it, and its two kinds of transaction."""

import os
import select
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, NoSuchModuleError

from penstock.errors import CommitUnknownError, ConfigError, StoreUnavailableError
from penstock.store.sql.database_files import DatabaseFiles
from penstock.store.sql.driver_errors import translate_errors, translated
from penstock.store.sql.pipeline import Pipeline, Proof

APPLICATION = "penstock"
"""How the server knows the sessions of all processes of Penstock: their names begin with it."""
_PAGES_PER_CHECKPOINT = 4000
_STATUS = text("SELECT pg_xact_status(CAST(:number AS xid8))")
# https://www.postgresql.org/docs/14/libpq-connect.html#LIBPQ-PARAMKEYWORDS: what is sent and not acknowledged is no idle line.
_KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
# https://www.postgresql.org/docs/14/runtime-config-connection.html: else the server keeps what a lost machine held for two hours.
_SERVER_KEEPALIVE = "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3"


class Database:
    """A pool of connections to one SQLite file or PostgreSQL database; for several threads, but not over a fork.

    SQLite keeps a write-ahead log, flushed to the disk at each commit (``synchronous=FULL``): what is committed
    survives a power cut.

    Args:
        url: ``sqlite:///path/to/file`` or ``postgresql://user:password@host:port/name``.
        wait_s: Seconds to wait for another writer's lock before giving up.

    Attributes:
        sqlite: Whether it is SQLite rather than PostgreSQL.
        path: The SQLite file, or None.
        name: The database for messages, without its password.
        engine: SQLAlchemy's engine.
        commits: How many transactions this process has committed by it: counted before whoever asked for one is told that it is done.
    """

    def __init__(self, url: str, *, wait_s: float = 10.0) -> None:
        parsed = _parse(url)
        self.url = parsed
        self.wait_s = wait_s
        self.sqlite = parsed.get_backend_name() == "sqlite"
        self.path = Path(parsed.database or "").absolute() if self.sqlite else None
        self.name = str(self.path) if self.path else parsed.render_as_string(hide_password=True)
        self._signature: dict[str, str] = {}
        self._files = DatabaseFiles(self.path) if self.path else None
        self.engine = _sqlite(parsed, wait_s, self._files) if self._files else _postgres(parsed, self._signature)
        self._view = threading.local()
        self.commits, self._counting = 0, threading.Lock()

    def close(self) -> None:
        """Close every connection of the pool."""
        self.engine.dispose()

    def sign(self, application: str) -> None:
        """Have the server know every session of the pool by a name, from now on (PostgreSQL)."""
        self._signature["application_name"] = application
        self.engine.dispose()

    def check_file(self) -> None:
        """Check that the SQLite file, and those beside it, are still the ones that were opened first.

        A process that has a deleted file open could go on in it unnoticed, and all of that would be lost.

        Raises:
            StoreGoneError: One was deleted or replaced.
            StoreUnavailableError: Their folder cannot be reached.
        """
        if self._files is not None:
            self._files.check()

    def user_of_file(self) -> str:
        """A process that has the SQLite file open; "" if none is known. Not to be asked once it is open here."""
        return "" if self._files is None else self._files.user()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view of the database; nothing is written. Raises StoreError if it cannot serve."""
        if (written := getattr(self._view, "written", None)) is not None:
            connection = written()
            with self.savepoint(connection):
                yield connection
            return
        if (viewed := getattr(self._view, "connection", None)) is not None:
            with self._within(viewed):
                yield viewed
            return
        self.check_file()
        with translate_errors(self.name, self.wait_s), self.engine.connect() as connection:
            if self.sqlite:
                _begin(connection, "BEGIN")
            else:
                connection = connection.execution_options(  # noqa: PLW2901 - the same connection
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            # At a rollback psycopg forgets which statements the server has prepared: all would be parsed and planned each time.
            connection.rollback() if self.sqlite else connection.commit()

    @contextmanager
    def view(self) -> Iterator[None]:
        """One consistent view for all that this thread reads within the block; raises as `read`.

        A read that fails is the end of the view: those after it see what is there by then.
        """
        with self.read() as connection:
            self._view.connection = connection
            try:
                yield
            finally:
                self._view.connection = None

    @contextmanager
    def seen_by_this_thread(self, written: Callable[[], Connection]) -> Iterator[None]:
        """All that this thread reads within the block sees what an open transaction has written.

        Args:
            written: Gives the transaction's connection, once something is read.
        """
        self._view.written = written
        try:
            yield
        finally:
            self._view.written = None

    @contextmanager
    def savepoint(self, written: Connection) -> Iterator[None]:
        """A part of an open transaction, which goes on if the part fails; raises StoreError or DataRefusedError."""
        with translate_errors(self.name, self.wait_s), written.begin_nested():
            yield

    @contextmanager
    def _within(self, connection: Connection) -> Iterator[None]:
        """One read of several that share a view."""
        with translate_errors(self.name, self.wait_s):
            try:
                yield
            except BaseException:
                # PostgreSQL answers nothing more in a transaction in which a statement has failed.
                connection.rollback()
                if self.sqlite:
                    _begin(connection, "BEGIN")
                raise

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction of statements with answers; see `pipeline`."""
        with self.pipeline() as pipeline:
            yield pipeline.connection

    @contextmanager
    def pipeline(self, proofs: Sequence[Proof] = ()) -> Iterator[Pipeline]:
        """One transaction: all of it is durable when the block has ended, or none if it raised.

        Args:
            proofs: What shows that it may write.

        SQLite takes the one writer's lock at the begin: a transaction that asked for it only at its first write could be
        refused at once, because of what it has read before, instead of waiting its turn.

        Raises:
            StoreError: The database cannot serve, or cannot be had in time.
            CommitUnknownError: The session was cut at the end, and all of it may be durable.
            StoreGoneError: A file of it was deleted or replaced.
            DataRefusedError: A value cannot be stored.
        """
        self.check_file()
        with translate_errors(self.name, self.wait_s), self.engine.connect() as connection:
            if self.sqlite:
                _begin(connection, "BEGIN IMMEDIATE")
            else:
                connection.begin()
            try:
                pipeline = Pipeline(connection, proofs)
                yield pipeline
                number = pipeline.finish()
            except BaseException:
                with suppress(DBAPIError):  # the session may be cut: what it was cut by says more
                    connection.rollback()
                raise
            self._commit(connection, number)

    def committed(self, transaction: str) -> bool:
        """Whether a transaction of PostgreSQL, by its number, is durable; raises StoreUnavailableError until that is known."""
        with self.read() as connection:
            status = connection.execute(_STATUS, {"number": transaction}).scalar()
        if status == "in progress":
            raise StoreUnavailableError(f"database {self.name}: the server has not ended a session that was cut.")
        return bool(status == "committed")

    def _commit(self, connection: Connection, number: str | None) -> None:
        """Commit; a session that is cut meanwhile leaves it open whether that was done, unless the server can say so."""
        try:
            with translate_errors(self.name, self.wait_s):
                connection.commit()
        except StoreUnavailableError as error:
            if number is None:
                raise
            raise CommitUnknownError(str(error), number) from error
        finally:  # it may be durable whatever was heard of it
            with self._counting:
                self.commits += 1

    def single(self, application: str) -> Any:  # noqa: ANN401 - psycopg is optional, so its type cannot be named
        """A PostgreSQL session of its own in autocommit, outside of the pool, of which both ends notice a dead network.

        Raises:
            StoreUnavailableError: The database cannot be reached.
        """
        with translate_errors(self.name, self.wait_s):
            dialect = self.engine.dialect
            arguments, options = dialect.create_connect_args(self.url)
            options = {**options, "autocommit": True, "application_name": application[:63], **_KEEPALIVE}
            try:
                session = dialect.loaded_dbapi.connect(*arguments, **options)
                session.execute(_SERVER_KEEPALIVE)
            except dialect.loaded_dbapi.Error as error:
                raise StoreUnavailableError(f"database {self.name}: the server cannot be reached: {error}") from error
            return session

    @contextmanager
    def session_errors(self) -> Iterator[None]:
        """Raise what the driver raises for a session of `single` as a StoreError."""
        try:
            yield
        except self.engine.dialect.loaded_dbapi.Error as error:
            raise translated(error, self.name, self.wait_s) from error


def _begin(connection: Connection, statement: str) -> None:
    """Begin a transaction by the driver itself: SQLAlchemy would take as long for this as for what the transaction is for."""
    connection.begin()
    cast("sqlite3.Connection", connection.connection.driver_connection).execute(statement).close()


def this_host() -> str:
    """The name of this machine, for messages to people."""
    return socket.gethostname()


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigError(
            "the database URL cannot be read. Write sqlite:///path/to/file or postgresql://user:password@host/name."
        ) from None
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise ConfigError(
            f"database {parsed.render_as_string()}: Penstock works with sqlite:// and postgresql:// only."
        )
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise ConfigError("a database in memory cannot be shared by processes. Write sqlite:///path/to/file.")
    return parsed


def _sqlite(url: URL, wait_s: float, files: DatabaseFiles) -> Engine:
    engine = create_engine(url, connect_args={"timeout": wait_s, "isolation_level": None}, pool_reset_on_return=None)

    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        # No isolation level: the driver must not open transactions by its own guess of what a statement does.
        for pragma in (
            f"busy_timeout={int(wait_s * 1000)}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"wal_autocheckpoint={_PAGES_PER_CHECKPOINT}",
            "cache_size=-16000",
            "temp_store=MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}").close()
        with suppress(sqlite3.Error):  # the same comes of the first statement, in a sentence
            connection.execute("PRAGMA schema_version").close()  # the first read opens the files beside the database
        files.opened()

    event.listen(engine, "connect", prepare)
    for end in ("close", "close_detached"):
        event.listen(engine, end, lambda *_: files.closed())
    return engine


def _postgres(url: URL, signature: Mapping[str, str]) -> Engine:
    try:
        engine = create_engine(url, connect_args={"connect_timeout": 10, **_KEEPALIVE})
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise ConfigError(
            f"PostgreSQL needs a driver that is not installed ({error}). "
            "Install it with: pip install 'penstock-core[postgres]'"
        ) from None
    event.listen(
        engine, "do_connect", lambda _dialect, _record, _arguments, options: options.update(_signed(signature))
    )
    event.listen(engine, "checkout", _check_idle)
    return engine


def _signed(signature: Mapping[str, str]) -> Mapping[str, str]:
    """What a session is called: by what this process is, unless the URL says something else."""
    return signature or {"fallback_application_name": f"{APPLICATION} process {os.getpid()} on {this_host()}"[:63]}


def _check_idle(session: Any, _record: object, _proxy: object) -> None:  # noqa: ANN401 - psycopg is optional
    """Have the pool replace a session that was cut while it was idle: what there is to read from it is the end, or why it came.

    A ping would be a round trip for each transaction, and tell no more: the keepalives notice a network that is gone.
    """
    if not session.closed:
        poll = select.poll()
        poll.register(session.fileno(), select.POLLIN)
        if not poll.poll(0):
            return
    raise DisconnectionError
