"""Logs of tries on other machines, written where this machine has its own."""

import os
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
        try:
            size = os.fstat(descriptor).st_size
            if 0 <= piece.offset <= size:
                data = piece.data
                if self._most:
                    data = data[: max(0, self._most + _SLACK - piece.offset)]
                size = max(size, piece.offset + os.pwrite(descriptor, data, piece.offset))
                if data != piece.data:
                    return Reported(log_size=piece.offset + len(piece.data))  # the rest is beyond all bounds
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
