"""Which tries the scheduler is dealing with, in a file that outlives its process however that ends.

An error of Python's is caught, and put into quarantine. What no program can catch (memory that has run out, a fault in
an extension module, SIGKILL) leaves the note behind, so that the next scheduler knows whose word may have done it. The
note is not flushed to the disk: it is about the end of a process, and not about that of the machine.
"""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from penstock.decoders import decode_msgpack
from penstock.model.run import TaskKey

Tries = frozenset[tuple[TaskKey, int]]


class InHand:
    """The note.

    Args:
        path: The file; None to keep no note.

    Attributes:
        suspects: Keys and epochs of the tries that an earlier scheduler was dealing with when its process ended.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._file = -1 if path is None else os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.suspects: Tries = frozenset() if path is None else _read(path)
        self._noted = b""
        self._write(b"")

    @contextmanager
    def dealing(self, tries: Collection[tuple[TaskKey, int]]) -> Iterator[None]:
        """Note these tries, and no others, for the time of a ``with`` block."""
        if self._file < 0 or not tries:
            yield
            return
        before = self._noted
        self._write(_note(tries))
        try:
            yield
        finally:
            self._write(before)

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, note: bytes) -> None:
        self._noted = note
        if self._file < 0:
            return
        # A disk that is full, or that gives errors, takes no note: that may cost a blameless try later, and the scheduler now.
        with suppress(OSError):
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, note, 0)


def _note(tries: Collection[tuple[TaskKey, int]]) -> bytes:
    try:
        return msgspec.msgpack.encode(list(tries))
    except (TypeError, ValueError, OverflowError):
        return b""  # one has a name that no try can have: nobody will look for it


def _read(path: Path) -> Tries:
    try:
        return decode_msgpack(path.read_bytes(), frozenset[tuple[TaskKey, int]])
    except (OSError, ValueError):
        return frozenset()
