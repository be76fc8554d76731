"""Finds what a process that was killed has left: rows for which nobody waits, and tries whose rows are another scheduler's or gone."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from penstock.model.run import TaskKey
from penstock.store import RemoteTries

SWEEP_S = 30.0
"""Seconds between two looks."""


class LostTries(NamedTuple):
    """Tries that a scheduler is to hold no more, by name.

    Attributes:
        lost: Of which nothing is stored, though it waits for them.
        over: For which nobody waits.
        elsewhere: Of which another scheduler is told.
    """

    lost: set[str]
    over: set[str]
    elsewhere: set[str]


class LeftRows:
    """Looks for them, and removes such rows.

    A row is written with the try that it belongs to, or after it: of one without an open try nobody will want anything any more. A try
    that is held without a row is judged by two looks, as its end may be on its way.

    Args:
        tries: Where rows are.
        owner: Under which name the scheduler is told of its tries.
        executor: Whose rows.
    """

    def __init__(self, tries: RemoteTries, owner: str, executor: str) -> None:
        self._tries, self._owner, self._executor = tries, owner, executor
        self._missed: set[str] = set()

    def sweep(self, held: Mapping[str, tuple[TaskKey, int]], unwritten: Collection[str]) -> LostTries:
        """Look once.

        Args:
            held: What the scheduler holds, by name.
            unwritten: Names of those that are not stored yet.

        Raises:
            StoreError: The database failed.
        """
        left = self._tries.left(self._executor)
        missed = held.keys() - self._tries.owned(self._owner, self._executor) - set(unwritten)
        lost = missed & self._missed
        self._missed = missed - lost
        self._tries.remove(left)
        elsewhere = self._tries.owners(lost).keys() - left
        waited = {name for name in lost - elsewhere - left if self._tries.is_open(*held[name])}
        return LostTries(waited, (left & held.keys()) | (lost - elsewhere - waited), elsewhere & held.keys())
