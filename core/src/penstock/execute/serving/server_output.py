"""What file servers print, in the log that they share: a bounded part of each, and not more of all than the log may hold.

A file server prints what the import of its DAG file does, which is code of its author.
"""

import os
import stat
from contextlib import suppress

from penstock.processes.output import READ_SIZE

MOST_AT_ONCE, MOST_LAST = 1 << 15, 1 << 15
"""Bytes that are kept of what one server prints: of the first, at once, and of the last, when it ends."""
MOST_OF_ALL = 10_000_000

_CUT = "\n[penstock: {} prints more than {:,} bytes at its import. The last {:,} of the rest come here when its process ends.]\n"
_LEFT_OUT = "\n[penstock: {} has printed {:,} bytes, of which {:,} are left out here.]\n"
_SHORTENED = "[penstock: what was older is left out; this log keeps at most {:,} bytes.]\n"


class _Printed:
    def __init__(self, name: str) -> None:
        self.name, self.total, self.last = name, 0, bytearray()


class ServerOutput:
    """Reads the output of file servers and writes it to the log.

    Args:
        log: Descriptor of the log, open for reading and appending.
    """

    def __init__(self, log: int) -> None:
        self._log = log
        self._pipes: dict[int, _Printed] = {}

    @property
    def pipes(self) -> list[int]:
        """Descriptors that are readable once there is something to `take`."""
        return [*self._pipes]

    def listen(self, name: str) -> int:
        """A descriptor for a server to print to, to be closed here once it has it; raises OSError if there is no room."""
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        self._pipes[reading] = _Printed(name)
        return writing

    def take(self, pipe: int) -> None:
        """Read once what a server has printed, of which there may be no end."""
        try:
            data = os.read(pipe, READ_SIZE)
        except BlockingIOError:
            return
        printed = self._pipes[pipe]
        if not data:
            os.close(pipe)
            del self._pipes[pipe]
            self._end(printed)
            return
        room = max(0, MOST_AT_ONCE - printed.total)
        printed.total += len(data)
        self._write(data[:room])
        if rest := data[room:]:
            if not printed.last:
                self._write(_CUT.format(printed.name, MOST_AT_ONCE, MOST_LAST).encode())
            printed.last += rest
            del printed.last[:-MOST_LAST]

    def _end(self, printed: _Printed) -> None:
        if not printed.last:
            return
        if left_out := printed.total - MOST_AT_ONCE - len(printed.last):
            self._write(_LEFT_OUT.format(printed.name, printed.total, left_out).encode())
        self._write(bytes(printed.last))

    def _write(self, data: bytes) -> None:
        if not data:
            return
        with suppress(OSError):  # a disk that is full costs the log, and nothing else
            status = os.fstat(self._log)
            if stat.S_ISREG(status.st_mode) and status.st_size + len(data) > MOST_OF_ALL:
                self._shorten(status.st_size)
            os.write(self._log, data)

    def _shorten(self, size: int) -> None:
        """Keep the newer half; others append to the same file, so it stays the one that it is."""
        kept = os.pread(self._log, MOST_OF_ALL // 2, max(0, size - MOST_OF_ALL // 2))
        os.ftruncate(self._log, 0)
        os.write(self._log, _SHORTENED.format(MOST_OF_ALL).encode() + kept[kept.find(b"\n") + 1 :])
