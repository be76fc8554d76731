"""Ids that are free in a DAG, found in one step however many of them are taken."""

from collections.abc import Iterable


class FreeIds:
    """The ids that are taken, and for each how far it was counted on.

    Args:
        taken: The full ids, with the prefixes of task groups.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._counts: dict[str, int] = {}

    def take(self, full_id: str) -> None:
        """Note that an id is no longer free."""
        self._taken.add(full_id)

    def suffix(self, full_id: str) -> str:
        """Find what makes an id free: ``""`` for ``f``, then ``__1``, ``__2``, as in Airflow."""
        if full_id not in self._taken:
            return ""
        count = self._counts.get(full_id, 1)
        while f"{full_id}__{count}" in self._taken:
            count += 1
        self._counts[full_id] = count
        return f"__{count}"
