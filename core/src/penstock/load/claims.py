"""Which file defines which DAG, and what happens if two define the same."""

from collections.abc import Iterable


class Claims:
    """The DAG ids of each file, as it was imported last."""

    def __init__(self) -> None:
        self._by_file: dict[str, frozenset[str]] = {}

    def claim(self, file: str, dag_ids: Iterable[str]) -> tuple[list[tuple[str, str]], set[str]]:
        """Note what a file defines now.

        Returns:
            Each of its ids that another file defines too, with that file; and the files that wanted an id which it
            no longer defines, so that they are worth another look.
        """
        ids = frozenset(dag_ids)
        freed = self._wanting(file, self._by_file.get(file, frozenset()) - ids)
        self._by_file[file] = ids
        rivals = [
            (dag_id, other)
            for dag_id in sorted(ids)
            for other, theirs in sorted(self._by_file.items())
            if other != file and dag_id in theirs
        ]
        return rivals, freed

    def drop(self, file: str) -> set[str]:
        """Forget a file; returns the files that wanted one of its ids."""
        return self._wanting(file, self._by_file.pop(file, frozenset()))

    def _wanting(self, file: str, ids: frozenset[str]) -> set[str]:
        return {other for other, theirs in self._by_file.items() if other != file and theirs & ids}


def clash(dag_id: str, file: str, other: str) -> str:
    """The sentence that a file with another's DAG id gets."""
    return (
        f"{file}:1: DAG {dag_id!r} is defined in {file} and in {other}. Give one of them another dag_id; until then "
        "each file keeps its last good version."
    )
