"""What a watcher of an asset looks for: files, or objects of a store, each of which is an event of the asset when it comes."""

from typing import Any, NamedTuple

import msgspec

MOST_FILES = 100_000
"""Files that one watcher looks after; of more, some are passed over, and that is told."""
LONGEST_PATH = 1_000
"""Characters of what a watcher looks for."""
INTERVAL_S, REMOTE_INTERVAL_S, SETTLE_S = 5.0, 60.0, 2.0


class FileWatch(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a DAG file says of a watcher.

    Attributes:
        path: Path of a file, in which ``*``, ``?``, ``[...]`` and ``**`` stand for others, or such a URL of an object store.
        interval_s: Seconds between two looks.
        settle_s: Seconds for which a file must not have changed.
        delete: Whether it is deleted once its event is stored.
        conn_id: Connection of the object store; its default if None.
    """

    path: str
    interval_s: float = INTERVAL_S
    settle_s: float = SETTLE_S
    delete: bool = False
    conn_id: str | None = None

    @property
    def remote(self) -> bool:
        """Whether it looks into an object store."""
        return "://" in self.path


class WatchedFile(NamedTuple):
    """A file, or an object, as a look found it.

    Attributes:
        path: Path or URL, for people and tasks.
        file: Names the path, whatever characters and length it has.
        fingerprint: What differs if its content does.
        extra: What its event carries.
    """

    path: str
    file: str
    fingerprint: str
    extra: dict[str, Any]

    @property
    def key(self) -> str:
        """Key of its event: the same file is the same event, whoever sees it."""
        return f"{self.file}:{self.fingerprint}"
