"""The scheduler's role in a SQLite database: ``flock`` on a file beside it, which the system frees if the holder dies."""

import fcntl
import os
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace

from penstock.decoders import decode_json
from penstock.errors import StoreError, StoreHeldError
from penstock.store.schedulers.holder import Holder, alive
from penstock.store.sql.database import this_host
from penstock.store.sql.pipeline import Proof


class FileLock:
    """The lock of one database, taken for a process until its end.

    Args:
        path: The database's file.
        me: Who takes it.

    Raises:
        StoreHeldError: Another process has it.
        StoreError: The lock file cannot be opened.
    """

    def __init__(self, path: Path, me: Holder) -> None:
        self._database, self._path, self._me = path, _lock_file(path), me
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
            raise _held(other, self._database) from None
        self._write(descriptor)
        return descriptor

    def _write(self, descriptor: int) -> None:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, msgspec.json.encode(self._me), 0)

    def drain(self, now: datetime) -> None:
        """Say that the holder drains."""
        self._me = replace(self._me, draining_since=now)
        self._write(self._descriptor)

    @property
    def proof(self) -> Proof:
        """What shows that it is still held: the database is not asked."""
        return Proof("", {}, lambda _: self._confirm())

    def _confirm(self) -> None:
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

    def release(self) -> None:
        """Give it up."""
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


def file_holder(database: Path) -> Holder | None:
    """Who has the lock of a database, as far as its file says; None if nobody has."""
    try:
        holder = _read(_lock_file(database).read_bytes())
    except OSError:
        return None
    return holder if holder is not None and (holder.host != this_host() or alive(holder.pid)) else None


def _lock_file(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def _read(data: bytes) -> Holder | None:
    try:
        return decode_json(data, Holder)
    except msgspec.DecodeError:
        return None


def _held(other: Holder | None, database: Path) -> StoreHeldError:
    if other is not None:
        return other.refusal(str(database))
    return StoreHeldError(f"database {database}: another scheduler already works on it. Stop that one first.")
