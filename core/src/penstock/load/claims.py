"""Which file defines which DAG, and what happens if two define the same."""

from collections.abc import Iterable


class Claims:
    """The DAG ids of each file, as it was imported last."""

    def __init__(self) -> None:
        self._ids: dict[str, set[str]] = {}
        self._files: dict[str, set[str]] = {}

    def claim(self, file: str, dag_ids: Iterable[str]) -> tuple[list[tuple[str, str]], set[str]]:
        """Note what a file defines now.

        Returns:
            Each of its ids that another file defines too, with that file; and the files that wanted an id which it
            no longer defines, so that they are worth another look.
        """
        ids = set(dag_ids)
        freed = self._let_go(file, self._ids.get(file, set()) - ids)
        self._ids[file] = ids
        for dag_id in ids:
            self._files.setdefault(dag_id, set()).add(file)
        rivals = [(dag_id, other) for dag_id in sorted(ids) for other in sorted(self._files[dag_id] - {file})]
        return rivals, freed

    def drop(self, file: str) -> set[str]:
        """Forget a file; returns the files that wanted one of its ids."""
        return self._let_go(file, self._ids.pop(file, set()))

    def _let_go(self, file: str, ids: set[str]) -> set[str]:
        for dag_id in ids:
            self._files[dag_id].discard(file)
        return {other for dag_id in ids for other in self._files[dag_id]}


def clash(dag_id: str, file: str, other: str) -> str:
    """The sentence that a file with another's DAG id gets."""
    return (
        f"{file}:1: DAG {dag_id!r} is defined in {file} and in {other}. Give one of them another dag_id; until then "
        "each file keeps its last good version."
    )
