"""Which file defines which DAG, and what happens if two define the same."""

from collections.abc import Iterable


class DagOwners:
    """The files that define each DAG id, in the order in which they came to it: the DAG is that of the first."""

    def __init__(self) -> None:
        self._ids: dict[str, set[str]] = {}
        self._files: dict[str, list[str]] = {}

    def assign(self, file: str, dag_ids: Iterable[str]) -> tuple[list[tuple[str, str]], set[str]]:
        """Note what a file defines now.

        Returns:
            Each of its ids that is another file's, with that file; and the files that come to an id which it no longer
            defines, so that they are worth another import.
        """
        ids = set(dag_ids)
        freed = self._release(file, self._ids.get(file, set()) - ids)
        for dag_id in ids - self._ids.get(file, set()):
            self._files.setdefault(dag_id, []).append(file)
        self._ids[file] = ids
        return [(dag_id, owner) for dag_id in sorted(ids) if (owner := self._files[dag_id][0]) != file], freed

    def remove(self, file: str) -> set[str]:
        """Forget a file; returns the files that come to one of its ids."""
        return self._release(file, self._ids.pop(file, set()))

    def _release(self, file: str, ids: set[str]) -> set[str]:
        heirs = set()
        for dag_id in ids:
            files = self._files[dag_id]
            if files[0] == file and len(files) > 1:
                heirs.add(files[1])
            files.remove(file)
            if not files:
                del self._files[dag_id]
        return heirs


def duplicate_dag(dag_id: str, file: str, owner: str) -> str:
    """Build the sentence that is shown for a file with another file's DAG id."""
    return (
        f"{file}:1: DAG {dag_id!r} is defined in {owner}, too, which had it first and keeps it. Give one of them another dag_id; "
        f"until then {file} keeps its last good version, if it has one."
    )
