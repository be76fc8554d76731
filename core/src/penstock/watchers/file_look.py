"""What a look found, and the names of files: the same for files of a disk and objects of a store."""

import hashlib
from typing import Any, NamedTuple

from penstock.model.assets.file_watch import MOST_FILES, WatchedFile
from penstock.model.names import well_formed

MAGIC = frozenset("*?[")


class FileLook(NamedTuple):
    """What there is of what a watcher looks for.

    Attributes:
        found: The files.
        problem: Why some may be missing, as a sentence; "" if none are.
        note: What a person may want to know of a look that found nothing.
    """

    found: list[WatchedFile]
    problem: str = ""
    note: str = ""


def found_file(path: str, size: int, tag: str, **more: Any) -> WatchedFile:  # noqa: ANN401 - plain values
    """A file by its path, and by its size and a tag that changes with its content; what its event carries is ``more``."""
    shown = well_formed(path).replace("\0", "\N{REPLACEMENT CHARACTER}")
    return WatchedFile(shown, _digest(path), _digest(f"{size} {tag}"), {"path": shown, "size": size, **more})


def too_many(path: str) -> str:
    """Say that there are more files than one watcher looks after."""
    return f"more than {MOST_FILES:,} files match {path}: the others are passed over. Move away what was used, or name fewer."


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
