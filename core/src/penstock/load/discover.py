"""Which files of a snapshot are DAG files."""

import fnmatch
from pathlib import Path, PurePosixPath

from penstock.load.snapshot import Snapshot

IGNORE = ".penstockignore"


def dag_files(snapshot: Snapshot, folder: Path) -> list[str]:
    """Paths of the DAG files, sorted: Python files that mention ``penstock`` or ``dag`` and are not ignored.

    ``.penstockignore`` in the DAGs folder holds a pattern a line (`fnmatch`); one that ends with ``/`` names a folder,
    and one without any other ``/`` matches at any depth. Lines that start with ``#`` are remarks. Ignored files stay in
    the snapshot, so that others may import them.
    """
    patterns = _patterns(folder / IGNORE)
    return [
        name
        for name in sorted(snapshot.files)
        if name.endswith(".py") and not ignored(name, patterns) and _mentions(snapshot.path / name)
    ]


def ignored(name: str, patterns: list[str]) -> bool:
    """True if a path matches one of the patterns."""
    path = PurePosixPath(name)
    return any(_matches(path, pattern) for pattern in patterns)


def _matches(path: PurePosixPath, pattern: str) -> bool:
    wanted = pattern.strip("/")
    paths = list(path.parents)[:-1] if pattern.endswith("/") else [path]
    anywhere = "/" not in pattern.rstrip("/")
    return any(
        fnmatch.fnmatchcase(str(each), wanted) or (anywhere and fnmatch.fnmatchcase(each.name, wanted))
        for each in paths
    )


def _patterns(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _mentions(path: Path) -> bool:
    text = path.read_bytes().lower()
    return b"penstock" in text or b"dag" in text
