"""What keeps the tries of two machines apart when the scheduler's role passes from one to the other (PostgreSQL).

A scheduler whose database cannot be had does not know whether it still has the role. So its tries run on for a stated time
only, and end by themselves if it has not been confirmed by then, even if the scheduler itself hangs. Whoever takes the
role over waits as long before it repeats a try that may live on another machine.
"""

import contextlib
import math
from collections.abc import Callable, Sequence

from penstock.clock import Clock
from penstock.errors import StoreError
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
from penstock.store import LeaderLock

CONFIRMATIONS = 6
"""How often the role is confirmed in the time for which it is certain."""
MARGIN_S = 5.0
"""Seconds beyond that time, in which the other machine ends its processes."""


class RoleLease:
    """The time for which the scheduler's role is certain.

    Args:
        lock: The role, which has just been taken.
        clock: Tells the monotonic instant.
        takeover_s: Seconds for which tries run on without a confirmation.
        place: Where they run.
        renew_lease: Lets them run on until an instant of the monotonic clock.

    Attributes:
        others_until_s: Monotonic instant by which the tries of earlier holders on other machines must have ended.
    """

    def __init__(
        self,
        lock: LeaderLock,
        clock: Clock,
        *,
        takeover_s: float = 120.0,
        place: str = "",
        renew_lease: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._lock, self._clock, self._takeover_s = lock, clock, takeover_s
        self._place, self._renew_lease = place, renew_lease
        self._due_s = self._now_s()
        self.others_until_s = self._due_s + takeover_s + MARGIN_S
        self.renew()

    @property
    def wait_s(self) -> float:
        """Seconds until it is to be renewed; for ever if the role needs no confirmation (SQLite)."""
        return math.inf if self._lock.fileno() is None else max(0.0, self._due_s - self._now_s())

    def renew(self) -> None:
        """Confirm the role if it is time to; raises StoreError if another has it, or the database cannot be had."""
        now_s = self._now_s()
        if self._lock.fileno() is None or now_s < self._due_s:
            return
        self._lock.keep()
        # Counted from before the question: the database may have answered it, and then have been lost, at once.
        self._renew_lease(now_s + self._takeover_s)
        self._due_s = now_s + self._takeover_s / CONFIRMATIONS
        if self._lock.others and now_s >= self.others_until_s:
            self._lock.settle(self._lock.others)

    def end(self) -> None:
        """Note that the tries have ended, so that nobody waits for them; without the database that is left out."""
        if self._lock.fileno() is not None:
            with contextlib.suppress(StoreError):
                self._lock.settle([self._place])

    def _now_s(self) -> float:
        return self._clock.read().monotonic_s


class TakeoverExecutor:
    """A local executor whose scheduler took over from another machine: what was open there is repeated when it must have ended.

    Args:
        inner: The executor.
        until_s: Monotonic instant by which it must have ended.
        lease_s: Seconds of a try's lease.
        clock: Tells the present.
    """

    def __init__(self, inner: Executor, until_s: float, lease_s: float, clock: Clock) -> None:
        self.name, self._inner, self._until_s, self._lease_s = inner.name, inner, until_s, lease_s
        self._clock = clock
        self._open: frozenset[tuple[TaskKey, int]] = frozenset()
        self._renew_s = 0.0

    def start(self) -> None:
        """Start the executor."""
        self._inner.start()

    def recover(self, tries: Sequence[TryRequest]) -> list[TryStarted | TryRecovered | TryFinished]:
        """Believe that they live on."""
        self._open = frozenset((request.key, request.epoch) for request in tries)
        return [TryRecovered(key, epoch) for key, epoch in self._open]

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
        now_s, at = now.monotonic_s, now.wall
        if not self._open or now_s < self._renew_s:
            return events
        if now_s >= self._until_s:
            end = TryEnd(Outcome.LOST, "the scheduler that ran it on another machine is gone")
            events += [TryFinished(key, epoch, at, end) for key, epoch in self._open]
            self._open = frozenset()
        else:
            events.append(Heartbeat(self.name, tuple(self._open), at))
            self._renew_s = min(now_s + self._lease_s / CONFIRMATIONS, self._until_s)
        return events

    def stop(self, grace_s: float) -> None:
        """Stop the executor."""
        self._inner.stop(grace_s)
