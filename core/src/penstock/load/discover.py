"""Which files of a snapshot are DAG files."""

from penstock.load.folder import is_left_out
from penstock.load.ignore import is_ignored
from penstock.load.snapshot import Snapshot


class DagFiles:
    """Tells the DAG files of snapshots; a file is read once for each content that it has."""

    def __init__(self) -> None:
        self._speaking: dict[str, bool] = {}

    def of(self, snapshot: Snapshot) -> list[str]:
        """Paths of the DAG files, sorted: Python files that mention ``penstock`` or ``dag`` and are not ignored.

        Ignored files stay in the snapshot, so that others may import them (`penstock.load.ignore`).
        """
        before, self._speaking = self._speaking, {}
        found = []
        for name, content in sorted(snapshot.files.items()):
            if (
                name.endswith(".py")
                and not is_left_out(name, snapshot.left_out)
                and not is_ignored(name, snapshot.ignore)
            ):
                speaks = before.get(content, self._speaking.get(content))
                if speaks is None:
                    text = (snapshot.path / name).read_bytes().lower()
                    speaks = b"penstock" in text or b"dag" in text
                self._speaking[content] = speaks
                if speaks:
                    found.append(name)
        return found
