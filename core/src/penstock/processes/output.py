"""The log of a try: what its process and all its children write to their standard output, secrets hidden."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from penstock.processes.masking import Mask

READ_SIZE = 1 << 16
LOG_LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"  # of what user code logs with `logging`


class Output:
    """One try's log file; it is made when the first byte comes, with its folder, and appended to.

    A disk that is full or read-only costs the log, never the try.
    """

    def __init__(self, url: str) -> None:
        self._path = Path(unquote(urlsplit(url).path))
        self._file = -1
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
        if not data:
            return
        try:
            if self._file < 0:
                self._file = self._opened()
            os.write(self._file, data)
        except OSError:
            return

    def _opened(self) -> int:
        while True:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # An empty folder may be removed as old in between: then it is made again.
            with suppress(FileNotFoundError):
                return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)


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
