"""Wakeups: a process that has written something wakes those that wait for it, at once and without polling.

A wakeup is a hint, never the news itself: whoever gets it looks into the database. It is lost if its sender is killed after the
commit: whoever waits looks from time to time without one. SQLite: each waiter has a named pipe in a folder beside the database, and
the sender writes one byte to each; a pipe has no limit on the length of its path, as a socket has. PostgreSQL: NOTIFY, sent with the
transaction.
"""

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from sqlalchemy import Connection

from penstock.errors import StoreError
from penstock.store.sql.database import Database

SCHEDULER, VARIABLES, NOTICES = "scheduler", "variables", "notices"
"""The topics: requests for the scheduler, changed Variables, and notices for listeners."""

_CHANNEL = "penstock_"
_NOTIFY = "SELECT pg_notify(%s, '')"


class Wakeup(Protocol):
    """What a waiter waits on: its descriptor is readable once the topic was written to, until `drain`."""

    def fileno(self) -> int:
        """The descriptor to wait on; it may change at `drain`."""

    @property
    def cut(self) -> bool:
        """Whether nothing will be heard any more before `drain` is called."""

    def drain(self) -> None:
        """Make the descriptor quiet until the next wakeup, and hear again if it was cut; never blocks. Raises StoreError if it cannot."""

    def close(self) -> None:
        """Stop waiting."""


class Wakeups:
    """Waits for what other processes write, and wakes them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def listen(self, topic: str = SCHEDULER) -> Wakeup:
        """Wait for a topic from now on.

        Raises:
            StoreError: The pipe cannot be made, or the server cannot be reached.
        """
        if self._database.path is not None:
            return _Pipe(_folder(self._database.path), topic)
        return _Notifications(self._database, topic)

    def send(self, topic: str = SCHEDULER) -> None:
        """Wake the waiters of a topic, without anything written; raises StoreError if the server cannot be reached."""
        if self._database.sqlite:  # to wake needs no transaction, which would wait for other writers
            send(self._database, topic)
            return
        with self._database.write() as connection:
            send_at_commit(connection, topic)


def send(database: Database, topic: str) -> None:
    """Wake every waiter of the topic, after the transaction was committed (SQLite; elsewhere without effect)."""
    if database.path is None:
        return
    with suppress(FileNotFoundError):
        for entry in os.scandir(_folder(database.path)):
            if entry.name.startswith(f"{topic}-"):
                _write(entry.path)


def send_at_commit(connection: Connection, topic: str) -> None:
    """Wake every waiter of the topic when this transaction is committed (PostgreSQL; elsewhere without effect)."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(*notification(topic))


def notification(topic: str) -> tuple[str, tuple[str]]:
    """The statement that does so, in the driver's form, with its values (PostgreSQL)."""
    return _NOTIFY, (_CHANNEL + topic,)


def _folder(path: Path) -> Path:
    return path.with_name(path.name + ".wakeups")


def _write(path: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:
            with suppress(OSError):
                Path(path).unlink()  # Nobody reads it: its waiter was killed.
        return
    try:
        with suppress(BlockingIOError, BrokenPipeError):  # A full pipe wakes its waiter already.
            os.write(descriptor, b"!")
    finally:
        os.close(descriptor)


class _Pipe:
    def __init__(self, folder: Path, topic: str) -> None:
        self._folder, self._topic = folder, topic
        self._open()

    def _open(self) -> None:
        folder, name = self._folder, f"{self._topic}-{os.getpid()}-{uuid4().hex[:8]}"
        self._path = folder / name
        draft = folder / f".{name}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            os.mkfifo(draft)
            # Open for writing, too, so that the pipe never reports an end of file when a sender goes.
            self._descriptor = os.open(draft, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            # Named last: a sender that finds a pipe without a reader takes it for a dead one and removes it.
            draft.rename(self._path)
        except OSError as error:
            raise StoreError(
                f"{self._path}: the pipe for wakeups cannot be made: {error.strerror}. Check owner and mode of {folder.parent}."
            ) from None

    def fileno(self) -> int:
        return self._descriptor

    @property
    def cut(self) -> bool:
        try:
            return not os.path.samestat(self._path.stat(), os.fstat(self._descriptor))
        except OSError:  # somebody has tidied the folder up
            return True

    def drain(self) -> None:
        if self.cut:
            old = self._descriptor
            self._open()
            os.close(old)
        with suppress(BlockingIOError):
            while os.read(self._descriptor, 4096):
                pass

    def close(self) -> None:
        with suppress(FileNotFoundError):
            self._path.unlink()
        os.close(self._descriptor)


class _Notifications:
    def __init__(self, database: Database, topic: str) -> None:
        self._database, self._topic = database, topic
        self._session: Any = None
        self._open()

    def _open(self) -> None:
        self._session = self._database.single(f"penstock wakeup {self._topic}")
        with self._database.session_errors():
            self._session.execute(f"LISTEN {_CHANNEL}{self._topic}")

    def fileno(self) -> int:
        if self._session.closed:
            raise StoreError(f"database {self._database.name}: the session for wakeups is cut. Drain it to reconnect.")
        return int(self._session.fileno())

    @property
    def cut(self) -> bool:
        return bool(self._session.closed)

    def drain(self) -> None:
        driver = self._database.engine.dialect.loaded_dbapi
        try:
            for _ in self._session.notifies(timeout=0):
                pass
        except driver.Error:
            self._session.close()
            self._open()  # while the server is away this raises, and the next call tries again: the session stays cut

    def close(self) -> None:
        self._session.close()
