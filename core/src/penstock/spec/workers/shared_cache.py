"""Folders that a worker has fetched by their content hash: each once, shared by all tries of the machine, and not too many."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from penstock.processes.draft import DRAFT, draft_of
from penstock.spec.archives.listed_archives import LIST

LONGEST_UNUSED_S = 30 * 86_400
"""Seconds between the last use of a folder and that of another, after which it is removed."""
_LONGEST_DRAFT_S = 86_400


class SharedCache:
    """Folders by their content hash, each with a list of its files.

    Each that a try uses is locked by its worker, so that whichever worker takes too many away never takes that one.

    Args:
        folder: Where they are kept, by any number of workers; made if need be.
        most: How many are kept.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self._folder, self._most = folder, most

    @contextmanager
    def held(
        self, wanted: str, put: Callable[[], object], is_sound: Callable[[Path], bool] = lambda _path: True
    ) -> Iterator[Path]:
        """Hold a folder while a try uses it; it is put there unless it is, and others that are in excess are removed.

        Args:
            wanted: Its content hash.
            put: Puts it there, whole in one step; what it raises is raised.
            is_sound: Whether one that was there already can be used; it is put there anew if not.

        Raises:
            OSError: The folder cannot be used.
        """
        path, fetched = self._folder / wanted, False
        while True:
            if (lock := _lock(path, fcntl.LOCK_SH)) is not None:
                if fetched or is_sound(path):
                    break
                os.close(lock)
                self._set_aside(path)
            elif path.is_dir() and not (path / LIST).exists():
                # A cleaner of temporary folders may have been here; what is left would be taken for the whole.
                self._set_aside(path)
            put()
            fetched = True
        try:
            os.utime(path)
            if fetched:
                self._remove_excess()
            yield path
        finally:
            os.close(lock)

    def _remove_excess(self) -> None:
        used: list[tuple[float, Path]] = []
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # another worker was faster
                used.append((path.stat().st_mtime, path))
        newest = max(instant for instant, _ in used)
        whole = sorted((each for each in used if not each[1].name.startswith(DRAFT)), reverse=True)
        for number, (instant, path) in enumerate(whole):
            if number >= self._most or newest - instant > LONGEST_UNUSED_S:
                self._remove(path)
        for instant, path in used:
            if path.name.startswith(DRAFT) and newest - instant > _LONGEST_DRAFT_S:
                shutil.rmtree(path, ignore_errors=True)

    def _remove(self, path: Path) -> None:
        """Remove a folder that no try uses."""
        with suppress(OSError):
            lock = _lock(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if lock is None:
                return
            try:
                self._set_aside(path)
            finally:
                os.close(lock)

    def _set_aside(self, path: Path) -> None:
        """Take a folder away, under another name at once: whoever waits for its lock then finds it gone, and fetches it."""
        removed = draft_of(self._folder)
        with suppress(FileNotFoundError):
            path.rename(removed)
        shutil.rmtree(removed, ignore_errors=True)


def _lock(path: Path, how: int) -> int | None:
    """Lock a folder, and give the descriptor that holds the lock; None if it is not there, or no longer.

    Raises:
        OSError: It cannot be locked.
    """
    try:
        descriptor = os.open(path / LIST, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, how)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.stat(path / LIST), os.fstat(descriptor)):  # noqa: PTH116 - beside fstat
                return descriptor
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
