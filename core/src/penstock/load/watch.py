"""Tells of changed files in the DAGs folder through a descriptor to wait on."""

import os
import threading
from contextlib import suppress
from pathlib import Path

from penstock.load.folder import Watched
from penstock.load.ignore import AIRFLOW_IGNORE, IGNORE

# The kernel tells watchfiles at once; it looks at what changed so often, and waits until nothing more comes.
_STEP_MS = 200
_DEBOUNCE_MS = 1600
_TEMPORARY = ("~", ".swp", ".swx", ".swo", ".tmp", ".pyc", ".part", ".crdownload")


class FolderWatcher:
    """Watches folders from a thread of its own, each by itself: what a link in one leads to is watched only if it is named.

    Args:
        folder: The DAGs folder.
        watched: Itself, the folders in it, and the links on the way.

    Attributes:
        watched: The same.
        fault: Why they cannot be watched, or no longer; "" while they are.
        is_outdated: Whether what one of these paths leads to may be another folder than the one that is watched.
    """

    def __init__(self, folder: Path, watched: Watched) -> None:
        self._folder, self.watched, self.fault, self.is_outdated = folder, watched, "", False
        self._ways = {link for link, _ in watched.links}
        self._beside = {os.path.dirname(link) for link in self._ways} - watched.folders  # noqa: PTH120 - as the system names them
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

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join()
        os.close(self._reading)
        os.close(self._writing)

    def _run(self) -> None:
        from watchfiles import watch  # noqa: PLC0415 - needs anyio, and only the loader's process watches

        try:
            # Links first: what one leads to is watched by then, or the swap has been seen.
            for changes in watch(
                *sorted(each for each in self._beside if os.access(each, os.R_OK)),
                *sorted(self.watched.folders),
                recursive=False,
                watch_filter=lambda _change, path: self._matters(path),
                step=_STEP_MS,
                debounce=_DEBOUNCE_MS,
                rust_timeout=0,
                stop_event=self._stop,
                raise_interrupt=False,
            ):
                paths = {path for _, path in changes}
                self.is_outdated = self.is_outdated or not paths.isdisjoint(self._ways | self.watched.folders)
                self._notify()
        except (OSError, RuntimeError) as error:
            self.fault = str(error)
        if not self._stop.is_set():
            self.fault = self.fault or "watching has ended"
            self._notify()

    def _matters(self, path: str) -> bool:
        if path in self._ways or path in self.watched.folders:
            return True
        return os.path.dirname(path) not in self._beside and is_relevant(path, self._folder)  # noqa: PTH120 - as above

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
