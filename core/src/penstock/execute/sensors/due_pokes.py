"""When sensors that wait are to be poked: those whose pokes are identical together, whoever of them is due first.

Each group of them has one place in a heap of instants, so that what a poke costs does not grow with how many others wait.
"""

import math
from collections.abc import Iterable
from heapq import heappop, heappush
from itertools import count
from typing import Generic, Protocol, TypeVar


class Waits(Protocol):
    """What is poked.

    Attributes:
        serial: Its number.
        key: What identical pokes have in common; None if its poke is like no other.
        due: Monotonic instant of its next poke.
        poking: Whether it is being poked; set here.
    """

    serial: int
    key: str | None
    due: float
    poking: bool


P = TypeVar("P", bound=Waits)


class _Group(Generic[P]):
    """Those whose pokes are identical: who waits for a poke, how many pokes are made, and its place in the heap."""

    __slots__ = ("idle", "instant", "pokes")

    def __init__(self) -> None:
        self.idle: dict[int, P] = {}
        self.instant, self.pokes = math.inf, 0


class DuePokes(Generic[P]):
    """The instants of all that wait.

    Args:
        stuck_s: Seconds after which a poke is taken for one that hangs: it keeps back no other any more.
    """

    def __init__(self, stuck_s: float) -> None:
        self._stuck_s = stuck_s
        self._groups: dict[int | str, _Group[P]] = {}
        self._heap: list[tuple[float, int, int | str]] = []
        self._ties = count()

    def add(self, waiting: P) -> None:
        """Have it poked when it is due, or sooner together with another one."""
        name = _name(waiting)
        group = self._groups.setdefault(name, _Group())
        group.idle[waiting.serial] = waiting
        self._place(name, group, min(group.instant, waiting.due + self._delay(group)))

    def discard(self, waiting: P) -> None:
        """Have it poked no more; the poke in progress goes on."""
        name = _name(waiting)
        if (group := self._groups.get(name)) is not None:
            group.idle.pop(waiting.serial, None)
            self._forget(name, group)

    def take(self, now: float) -> list[list[P]]:
        """The groups to be poked by an instant, each to be given back by `done`; their members come in order of their numbers."""
        found: list[list[P]] = []
        while self._heap and self._heap[0][0] <= now:
            instant, _, name = heappop(self._heap)
            group = self._groups.get(name)
            if group is None or group.instant != instant:
                continue  # another place has taken this one's
            group.instant = math.inf
            if (nearest := self._nearest(group)) > now:  # whoever was due has gone
                self._place(name, group, nearest)
                continue
            members = [group.idle[serial] for serial in sorted(group.idle)]
            group.idle.clear()
            group.pokes += 1
            for waiting in members:
                waiting.poking = True
            found.append(members)
        return found

    def done(self, key: str | None, members: Iterable[P], left: Iterable[P]) -> None:
        """Take back a group whose poke has been made.

        Args:
            key: Their key when they were taken.
            members: All who were taken together.
            left: Who of them waits on.
        """
        for waiting in members:
            waiting.poking = False
            name = waiting.serial if key is None else key
        group = self._groups[name]
        group.pokes -= 1
        for waiting in left:
            self._groups.setdefault(_name(waiting), _Group()).idle[waiting.serial] = waiting
        for each in {name, *map(_name, left)}:
            self._place(each, self._groups[each], self._nearest(self._groups[each]))
        self._forget(name, group)

    @property
    def nearest(self) -> float:
        """The instant at which `take` may have something next; infinity if nobody waits."""
        while self._heap:
            instant, _, name = self._heap[0]
            group = self._groups.get(name)
            if group is not None and group.instant == instant:
                return instant
            heappop(self._heap)
        return math.inf

    def _place(self, name: int | str, group: _Group[P], instant: float) -> None:
        if instant != group.instant:
            group.instant = instant
            if instant < math.inf:
                heappush(self._heap, (instant, next(self._ties), name))

    def _forget(self, name: int | str, group: _Group[P]) -> None:
        if not group.idle and not group.pokes:
            self._groups.pop(name, None)

    def _delay(self, group: _Group[P]) -> float:
        return self._stuck_s if group.pokes else 0.0

    def _nearest(self, group: _Group[P]) -> float:
        return min((waiting.due for waiting in group.idle.values()), default=math.inf) + self._delay(group)


def _name(waiting: Waits) -> int | str:
    return waiting.serial if waiting.key is None else waiting.key
