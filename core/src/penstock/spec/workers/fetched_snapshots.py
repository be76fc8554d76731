"""The folder of a worker's source snapshots."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from penstock.spec.snapshot import unpack
from penstock.spec.workers.shared_cache import SharedCache

MOST_KEPT = 200  # a DAG file each, or more if it changes


class FetchedSnapshots:
    """Source snapshots by their content hash.

    Args:
        folder: Where they are kept, by any number of workers; made if need be.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._folders = folder, SharedCache(folder, MOST_KEPT)

    def held(self, wanted: str, fetch: Callable[[str], bytes]) -> AbstractContextManager[Path]:
        """Hold a snapshot while a try uses it; it is fetched unless it is here, and others that are in excess are removed.

        Args:
            wanted: Its content hash.
            fetch: Gives what `penstock.spec.snapshot.pack` made of it.

        Raises:
            RequestError: What was fetched is not the snapshot.
            OSError: The folder cannot be used.
        """
        return self._folders.held(wanted, lambda: unpack(fetch(wanted), wanted, self._folder))
