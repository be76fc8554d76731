"""When the scheduler's loop came round last, kept in a file: who holds the database's lock may be stopped all the same."""

import os
from contextlib import suppress
from pathlib import Path

FILE = "scheduler.heartbeat"
BEAT_S = 10.0
"""Seconds between two beats at most."""
SILENT_S = 2.5 * BEAT_S
"""Seconds without a beat after which the loop stands still."""


class HeartbeatFile:
    """The file of the scheduler of a state folder; a disk that keeps none is no reason to fail.

    Args:
        state: The state folder.
    """

    def __init__(self, state: Path) -> None:
        self._path = state / FILE

    def write(self, monotonic_s: float) -> None:
        """Keep the instant, by a clock that nobody sets and that all processes of the machine share."""
        with suppress(OSError):
            writing = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                os.pwrite(writing, f"{monotonic_s:020.3f}".encode(), 0)
            finally:
                os.close(writing)

    def silent_s(self, monotonic_s: float) -> float | None:
        """Seconds since the last beat; None if there was none since the machine started."""
        try:
            silent_s = monotonic_s - float(self._path.read_bytes())
        except (OSError, ValueError):
            return None
        return silent_s if silent_s >= 0 else None
