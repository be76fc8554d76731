"""What a provider's executor has done wrong since the scheduler started, kept in a file for whoever asks from another process."""

from contextlib import suppress
from pathlib import Path

FOLDER = "executors"
"""Folder of these files in the state folder."""


class ExecutorFaults:
    """The faults of one executor, a line each; a disk that keeps none is no reason to fail.

    Args:
        state: The state folder.
        name: The executor's name in the settings.
    """

    def __init__(self, state: Path, name: str) -> None:
        self._path = state / FOLDER / f"{name}.faults"

    def clear(self) -> None:
        """Forget those of an earlier scheduler."""
        with suppress(OSError):
            self._path.unlink()

    def add(self, fault: str) -> None:
        """Keep one."""
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", errors="backslashreplace") as file:
                file.write(" ".join(fault.split()) + "\n")

    def read(self) -> list[str]:
        """Return them in the order in which they came."""
        try:
            return self._path.read_text(errors="replace").splitlines()
        except OSError:
            return []
