"""The scheduler's role, held by one process at a time and freed by the system if that process dies.

SQLite: ``flock`` on a file beside the database; each of the holder's transactions checks that the file is still that
one. PostgreSQL: an advisory lock of a session of its own, and a token in the table ``meta`` that each of the holder's
transactions checks, so that a holder whose session was cut cannot write any more once another has taken over. The end of
the session is seen at once, by whoever waits on its descriptor, and the lock is taken again or the role is lost.
"""

import fcntl
import os
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import msgspec
from sqlalchemy import Connection, select, text

from penstock.errors import StoreError, StoreHeldError
from penstock.store.sql.database import Database, this_host
from penstock.store.sql.tables import meta

_KEY = 0x50656E73_00000001
_META = "scheduler"
_TOKEN = select(meta.c.value).where(meta.c.key == _META)
# Text: PostgreSQL's catalog, which no table of ours describes.
_SESSIONS_WITH_LOCK = text(
    "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
    "WHERE d.datname = current_database() AND locktype = 'advisory' AND granted "
    "AND (classid::bigint << 32 | objid::bigint) = :key"
)
# Text: SQLAlchemy's ``ON CONFLICT`` is a dialect's own, and this is said on PostgreSQL alone.
_STORE_TOKEN = text(
    "INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)


class Holder(msgspec.Struct, frozen=True):
    """Who holds the role: what it calls itself, where it runs, and since when.

    Attributes:
        place: The machine and folder in which its tries run; "" once it has ended them.
        others: Places in which tries of earlier holders may still run.
    """

    holder: str
    host: str
    pid: int
    since: datetime
    token: str
    place: str = ""
    others: tuple[str, ...] = ()

    def refusal(self, name: str) -> StoreHeldError:
        """The error for whoever comes second."""
        return StoreHeldError(
            f"database {name}: {self.holder} already works on it (scheduler process {self.pid} on {self.host}, since "
            f"{self.since:%Y-%m-%d %H:%M:%S} UTC). Stop that one first, or use another database."
        )


class _Lock(Protocol):
    """The role while it is held."""

    def others(self) -> tuple[str, ...]: ...

    def fileno(self) -> int | None: ...

    def keep(self) -> None: ...

    def confirm(self, connection: Connection) -> None: ...

    def settle(self, locations: Collection[str]) -> None: ...

    def release(self) -> None: ...


class LeaderLock:
    """The scheduler's role in one database, for one store."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock: _Lock | None = None

    def acquire(self, name: str, now: datetime, place: str = "") -> None:
        """Take the scheduler's role until `release` or the end of this process, however it ends.

        From then on each transaction of this store checks that the role is still its own.

        Args:
            name: What to call the holder in the message to whoever comes second, such as ``"penstock up"``.
            now: The present.
            place: The machine and folder in which its tries will run.

        Raises:
            StoreHeldError: Another process has it; the message says which, where and since when.
            StoreError: The lock cannot be asked for.
        """
        me = Holder(name, this_host(), os.getpid(), now.astimezone(UTC), uuid4().hex, place)
        path = self._database.path
        self._lock = _FileLock(path, self._database.name, me) if path is not None else _SessionLock(self._database, me)

    def holder(self) -> Holder | None:
        """Who has the role now, as far as is known without asking for it; None if nobody has. Raises StoreError."""
        path = self._database.path
        return _session_holder(self._database) if path is None else _file_holder(path)

    def fileno(self) -> int | None:
        """A descriptor that is readable when the role may have been lost, so that `keep` is to be called.

        None if it was not taken here, or cannot be lost without a transaction's notice (SQLite). It may change at `keep`.
        """
        return None if self._lock is None else self._lock.fileno()

    def keep(self) -> None:
        """Take the role again if the session that held it has ended.

        Raises:
            StoreHeldError: Another process has, or had, the role meanwhile: what this one knows may be out of date.
            StoreError: The server cannot be reached.
        """
        if self._lock is not None:
            self._lock.keep()

    @property
    def others(self) -> tuple[str, ...]:
        """Places of earlier holders that have not said that their tries are over; never any with SQLite."""
        return () if self._lock is None else self._lock.others()

    def settle(self, locations: Collection[str]) -> None:
        """Note that no try lives in these locations any more; raises StoreError if another process has the role by now."""
        if self._lock is not None:
            self._lock.settle(locations)

    def confirm(self, connection: Connection) -> None:
        """Check within a transaction that the role, if it was taken here, is still ours.

        Raises:
            StoreHeldError: Another process has it now.
            StoreError: The lock file was deleted and cannot be made again.
        """
        if self._lock is not None:
            self._lock.confirm(connection)

    def release(self) -> None:
        """Give the role up, if it was taken here."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def _session_holder(database: Database) -> Holder | None:
    with database.read() as connection:
        taken = connection.execute(_SESSIONS_WITH_LOCK, {"key": _KEY}).scalar()
        return _read(_stored(connection).encode()) if taken else None


def _file_holder(database: Path) -> Holder | None:
    try:
        holder = _read(_lock_file(database).read_bytes())
    except OSError:
        return None
    return holder if holder is not None and (holder.host != this_host() or _alive(holder.pid)) else None


class _FileLock:
    def __init__(self, path: Path, name: str, me: Holder) -> None:
        self._path, self._name, self._me = _lock_file(path), name, me
        self._descriptor = self._locked()

    def _locked(self) -> int:
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(
                f"{self._path}: the lock file cannot be opened: {error.strerror}. Check owner and mode."
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = _read(os.pread(descriptor, 4096, 0))
            os.close(descriptor)
            raise _held(other, self._name) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, msgspec.json.encode(self._me), 0)
        return descriptor

    def fileno(self) -> int | None:
        return None

    def keep(self) -> None:
        pass

    def confirm(self, connection: Connection) -> None:  # noqa: ARG002 - the other database's lock needs it
        """The system keeps the lock as long as this process lives, but on a file that may have been deleted."""
        try:
            same = os.path.samestat(self._path.stat(), os.fstat(self._descriptor))
        except FileNotFoundError:
            same = False
        if not same:
            # Whoever came after the deletion has locked another file, and this write waits behind theirs.
            descriptor = self._locked()
            os.close(self._descriptor)
            self._descriptor = descriptor

    def others(self) -> tuple[str, ...]:
        return ()  # the file is one machine's, whose executor lock tells whether earlier tries live

    def settle(self, locations: Collection[str]) -> None:
        pass

    def release(self) -> None:
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


class _SessionLock:
    def __init__(self, database: Database, me: Holder) -> None:
        self._database, self._me = database, me
        self._session = self._locked()
        try:
            with database.write() as connection:
                before = _read(_stored(connection).encode())
                known = {before.place, *before.others} if before is not None else set()
                self._store(connection, me.place, tuple(sorted(known - {me.place, ""})))
        except BaseException:
            self._session.close()
            raise

    def _store(self, connection: Connection, place: str, others: tuple[str, ...]) -> None:
        self._me = msgspec.structs.replace(self._me, place=place, others=others)
        connection.execute(_STORE_TOKEN, {"key": _META, "value": msgspec.json.encode(self._me).decode()})

    def others(self) -> tuple[str, ...]:
        return self._me.others

    def settle(self, locations: Collection[str]) -> None:
        me = self._me
        with self._database.write() as connection:
            self.confirm(connection)
            left = tuple(place for place in me.others if place not in locations)
            self._store(connection, "" if me.place in locations else me.place, left)

    def _locked(self) -> Any:  # noqa: ANN401 - psycopg is optional, so its type cannot be named
        me = self._me
        session = self._database.single(f"penstock {me.holder} {me.host}:{me.pid}")
        with self._database.session_errors():
            taken = session.execute("SELECT pg_try_advisory_lock(%s)", (_KEY,)).fetchone()[0]
        if not taken:
            session.close()
            with self._database.read() as connection:
                raise _held(_read(_stored(connection).encode()), self._database.name)
        return session

    def fileno(self) -> int | None:
        return int(self._session.fileno())

    def keep(self) -> None:
        try:
            with self._database.session_errors():
                self._session.execute("SELECT 1")
        except StoreError:
            self._session.close()
            self._session = self._locked()
            with self._database.read() as connection:
                self._check_token(connection)

    def confirm(self, connection: Connection) -> None:
        # The row is locked until the caller commits: who takes the role over waits for that, and then we see its token.
        self._check_token(connection, share=True)

    def _check_token(self, connection: Connection, *, share: bool = False) -> None:
        other = _read(_stored(connection, share=share).encode())
        if other is None or other.token != self._me.token:
            raise _held(other, self._database.name)

    def release(self) -> None:
        self._session.close()


def _lock_file(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _stored(connection: Connection, *, share: bool = False) -> str:
    return connection.execute(_TOKEN.with_for_update(read=True) if share else _TOKEN).scalar() or ""


def _read(data: bytes) -> Holder | None:
    try:
        return msgspec.json.decode(data, type=Holder)
    except msgspec.DecodeError:
        return None


def _held(other: Holder | None, name: str) -> StoreHeldError:
    if other is not None:
        return other.refusal(name)
    return StoreHeldError(f"database {name}: another scheduler already works on it. Stop that one first.")
