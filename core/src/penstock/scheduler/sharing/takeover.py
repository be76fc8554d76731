"""What keeps schedulers on one database apart when the work passes from one to another (PostgreSQL).

A scheduler whose database cannot be had does not know whether it still has the role. So its tries run on for a stated time
only, and end by themselves if the role has not been renewed by then, even if the scheduler itself hangs. Whoever takes
over waits as long before it repeats a try that may live on another machine.
"""

import math
from collections.abc import Callable, Sequence

from penstock.clock import Clock
from penstock.model.attempt import TryEnd
from penstock.model.run import TaskKey
from penstock.model.state import Outcome
from penstock.spec.executor import (
    Executor,
    ExecutorEvent,
    Heartbeat,
    TryAsked,
    TryFinished,
    TryRecovered,
    TryRequest,
    TryStarted,
)
from penstock.spec.wire import Reply
from penstock.store import SchedulerRole

RENEWALS = 10 / 3
"""How often the role is renewed within its lease."""
LOOKS_S = 0.5
"""Seconds between two looks at the other schedulers: nothing tells that a lease has ended."""
ALONE_S = 1.5
"""The same where there is no other."""
MARGIN_S = 5.0
"""Seconds beyond the time for which tries run on, in which another machine ends its processes."""
HEARTBEATS = 6
"""How often what is believed to live is said to within the lease of a try."""


class RoleLease:
    """The time for which the scheduler's role is certain.

    Args:
        role: The role, which has just been acquired.
        clock: Tells the monotonic instant.
        lease_s: Seconds for which it is good after each renewal.
        takeover_s: Seconds for which tries run on without one.
        renew_lease: Lets them run on until an instant of the monotonic clock.
    """

    def __init__(
        self,
        role: SchedulerRole,
        clock: Clock,
        *,
        lease_s: float = 5.0,
        takeover_s: float = 120.0,
        renew_lease: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._role, self._clock, self._lease_s, self._takeover_s = role, clock, lease_s, takeover_s
        self._renew_lease = renew_lease
        self._due_s = self._now_s()
        self._others_until_s: float | None = None

    @property
    def others_until_s(self) -> float | None:
        """Monotonic instant by which the tries of others have ended from which one took over; None if they have, as far as is known."""
        return self._others_until_s

    @property
    def wait_s(self) -> float:
        """Seconds until it is to be renewed; for ever if the role needs no renewal (SQLite)."""
        return max(0.0, self._due_s - self._now_s()) if self._role.leased else math.inf

    def renew(self) -> None:
        """Renew the role if it is time to; raises StoreFencedError if another has it, StoreError if that cannot be known."""
        now_s = self._now_s()
        if not self._role.leased or now_s < self._due_s:
            return
        self._role.renew()
        # Counted from before the question: the database may have answered it, and then have been lost, at once.
        self._renew_lease(now_s + self._takeover_s)
        self._due_s = now_s + self._lease_s / RENEWALS
        if self._others_until_s is not None and self.wait_for_others() is None:
            self._role.forget_others()

    def wait_for_others(self) -> float | None:
        """Ask the store until when to wait for the tries of schedulers of other places; raises StoreError if it cannot serve."""
        left_s, now_s = self._role.others_s(), self._now_s()
        until_s = self._others_until_s
        if left_s > 0:
            self._others_until_s = now_s + left_s if until_s is None else max(until_s, now_s + left_s)
        elif not left_s or (until_s is not None and until_s <= now_s):  # there are none, or this clock says so, too
            self._others_until_s = None
        return self._others_until_s

    def end(self) -> None:
        """Give the role up, the tries having ended, so that nobody waits for them; without the database that is left out."""
        self._role.release()

    def _now_s(self) -> float:
        return self._clock.read().monotonic_s


class TakeoverExecutor:
    """A local executor whose scheduler may have taken over from another machine: what was open there is repeated when it must have ended.

    Args:
        inner: The executor.
        role: Knows when that is.
        lease_s: Seconds of a try's lease.
        clock: Tells the present.
        report: Takes a line for the terminal.
    """

    def __init__(
        self,
        inner: Executor,
        role: RoleLease,
        lease_s: float,
        clock: Clock,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.name, self._inner, self._lease_s = inner.name, inner, lease_s
        self._clock, self._role, self._report = clock, role, report
        self._open: frozenset[tuple[TaskKey, int]] = frozenset()
        self._renew_s = 0.0

    def start(self) -> None:
        """Start the executor."""
        self._inner.start()

    def recover(self, tries: Sequence[TryRequest]) -> list[TryStarted | TryRecovered | TryFinished]:
        """Believe that they live on, unless nothing can live on another machine."""
        until_s = self._role.wait_for_others()
        if until_s is None:
            return self._inner.recover(tries)
        self._report(
            "The scheduler of another machine has ended without a word. What it ran is repeated in "
            f"{until_s - self._clock.read().monotonic_s:.0f} s, when it must have ended; all else goes on at once."
        )
        found = frozenset((request.key, request.epoch) for request in tries)
        self._open |= found
        # Nor do they take a place here: else a full executor that was lost would keep this one from all work until then.
        return [TryRecovered(key, epoch, elsewhere=True) for key, epoch in found]

    def capacity(self) -> int:
        """Tries that the executor holds at once."""
        return self._inner.capacity()

    def fileno(self) -> int:
        """The executor's descriptor."""
        return self._inner.fileno()

    def submit(self, tries: Sequence[TryRequest]) -> None:
        """Hand the executor tries."""
        self._inner.submit(tries)

    def cancel(self, tries: Sequence[tuple[TaskKey, int]], reason: str) -> None:
        """End tries; those of the other machine are answered for when they must have ended."""
        self._inner.cancel([each for each in tries if each not in self._open], reason)

    def reply(self, asked: TryAsked, reply: Reply) -> None:
        """Hand a try of the executor the answer to what it asked."""
        self._inner.reply(asked, reply)

    def events(self) -> list[ExecutorEvent]:
        """What happened at the executor, and what is assumed of the other machine's tries."""
        events, now = self._inner.events(), self._clock.read()
        now_s, at, until_s = now.monotonic_s, now.wall, self._role.others_until_s
        if not self._open or (until_s is not None and now_s < self._renew_s):
            return events
        if until_s is None:
            end = TryEnd(Outcome.LOST, "the scheduler that ran it on another machine is gone")
            events += [TryFinished(key, epoch, at, end) for key, epoch in self._open]
            self._open = frozenset()
        else:
            events.append(Heartbeat(self.name, tuple(self._open), at))
            self._renew_s = now_s + self._lease_s / HEARTBEATS
        return events

    def stop(self, grace_s: float) -> None:
        """Stop the executor."""
        self._inner.stop(grace_s)
