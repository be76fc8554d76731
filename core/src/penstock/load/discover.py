"""Which files of a snapshot are DAG files."""

from pathlib import Path

from penstock.load.folder import is_left_out
from penstock.load.ignore import is_ignored
from penstock.load.snapshot import Snapshot


def dag_files(snapshot: Snapshot) -> list[str]:
    """Paths of the DAG files, sorted: Python files that mention ``penstock`` or ``dag`` and are not ignored.

    Ignored files stay in the snapshot, so that others may import them (`penstock.load.ignore`).
    """
    return [
        name
        for name in sorted(snapshot.files)
        if name.endswith(".py")
        and not is_left_out(name, snapshot.left_out)
        and not is_ignored(name, snapshot.ignore)
        and _mentions(snapshot.path / name)
    ]


def _mentions(path: Path) -> bool:
    text = path.read_bytes().lower()
    return b"penstock" in text or b"dag" in text
