"""Looks whether the snapshots still hold what their names say: a task of root's may have written into one, or a disk have failed."""

import os
from collections.abc import Iterator
from pathlib import Path

from penstock.model.values.content_hashes import content_hash
from penstock.spec.archives.listed_archives import EXECUTABLE, LIST, listed_files


def damaged_files(state: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield each snapshot that holds something else than its name says, and the files that do; none of these if its list does.

    Args:
        state: The state folder.
    """
    hashes: dict[tuple[int, int], str] = {}
    for folder in sorted((state / "snapshots").glob("[!.]*")):
        try:
            listed = (folder / LIST).read_bytes()
            files = list(listed_files(listed)) if content_hash(listed) == folder.name else None
        except (OSError, ValueError):
            files = None
        if files is None:
            yield folder, ()
        elif changed := tuple(name for found, name in files if _hash_of(folder / name, hashes) != found):
            yield folder, changed


def _hash_of(path: Path, hashes: dict[tuple[int, int], str]) -> str:
    """The hash of a file as a list gives it; what is linked into many snapshots is read once. "" if it cannot be read."""
    try:
        status = path.stat()
        known = hashes.get((status.st_dev, status.st_ino))
        if known is None:
            mark = EXECUTABLE if status.st_mode & os.X_OK else ""
            known = hashes[status.st_dev, status.st_ino] = content_hash(path.read_bytes()) + mark
    except OSError:
        return ""
    return known
