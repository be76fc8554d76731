"""The log of a try: what its process and all its children write to their standard output, secrets hidden."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from penstock.processes.masking import Mask

READ_SIZE = 1 << 16


MOST_HELD = 1 << 18
"""Bytes of output that are held while nothing can be written; of more, the newest are."""

_GAP = "[penstock: {:,} bytes of output are missing here: they could not be written]"


class Output:
    """One try's log file; it is made when the first byte comes, with its folder, and appended to.

    A disk that is full or read-only costs the log, never the try: what it takes again before the try has ended is there, and a line
    says how much is not.
    """

    def __init__(self, url: str) -> None:
        self._path = Path(unquote(urlsplit(url).path))
        self._file = -1
        self._held, self._lost = bytearray(), 0
        self.mask = Mask()

    def take(self, pipe: int) -> bool:
        """Move what is in a non-blocking pipe to the log; False once the pipe has no writer any more."""
        return _drain(pipe, self.write)

    def write(self, data: bytes) -> None:
        """Append bytes; secrets in them are hidden first."""
        self._append(self.mask.feed(data))

    def close(self) -> None:
        """Write what was held back, and close the file."""
        self._append(self.mask.finish())
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _append(self, data: bytes) -> None:
        self._held += data
        if not self._held:
            return
        try:
            if self._file < 0:
                self._file = self._opened()
            if self._lost:
                _write(self._file, bytearray(f"\n{_GAP.format(self._lost)}\n".encode()))
                self._lost = 0
            _write(self._file, self._held)
        except OSError:  # such as a full disk, which must not keep the try from going on
            excess = max(0, len(self._held) - MOST_HELD)
            del self._held[:excess]
            self._lost += excess

    def _opened(self) -> int:
        while True:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # An empty folder may be removed as old in between: then it is made again.
            with suppress(FileNotFoundError):
                return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)


def _write(file: int, data: bytearray) -> None:
    """Write bytes, and take out what is written, which is a part of them where a disk is full. Raises OSError."""
    while data:
        del data[: os.write(file, data)]


def discard(pipe: int) -> bool:
    """Empty a non-blocking pipe; False once it has no writer any more."""
    return _drain(pipe, lambda _: None)


def _drain(pipe: int, take: Callable[[bytes], None]) -> bool:
    """Hand over what is in a non-blocking pipe; False once it has no writer any more."""
    data = b" " * READ_SIZE
    while len(data) == READ_SIZE:
        try:
            data = os.read(pipe, READ_SIZE)
        except BlockingIOError:
            return True
        if not data:
            return False
        take(data)
    return True
