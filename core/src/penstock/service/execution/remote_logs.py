"""Logs of tries on other machines, written where this machine has its own."""

import os
import stat
from pathlib import Path

from penstock.errors import as_sentence
from penstock.model.remote.execution_messages import LogPiece, Reported
from penstock.model.remote.remote_try import HeldTry
from penstock.tries.paths import log_path

_SLACK = 1 << 20
"""Bytes beyond the bound of a log that a worker may add: the line that says what is missing."""


class RemoteLogs:
    """Writes pieces of logs, each at its own place: one that comes twice is written once.

    Args:
        folder: Of the logs.
        most_bytes: Bytes of one log that are taken; 0 for all.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder, self._most = folder, most_bytes

    def write(self, held: HeldTry, piece: LogPiece) -> Reported:
        """Write a piece, unless what comes before it is not here; says how much is here then."""
        path = log_path(self._folder, held.dag_id, held.run_id, held.key, held.epoch)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # No link: what another task of this machine has put there leads anywhere.
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(path, flags, 0o644)
        except OSError as error:
            return Reported(problem=f"the server cannot write the log: {as_sentence(error)}")
        size = 0
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                return Reported(problem="the server cannot write the log: in its place is what is no file")
            size = found.st_size
            end = piece.offset + len(piece.data)
            if self._most and size >= self._most + _SLACK:
                return Reported(log_size=max(size, end))  # the rest is beyond all bounds
            if 0 <= piece.offset <= size:
                # What is written stays as it is: a piece that comes twice is the same, and nobody writes a log anew.
                size += _append(descriptor, piece.data[size - piece.offset :], size)
            return Reported(log_size=size)
        except OSError as error:
            return Reported(log_size=size, problem=f"the server cannot write the log: {as_sentence(error)}")
        finally:
            os.close(descriptor)

    def size(self, held: HeldTry) -> int:
        """Bytes of a log that are here."""
        try:
            return log_path(self._folder, held.dag_id, held.run_id, held.key, held.epoch).stat().st_size
        except OSError:
            return 0


def _append(descriptor: int, data: bytes, size: int) -> int:
    """Write all of it, or as much as the disk takes; how much that was."""
    written = 0
    while written < len(data):
        try:
            written += os.pwrite(descriptor, data[written:], size + written)
        except OSError:
            if not written:
                raise
            return written
    return written
