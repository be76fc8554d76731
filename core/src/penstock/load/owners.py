"""Which file defines which DAG, and what happens if two define the same."""

from collections.abc import Iterable


class DagOwners:
    """The DAG ids that each file defined when it was imported last."""

    def __init__(self) -> None:
        self._ids: dict[str, set[str]] = {}
        self._files: dict[str, set[str]] = {}

    def assign(self, file: str, dag_ids: Iterable[str]) -> tuple[list[tuple[str, str]], set[str]]:
        """Note what a file defines now.

        Returns:
            Each of its ids that another file defines too, with that file; and the files that share an id which it no
            longer defines, so that they are worth another import.
        """
        ids = set(dag_ids)
        freed = self._release(file, self._ids.get(file, set()) - ids)
        self._ids[file] = ids
        for dag_id in ids:
            self._files.setdefault(dag_id, set()).add(file)
        conflicts = [(dag_id, other) for dag_id in sorted(ids) for other in sorted(self._files[dag_id] - {file})]
        return conflicts, freed

    def remove(self, file: str) -> set[str]:
        """Forget a file; returns the files that share one of its ids."""
        return self._release(file, self._ids.pop(file, set()))

    def _release(self, file: str, ids: set[str]) -> set[str]:
        for dag_id in ids:
            self._files[dag_id].discard(file)
        return {other for dag_id in ids for other in self._files[dag_id]}


def duplicate_dag(dag_id: str, file: str, other: str) -> str:
    """Build the sentence that is shown for a file with another file's DAG id."""
    return (
        f"{file}:1: DAG {dag_id!r} is defined in {file} and in {other}. Give one of them another dag_id; until then "
        "each file keeps its last good version."
    )
