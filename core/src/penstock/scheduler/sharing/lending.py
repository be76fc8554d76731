"""How limits that cross schedulers are lent: each may use its share of a pool, and the sum of all shares is never more than the pool.

What is free stays where it is until somebody is short of it. Then everybody keeps what is in use, and of the rest no more than an
even part. Who was served longest ago comes first: what one of its task instances needs at once is kept together for it, so that a
small pool goes round, and a large need is met. A slot that is in use comes back when its task has ended.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from penstock.clock import Clock
from penstock.engine.limits.resources import Demand
from penstock.engine.messages import SharesLent
from penstock.store import SchedulerRole, Share

SHORT_S, BUSY_S, IDLE_S = 0.1, 1.0, 5.0
"""Seconds between two looks at the shares: while somebody is short, while something is in use, and otherwise."""


class Portion(NamedTuple):
    """What one scheduler has of a limit.

    Attributes:
        amount: How much counts as its own.
        here: How much may be used there: less than that where something has to come back once it is free.
    """

    amount: int
    here: int


class Lending:
    """The shares of this scheduler.

    Args:
        role: The scheduler's role, which was acquired.
        demands: What is in use and wanted here.
        clock: Tells the monotonic instant.

    Attributes:
        lent: What it was lent last; None if it has all there is (SQLite).
    """

    def __init__(self, role: SchedulerRole, demands: Callable[[], Sequence[Demand]], clock: Clock) -> None:
        self._shares, self._demands, self._clock = role.shares, demands, clock
        self._owner = 0 if role.dags is None else role.dags.owner
        self.lent: SharesLent | None = None if self._shares is None else SharesLent({})
        self._starts: dict[str, int] = {}
        self._last_s = self._due_s = self._now_s()

    @property
    def wait_s(self) -> float:
        """Seconds until the next look."""
        return max(0.0, self._due_s - self._now_s())

    def hurry(self) -> None:
        """Look at the next opportunity, because limits have changed, or others have come or gone."""
        self._due_s = self._now_s()

    def wake(self) -> None:
        """Look soon, because somebody may be short."""
        self._due_s = min(self._due_s, self._last_s + SHORT_S)

    def exchange(self, members: int) -> SharesLent | None:
        """Look at the shares if it is time to; returns what is lent here if that has changed.

        Raises:
            StoreError: The database cannot serve, or another scheduler has taken over.
        """
        if self._shares is None or self._now_s() < self._due_s:
            return None
        demands, here = self._demands(), dict[str, int]()
        short = False

        def portions(found: Mapping[str, Sequence[Share]], now: datetime) -> tuple[list[Share], bool]:
            nonlocal short
            own, wake = [], False
            for demand in demands:
                of_limit = found.get(demand.key, ())
                mine = next((each for each in of_limit if each.scheduler == self._owner), None)
                others = [each for each in of_limit if each.scheduler != self._owner]
                asked = self._asked(demand, mine, now)
                amount, here[demand.key] = portion(demand.limit, demand.used, asked, others)
                own.append(replace(asked, amount=amount))
                wants = asked.needed > amount and members > 1
                waits = any(each.needed > each.amount for each in others)
                short |= wants or waits
                wake |= (wants and (mine is None or mine.needed <= mine.amount)) or (waits and amount < asked.amount)
            return own, wake

        self._shares.exchange(portions)
        self._starts = {demand.key: demand.starts for demand in demands}
        self._last_s = self._now_s()
        busy = any(demand.used or demand.wanted for demand in demands)
        alone = members <= 1
        self._due_s = self._last_s + (IDLE_S if alone else SHORT_S if short else BUSY_S if busy else IDLE_S)
        before, self.lent = self.lent, SharesLent(here)
        return None if self.lent == before else self.lent

    def _asked(self, demand: Demand, mine: Share | None, now: datetime) -> Share:
        """The own share with what is wanted now; its turn is over once something was given."""
        needed = min(demand.used + demand.wanted, demand.limit)
        if mine is None:
            return Share(demand.key, self._owner, 0, needed, demand.largest, now)
        served = demand.starts != self._starts.get(demand.key, 0)
        return Share(demand.key, self._owner, mine.amount, needed, demand.largest, now if served else mine.served_at)

    def _now_s(self) -> float:
        return self._clock.read().monotonic_s


def portion(limit: int, used: int, mine: Share, others: Sequence[Share]) -> Portion:
    """What a scheduler has from now on of a limit.

    Args:
        limit: How much there is.
        used: How much it uses.
        mine: Its share until now, with what it needs.
        others: Those of the others.
    """
    free = limit - mine.amount - sum(each.amount for each in others)
    target = _target(limit, mine, others)
    if free < 0:  # the limit was lowered below what was lent
        target = min(target, limit // (1 + len(others)))
    if target > mine.amount:
        amount = mine.amount + max(0, min(target - mine.amount, free))
        return Portion(amount, amount)
    return Portion(max(used, target), target)


def _target(limit: int, mine: Share, others: Sequence[Share]) -> int:
    """What it should have, whether or not so much is free."""
    if not others:
        return limit
    waiting = [each for each in others if each.needed > each.amount]
    if not waiting:
        return min(limit, max(mine.amount, mine.needed))
    if not mine.needed:
        return 0
    askers = 1 + sum(each.needed > 0 for each in others)
    short = [*waiting, mine] if mine.needed > mine.amount else waiting
    first = min(short, key=lambda each: (each.served_at, each.scheduler))
    part = max(0, min(limit // askers, (limit - first.largest) // (askers - 1)))
    return min(mine.needed, limit - (askers - 1) * part if first is mine else part)
