"""Which DAGs this scheduler decides on, where several share a database: each DAG has one owner, and its limits stay in one memory.

Who is to own a DAG is worked out by rendezvous hashing (D. Thaler and C. Ravishankar, 1998): of all schedulers the one whose hash
together with the DAG is the highest. So each finds out by itself, and one that joins or leaves moves no other DAGs than its own.
"""

from collections.abc import Callable, Collection, Sequence
from hashlib import blake2b

import msgspec

from penstock.errors import StoreUnavailableError
from penstock.processes.failpoint import failpoint
from penstock.scheduler.sharing.handover import Handover
from penstock.store import OwnedDags, SchedulerRole

MOST_MOVED = 100
"""DAGs that are handed over in one turn at most."""


class Moves(msgspec.Struct, frozen=True):
    """What has changed hands.

    Attributes:
        gained: DAGs that this scheduler owns now.
        lost: DAGs that it owned.
        held: DAGs of which no try is to begin from now on, because others are to own them.
        released: DAGs that were held, and go on here.
        members: Whether others have come or gone.
    """

    gained: Sequence[str] = ()
    lost: Sequence[str] = ()
    held: Sequence[str] = ()
    released: Sequence[str] = ()
    members: bool = False


class Ownership:
    """The DAGs of this scheduler.

    Args:
        role: The scheduler's role, which was acquired.
        idle: Whether a DAG has no live try: only then it is handed over, because its tries answer to this process.
        handover: Chooses which DAGs begin no try, so that they are idle soon; None for none.

    Attributes:
        held: Those DAGs.
        dag_ids: The DAGs that it owns; None for all of them (SQLite).
        members: The numbers of all schedulers, in their order; empty if there can be no other.
    """

    def __init__(self, role: SchedulerRole, idle: Callable[[str], bool], handover: Handover | None = None) -> None:
        self._role, self._idle, self._handover = role, idle, handover or Handover(0.0, lambda _: False)
        self.held: frozenset[str] = frozenset()
        self._staying: tuple[int, ...] = ()
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

    @property
    def leaving(self) -> bool:
        """Whether a DAG that is held may be handed over."""
        return any(map(self._idle, self.held))

    def look(self, now_s: float = 0.0) -> Moves:
        """Take over from those whose leases have ended, claim what nobody owns, and hand over what another one is to have.

        Args:
            now_s: The monotonic instant.

        Raises:
            StoreUnavailableError: The database cannot be had; what has changed hands is found out at the next call.
            StoreFencedError: Another scheduler has taken over from this one.
        """
        if self._dags is None or self.dag_ids is None:
            return Moves()
        try:
            return self._moved(self._dags, self.dag_ids, now_s)
        except StoreUnavailableError:
            self._unsure = True
            raise

    def _moved(self, dags: OwnedDags, before: set[str], now_s: float) -> Moves:
        if self._role.take_over(now_s):
            failpoint("scheduler.takeover.after")
            self._unsure = True
        seen = dags.membership()
        members = tuple(sorted({*seen.members, dags.owner}))
        # Who is about to end gets nothing any more, and gives what it has; if all are, what they have stays where it is.
        staying = tuple(number for number in members if number not in seen.draining)
        own = dags.ids() if self._unsure else set(before)
        # One that was deleted and made anew is another DAG, which this one has yet to be told of.
        anew = own.intersection(seen.unowned)
        own -= anew
        wanted = [dag_id for dag_id in seen.unowned if owner_of(dag_id, staying or members) == dags.owner]
        if wanted:
            own |= set(dags.claim(wanted))
        if staying != self._staying or self._unsure:
            self._misplaced = [dag_id for dag_id in sorted(own) if staying and owner_of(dag_id, staying) != dags.owner]
        # Of what is gained by this very look nobody here knows yet whether tries of it live, and what these hold stays with them.
        leaving = [dag_id for dag_id in self._misplaced if dag_id in before and self._idle(dag_id)][:MOST_MOVED]
        if leaving:
            dags.free(leaving)
            own -= set(leaving)
            self._misplaced = [dag_id for dag_id in self._misplaced if dag_id not in leaving]
        held = self._hold(dags, now_s)
        moves = Moves(
            gained=sorted(own - (before - anew)),
            lost=sorted(before - (own - anew)),
            held=sorted(held - self.held),
            released=sorted((self.held - held) & own),
            members=members != self.members,
        )
        self.dag_ids, self.members, self._staying, self.held, self._unsure = own, members, staying, held, False
        return moves

    def _hold(self, dags: OwnedDags, now_s: float) -> frozenset[str]:
        """Hold what is misplaced and has live tries; returns what is held from now on."""
        self._handover.decide([dag_id for dag_id in self._misplaced if not self._idle(dag_id)], now_s)
        held = frozenset(self._handover.held)
        if held - self.held:
            dags.hold(held - self.held, self._handover.longest_s)
        if self.held - held:
            dags.hold(self.held - held, 0.0)
        return held


def owner_of(dag_id: str, members: Collection[int]) -> int:
    """The scheduler that is to own a DAG."""
    return max(members, key=lambda number: (blake2b(f"{number}:{dag_id}".encode(), digest_size=8).digest(), number))
