"""Tells of changed files in the DAGs folder through a descriptor to wait on."""

import os
import threading
from contextlib import suppress
from pathlib import Path

from penstock.load.ignore import AIRFLOW_IGNORE, IGNORE

# The kernel tells watchfiles at once; it looks at what changed so often, and waits until nothing more comes.
_STEP_MS = 200
_DEBOUNCE_MS = 1600
_TEMPORARY = ("~", ".swp", ".swx", ".swo", ".tmp", ".pyc", ".part", ".crdownload")


class FolderWatcher:
    """Watches a folder from a thread of its own.

    Args:
        folder: The folder; it must exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.set_blocking(self._writing, False)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="penstock-watch", daemon=True)
        self._thread.start()

    def fileno(self) -> int:
        """A descriptor that is readable once something changed."""
        return self._reading

    def drain(self) -> None:
        """Make it quiet until the next change."""
        with suppress(BlockingIOError):
            while os.read(self._reading, 1 << 12):
                pass

    @property
    def alive(self) -> bool:
        """False once watching has failed, as when the folder was removed; it must then be made anew."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join()
        os.close(self._reading)
        os.close(self._writing)

    def _run(self) -> None:
        from watchfiles import watch  # noqa: PLC0415 - needs anyio, and only the loader's process watches

        with suppress(OSError, RuntimeError):
            for _ in watch(
                self._folder,
                watch_filter=lambda _change, path: is_relevant(path, self._folder),
                step=_STEP_MS,
                debounce=_DEBOUNCE_MS,
                rust_timeout=0,
                stop_event=self._stop,
                raise_interrupt=False,
            ):
                self._notify()
        if not self._stop.is_set():
            self._notify()

    def _notify(self) -> None:
        with suppress(BlockingIOError):
            os.write(self._writing, b"!")


def is_relevant(path: str, folder: Path) -> bool:
    """Tell whether a changed path may matter: not hidden, no swap file of an editor, not compiled."""
    try:
        parts = Path(path).relative_to(folder).parts
    except ValueError:
        return True
    if parts and parts[-1] in (IGNORE, AIRFLOW_IGNORE):
        return True
    return not (
        any(part.startswith(".") or part == "__pycache__" for part in parts)
        or (bool(parts) and parts[-1].endswith(_TEMPORARY))
        or (bool(parts) and parts[-1].isdigit())  # vim probes a folder with a file named 4913
    )
