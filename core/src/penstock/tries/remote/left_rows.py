"""Finds what a process that was killed has left: rows for which nobody waits, and tries whose rows are another scheduler's or gone."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from penstock.model.run import TaskKey
from penstock.store import RemoteTries

SWEEP_S = 30.0
"""Seconds between two looks; only what is found twice counts."""


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

    A row is written after what it belongs to, and an end is told before it is stored: so nothing is judged by one look.

    Args:
        tries: Where rows are.
        owner: Under which name the scheduler is told of its tries.
        executor: Whose rows.
    """

    def __init__(self, tries: RemoteTries, owner: str, executor: str) -> None:
        self._tries, self._owner, self._executor = tries, owner, executor
        self._left: set[str] = set()
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
        gone, lost = left & self._left, missed & self._missed
        self._left, self._missed = left - gone, missed - lost
        self._tries.remove(gone)
        elsewhere = self._tries.owners(lost).keys() - gone
        waited = {name for name in lost - elsewhere - gone if self._tries.is_open(*held[name])}
        return LostTries(waited, (gone & held.keys()) | (lost - elsewhere - waited), elsewhere & held.keys())
