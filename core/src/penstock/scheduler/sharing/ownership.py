"""Which DAGs this scheduler decides on, where several share a database: each DAG has one owner, and its limits stay in one memory.

Who is to own a DAG is worked out by rendezvous hashing (D. Thaler and C. Ravishankar, 1998): of all schedulers the one whose hash
together with the DAG is the highest. So each finds out by itself, and one that joins or leaves moves no other DAGs than its own.
"""

from collections.abc import Callable, Collection, Sequence
from hashlib import blake2b

import msgspec

from penstock.errors import StoreUnavailableError
from penstock.processes.failpoint import failpoint
from penstock.store import OwnedDags, SchedulerRole

MOST_MOVED = 100
"""DAGs that are handed over in one turn at most."""


class Moves(msgspec.Struct, frozen=True):
    """What has changed hands.

    Attributes:
        gained: DAGs that this scheduler owns now.
        lost: DAGs that it owned.
        members: Whether others have come or gone.
    """

    gained: Sequence[str] = ()
    lost: Sequence[str] = ()
    members: bool = False


class Ownership:
    """The DAGs of this scheduler.

    Args:
        role: The scheduler's role, which was acquired.
        idle: Whether a DAG has no live try: only then it is handed over, because its tries answer to this process.

    Attributes:
        dag_ids: The DAGs that it owns; None for all of them (SQLite).
        members: The numbers of all schedulers, in their order; empty if there can be no other.
    """

    def __init__(self, role: SchedulerRole, idle: Callable[[str], bool]) -> None:
        self._role, self._idle = role, idle
        self._dags: OwnedDags | None = role.dags
        self.dag_ids: set[str] | None = None if self._dags is None else set()
        self.members: tuple[int, ...] = ()
        self._misplaced: list[str] = []
        self._unsure = True

    def owns(self, dag_id: str) -> bool:
        """Whether this scheduler decides on a DAG."""
        return self.dag_ids is None or dag_id in self.dag_ids

    @property
    def owner(self) -> int | None:
        """Its number; None if there can be no other."""
        return None if self._dags is None else self._dags.owner

    @property
    def first(self) -> bool:
        """Whether it is the one that handles what is about no DAG."""
        return self._dags is None or self.members[:1] == (self._dags.owner,)

    def look(self) -> Moves:
        """Take over from those whose leases have ended, claim what nobody owns, and hand over what another one is to have.

        Raises:
            StoreUnavailableError: The database cannot be had; what has changed hands is found out at the next call.
            StoreFencedError: Another scheduler has taken over from this one.
        """
        if self._dags is None or self.dag_ids is None:
            return Moves()
        try:
            return self._moved(self._dags, self.dag_ids)
        except StoreUnavailableError:
            self._unsure = True
            raise

    def _moved(self, dags: OwnedDags, before: set[str]) -> Moves:
        if self._role.take_over():
            failpoint("scheduler.takeover.after")
            self._unsure = True
        seen = dags.membership()
        members = tuple(sorted({*seen.members, dags.owner}))
        own = dags.ids() if self._unsure else set(before)
        wanted = [dag_id for dag_id in seen.unowned if owner_of(dag_id, members) == dags.owner]
        if wanted:
            own |= set(dags.claim(wanted))
        if members != self.members or self._unsure:
            self._misplaced = [dag_id for dag_id in sorted(own) if owner_of(dag_id, members) != dags.owner]
        leaving = [dag_id for dag_id in self._misplaced if self._idle(dag_id)][:MOST_MOVED]
        if leaving:
            dags.free(leaving)
            own -= set(leaving)
            self._misplaced = [dag_id for dag_id in self._misplaced if dag_id not in leaving]
        moves = Moves(sorted(own - before), sorted(before - own), members != self.members)
        self.dag_ids, self.members, self._unsure = own, members, False
        return moves


def owner_of(dag_id: str, members: Collection[int]) -> int:
    """The scheduler that is to own a DAG."""
    return max(members, key=lambda number: (blake2b(f"{number}:{dag_id}".encode(), digest_size=8).digest(), number))
