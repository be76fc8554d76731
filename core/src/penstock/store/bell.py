"""The doorbell: a process that has written something wakes those that wait for it, at once and without polling.

A bell is a hint, never the news itself: whoever hears it looks into the database. SQLite: each listener has a named
pipe in a folder beside the database, and who rings writes one byte to each; a pipe has no limit on the length of its
path, as a socket has. PostgreSQL: NOTIFY, sent with the transaction.
"""

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from sqlalchemy import Connection, text

from penstock.errors import StoreError
from penstock.store.database import Database

_CHANNEL = "penstock_"


class Bell(Protocol):
    """A listener: its descriptor is readable once somebody has rung, until `drain`."""

    def fileno(self) -> int:
        """The descriptor to wait on; it may change at `drain`."""

    def drain(self) -> None:
        """Make the descriptor quiet until the next ring; never blocks. Raises StoreError if the server is gone."""

    def close(self) -> None:
        """Stop listening."""


def listen(database: Database, topic: str) -> Bell:
    """Listen for rings of this topic; raises StoreError if that cannot be set up."""
    if database.path is not None:
        return _Pipe(_folder(database.path), topic)
    return _Notifications(database, topic)


def ring(database: Database, topic: str) -> None:
    """Wake every listener of the topic, after the transaction was committed (SQLite; elsewhere without effect)."""
    if database.path is None:
        return
    with suppress(FileNotFoundError):
        for entry in os.scandir(_folder(database.path)):
            if entry.name.startswith(f"{topic}-"):
                _write(entry.path)


def ring_at_commit(connection: Connection, topic: str) -> None:
    """Wake every listener of the topic when this transaction is committed (PostgreSQL; elsewhere without effect)."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_notify(:channel, '')"), {"channel": _CHANNEL + topic})


def _folder(path: Path) -> Path:
    return path.with_name(path.name + ".bells")


def _write(path: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:
            with suppress(OSError):
                Path(path).unlink()  # Nobody reads it: its listener was killed.
        return
    try:
        with suppress(BlockingIOError, BrokenPipeError):  # A full pipe has been rung often enough.
            os.write(descriptor, b"!")
    finally:
        os.close(descriptor)


class _Pipe:
    def __init__(self, folder: Path, topic: str) -> None:
        name = f"{topic}-{os.getpid()}-{uuid4().hex[:8]}"
        self._path = folder / name
        draft = folder / f".{name}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            os.mkfifo(draft)
            # Open for writing, too, so that the pipe never reports an end of file when a ringer goes.
            self._descriptor = os.open(draft, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            # Named last: a ringer that finds a pipe without a reader takes it for a dead one and removes it.
            draft.rename(self._path)
        except OSError as error:
            raise StoreError(
                f"{self._path}: the doorbell cannot be made: {error.strerror}. Check owner and mode of {folder.parent}."
            ) from None

    def fileno(self) -> int:
        return self._descriptor

    def drain(self) -> None:
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
        self._session = self._database.single(f"penstock bell {self._topic}")
        self._session.execute(f"LISTEN {_CHANNEL}{self._topic}")

    def fileno(self) -> int:
        if self._session.closed:
            raise StoreError(f"database {self._database.name}: the doorbell's session is cut. Drain it to reconnect.")
        return int(self._session.fileno())

    def drain(self) -> None:
        driver = self._database.engine.dialect.loaded_dbapi
        try:
            for _ in self._session.notifies(timeout=0):
                pass
        except driver.Error:
            self._session.close()
            self._open()

    def close(self) -> None:
        self._session.close()
