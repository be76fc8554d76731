"""The log of a try: what its process and all its children write to their standard output, secrets hidden, within bounds."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from penstock.processes.masking import Mask

READ_SIZE = 1 << 16

MOST_HELD = 1 << 18
"""Bytes of output that are held while nothing can be written; of more, the newest are."""

MOST_LAST = 1 << 20
"""Bytes of the end of a log that are kept if the whole is longer than its bound."""

_GAP = "\n[penstock: {:,} bytes of output are missing here: they could not be written]\n"
_CUT = (
    "\n[penstock: this log has come to its bound of {:,} bytes, [logs] try_mb. Of the rest, the last {:,} bytes are kept: "
    "they follow when the try ends.]\n"
)
_LEFT_OUT = "[penstock: {:,} bytes are left out here.]\n"
_LOOK_EVERY = 1 << 16
_SHARE_FREE = 10


class KeptOutput:
    """What is kept of one try's output: its head, and of what is beyond its bound the end, which follows when the try has ended.

    Args:
        most_bytes: Bytes that are kept; 0 for all.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes, self._most_last = most_bytes, min(MOST_LAST, most_bytes // 4)
        self._room = most_bytes - self._most_last
        self._beyond, self._last = 0, bytearray()

    def feed(self, data: bytes) -> bytes:
        """What of the output can be written now."""
        if not self._most_bytes:
            return data
        head = b""
        if not self._beyond:
            if len(data) <= self._room:
                self._room -= len(data)
                return data
            cut = data.rfind(b"\n", 0, self._room) + 1 or self._room
            head, data = data[:cut] + _CUT.format(self._most_bytes, self._most_last).encode(), data[cut:]
        self._beyond += len(data)
        self._last += data
        if len(self._last) > 2 * self._most_last:
            del self._last[: len(self._last) - self._most_last]
        return head

    def finish(self) -> bytes:
        """The end of the output, after a line that says how much of it is not there."""
        last = bytes(self._last[max(0, len(self._last) - self._most_last) :])
        if self._beyond > len(last):
            begin = last.find(b"\n") + 1  # whole lines, if there is one
            last = last[begin if begin < len(last) else 0 :]
        left_out = self._beyond - len(last)
        return (_LEFT_OUT.format(left_out).encode() if left_out else b"") + last


def least_free(space: os.statvfs_result, wanted: int) -> int:
    """Bytes that logs leave free on a disk: those that are wanted, but no more than a tenth of it."""
    return min(wanted, space.f_blocks * space.f_frsize // _SHARE_FREE)


class Output:
    """One try's log file; it is made when the first byte comes, with its folder, and appended to.

    A disk that is full or read-only costs the log, never the try: what it takes again before the try has ended is there, and a line
    says how much is not. One on which little is free counts as full: the database may be on it, too.

    Args:
        url: The file.
        most_bytes: Bytes of output that are kept, the last of them at the end; 0 for all.
        least_free_bytes: Bytes that are left free on its disk, as `least_free` says.
    """

    def __init__(self, url: str, most_bytes: int = 0, least_free_bytes: int = 0) -> None:
        self._bound, self._least_free, self._unlooked = KeptOutput(most_bytes), least_free_bytes, _LOOK_EVERY
        self._path = Path(unquote(urlsplit(url).path))
        self._file = -1
        self._held, self._lost = bytearray(), 0
        self.mask = Mask()

    def take(self, pipe: int) -> bool:
        """Move what is in a non-blocking pipe to the log; False once the pipe has no writer any more."""
        return _drain(pipe, self.write)

    def write(self, data: bytes) -> None:
        """Append bytes; secrets in them are hidden first."""
        self._append(self._bound.feed(self.mask.feed(data)))

    def close(self) -> None:
        """Write what was held back, and close the file."""
        self._append(self._bound.feed(self.mask.finish()) + self._bound.finish())
        if self._file >= 0:
            if self._held:
                with suppress(OSError):  # as above
                    self._report_gap(self._lost + len(self._held))
            os.close(self._file)
            self._file = -1

    def _append(self, data: bytes) -> None:
        self._held += data
        if not self._held:
            return
        try:
            if self._file < 0:
                self._file = self._opened()
            self._look_for_room()
            if self._lost:
                _write(self._file, bytearray(_GAP.format(self._lost).encode()))
                self._lost = 0
            _write(self._file, self._held)
        except OSError:  # such as a full disk, which must not keep the try from going on
            excess = max(0, len(self._held) - MOST_HELD)
            del self._held[:excess]
            self._lost += excess

    def _look_for_room(self) -> None:
        """Raise OSError if what is held would take the room that is to stay free; looks once for so many bytes."""
        self._unlooked += len(self._held)
        if not self._least_free or self._unlooked < _LOOK_EVERY:
            return
        space = os.fstatvfs(self._file)
        if space.f_bavail * space.f_frsize < least_free(space, self._least_free) + len(self._held):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._unlooked = 0

    def _report_gap(self, lost: int) -> None:
        """Say at the end of a log that it is not the end; one that is empty stays so, and takes no room. Raises OSError."""
        if os.fstat(self._file).st_size:
            _write(self._file, bytearray(_GAP.format(lost).encode()))

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
