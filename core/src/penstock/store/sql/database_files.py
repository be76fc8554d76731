"""The files of an SQLite database, of which a process that has them open would not notice that they are gone."""

import os
import select
import threading
from collections.abc import Sequence
from pathlib import Path

from penstock.errors import StoreGoneError, StoreUnavailableError

_GONE = "What was written since may be lost. Put it back, or start Penstock again to begin with what is there now."
_SAVED = (
    "Let all processes that have the database open end, without SIGKILL: the last of them writes what it still has into the database. "
    "Then start Penstock again, and look whether what was asked for last is there."
)
_LOCKS = Path("/proc/locks")
# https://www.sqlite.org/src/file/src/os.h: PENDING_BYTE + 2, and 510 bytes from there; held for as long as a WAL database is open.
_SHARED = ("1073741826", "1073742335")
_LOOKS, _BETWEEN_S = 20, 0.05  # whoever opens a database has it locked for a moment before it makes the files beside it
_TICK_NS = 20_000_000  # by which file systems tell times apart, and more

Identity = tuple[int, int]


class DatabaseFiles:
    """The database's own file, the write-ahead log and the index of that, which lie beside it while it is open.

    A process goes on in a file that was deleted, and another one makes a new file in its place: both would write, and one in vain.

    Args:
        path: The database's own file.
    """

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._beside = (f"{path}-wal", f"{path}-shm")
        self._folder = str(path.parent)
        self._file: Identity | None = None
        self._opened: tuple[Identity | None, ...] = ()
        self._settled: tuple[int, ...] = ()
        self._connections = 0
        self._lock = threading.Lock()

    def opened(self) -> None:
        """Note that a connection was opened: from the first to the last one, SQLite itself deletes no file."""
        with self._lock:
            if not self._connections:
                self._settled = ()
                self._opened = tuple(_identity(self._status(path)) for path in self._beside)
            self._connections += 1

    def closed(self) -> None:
        """Note that a connection was closed."""
        with self._lock:
            self._connections -= 1
            if not self._connections:
                self._opened = ()

    def check(self) -> None:
        """Check that all files are still those that were opened, and that what others have open is there.

        Raises:
            StoreGoneError: One was deleted or replaced.
            StoreUnavailableError: Their folder cannot be reached.
        """
        opened, folder = self._opened, self._status(self._folder)
        mark = () if folder is None else (folder.st_dev, folder.st_ino, folder.st_mtime_ns)
        if opened and mark and mark == self._settled:
            return
        found = self._status(self._path)
        self._check_own(found)
        if found is None:
            self._check_remains()
            return
        if not opened:
            self._check_others(_identity(found))
            return
        beside = [self._status(path) for path in self._beside]
        self._check_beside(beside, opened)
        # A folder has another time once an entry has come or gone, but for what happens in the same tick of the clock.
        if folder and max(each.st_mtime_ns for each in (found, *beside) if each) > folder.st_mtime_ns + _TICK_NS:
            self._settled = mark

    def user(self) -> str:
        """A process that has the database open; "" if none has, or if this system does not tell. Not to be asked once it is open here."""
        file = _identity(self._status(self._path))
        return "" if file is None else _holder(file, *_SHARED)

    def _check_own(self, status: os.stat_result | None) -> None:
        found = _identity(status)
        if found is None and self._file is not None:
            raise StoreGoneError(f"database {self._path}: the file was deleted while it was in use. {_GONE}")
        self._file = self._file or found
        if self._file != found:
            raise StoreGoneError(
                f"database {self._path}: another file was put in its place while it was in use. {_GONE}"
            )

    def _check_remains(self) -> None:
        """Check, before a database is made, that nobody has an earlier one open: he deletes what lies beside it as he ends."""
        shared = _identity(self._status(self._beside[1]))
        if shared is not None and (holder := _holder(shared)):
            raise StoreGoneError(
                f"database {self._path}: the file is gone, and process {holder} still has it open. Put it back from a backup; or, to begin "
                "with an empty one, let all processes that have it open end first."
            )

    def _check_beside(self, beside: Sequence[os.stat_result | None], opened: tuple[Identity | None, ...]) -> None:
        for path, status, known in zip(self._beside, beside, opened, strict=True):
            if _identity(status) != known and self._opened is opened:
                what = "was replaced by another file" if status and known else "was deleted"
                raise StoreGoneError(
                    f"database {self._path}: its {Path(path).name} {what} while the database was in use. {_SAVED}"
                )

    def _check_others(self, file: Identity | None) -> None:
        """Check, before the first connection, that nobody works in a file that is not to be seen any more."""
        for _ in range(_LOOKS):
            missing = [Path(path).name for path in self._beside if self._status(path) is None]
            if file is None or not missing or not (holder := _holder(file, *_SHARED)):
                return
            select.select([], [], [], _BETWEEN_S)
        raise StoreGoneError(
            f"database {self._path}: its {missing[0]} was deleted while process {holder} has the database open. {_SAVED}"
        )

    def _status(self, path: str) -> os.stat_result | None:
        try:
            return os.stat(path)  # noqa: PTH116 - each transaction asks, and a path object is slower
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreUnavailableError(f"database {self._path}: it cannot be reached: {error.strerror}.") from None


def _identity(status: os.stat_result | None) -> Identity | None:
    return None if status is None else (status.st_dev, status.st_ino)


def _holder(file: Identity, *part: str) -> str:
    """The process that has a file locked, or a part of it; "" if none has, or if this system does not tell.

    To ask by ``fcntl`` the file would have to be opened, and its closing would take away the locks of this process.
    """
    device, inode = file
    named = f"{os.major(device):02x}:{os.minor(device):02x}:{inode}"
    try:
        lines = _LOCKS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    locks = (line.split()[-4:] for line in lines)
    held = (process for process, locked, *where in locks if locked == named and part in ((), tuple(where)))
    return next(held, "")
