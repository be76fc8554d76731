"""How many tries a provider's executor wants to hold at once, kept in a file for whoever asks from another process."""

from contextlib import suppress
from pathlib import Path


class CapacityFile:
    """The file of one executor; a disk that keeps none is no reason to fail.

    Args:
        state: The state folder.
        name: The executor's name in the settings.
    """

    def __init__(self, state: Path, name: str) -> None:
        self._path = state / "executors" / f"{name}.capacity"

    def write(self, capacity: int) -> None:
        """Keep what it wants now."""
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(str(capacity))

    def read(self) -> int | None:
        """Return what it wanted last; None if no scheduler of this machine has asked it."""
        try:
            return int(self._path.read_text())
        except (OSError, ValueError):
            return None
