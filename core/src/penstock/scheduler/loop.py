"""The scheduler's loop: drain events, step the engine, commit everything in one transaction, then act.

A crash between commit and act is repaired at start: what was queued or running then is taken up again by its executor, or is
sent out again under a new epoch.
"""

import contextlib
import math
import selectors
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from msgspec.structs import replace

from penstock.clock import Clock
from penstock.engine.engine import Engine
from penstock.engine.messages import (
    LONGEST_WAIT_S,
    CapacityChanged,
    ClockRead,
    DagHeld,
    DagLost,
    Kill,
    PoolsUpdated,
    RunAdded,
    Step,
    TryInterrupted,
)
from penstock.engine.why import why_moving
from penstock.model.attempt import TryEnd
from penstock.model.run import TaskKey
from penstock.model.state import Outcome
from penstock.processes.failpoint import failpoint
from penstock.scheduler.arrival import Arrival
from penstock.scheduler.clock_steps import ClockSteps
from penstock.scheduler.in_hand import InHand
from penstock.scheduler.inbox import Inbox, fault_of
from penstock.scheduler.inbox_wakeup import InboxWakeup
from penstock.scheduler.measures import Measures
from penstock.scheduler.open_asks import OpenAsks
from penstock.scheduler.outage import Outage
from penstock.scheduler.outgoing_tries import Offers, OutgoingTries
from penstock.scheduler.outgrown import Outgrown
from penstock.scheduler.run_ended import run_ended
from penstock.scheduler.sharing.handover import Handover
from penstock.scheduler.sharing.lending import Lending
from penstock.scheduler.sharing.ownership import Ownership
from penstock.scheduler.sharing.takeover import ALONE_S, LOOKS_S, RoleLease
from penstock.scheduler.turns import Turn, Turns
from penstock.spec.executor import Executor, ExecutorEvent, Heartbeat, TryAsked, TryFinished, TryRecovered, TryStarted
from penstock.store import Store
from penstock.tries.asks import Asks
from penstock.tries.endings import accepted
from penstock.tries.recovery import recovered
from penstock.tries.try_requests import TryRequests

UNSEEN_S = 10.0
"""Seconds between two pokes of sensors that wait for DAGs which other schedulers may own: nobody says when those end."""


class Scheduler:
    """Runs one engine over one store; several may share a PostgreSQL database, each with DAGs of its own.

    Args:
        executors: By the names that the engine knows; several names may share one executor.
        requests: Makes what a try needs out of the engine's dispatch.
        asks: Answers what tries ask.
        stop_grace_s: Seconds that running tries get to clean up when `run` ends.
        role: The time for which this is certain to be the one scheduler.
        in_hand: Notes the tries that it is dealing with.
        report: Takes a line about each run that has ended.
        measures: Takes what is measured.
        poke: Has sensors looked at that wait for what has just ended.
        handover_s: Seconds at most for which no try begins of a DAG that another scheduler is to own; 0 for not at all.
        selector: Makes what it waits with.

    Attributes:
        drained: Whether `run` has returned after it was drained, even if it was stopped before all had ended: nothing is to replace it.
    """

    def __init__(  # noqa: PLR0913 - what it is made of is handed in, part by part
        self,
        store: Store,
        engine: Engine,
        executors: Mapping[str, Executor],
        requests: TryRequests,
        asks: Asks,
        clock: Clock,
        *,
        stop_grace_s: float = 5.0,
        role: RoleLease | None = None,
        in_hand: InHand | None = None,
        report: Callable[[str], None] = lambda _: None,
        measures: Measures | None = None,
        poke: Callable[[Sequence[tuple[TaskKey, int]]], None] = lambda _: None,
        handover_s: float = 0.0,
        selector: Callable[[], selectors.BaseSelector] = selectors.DefaultSelector,
    ) -> None:
        self._store, self._engine, self._executors = store, engine, executors
        self._requests, self._clock = requests, clock
        # What may fail comes before what has to be closed.
        self._role, self._clock_steps = role or RoleLease(store.role, clock), ClockSteps(clock, report)
        self._lending = Lending(store.role, engine.demands, clock)
        self._stop_grace_s, self._in_hand, self._report = stop_grace_s, in_hand or InHand(), report
        self._measures, self._poke, self._watch = measures or Measures(), poke, asks.watch
        self._capacities: dict[str, int | None] = {}
        self._unsent: list[TryFinished] = []
        self._selector = selector()
        self._wakeup = InboxWakeup(store.wakeups.listen(), lambda: clock.read().monotonic_s)
        (self._stop_r, self._stop_w), (self._drain_r, self._drain_w) = socket.socketpair(), socket.socketpair()
        self._stopping = self._draining = self._drain_stored = self.drained = False
        self._outage, self._outgrown = Outage(self._stop_r, selector), Outgrown(store)
        self._asks = OpenAsks(asks, lambda: clock.read().monotonic_s, self._outage, self._in_hand)
        self._ownership = Ownership(store.role, engine.idle, Handover(handover_s, engine.movable))
        self._moving = partial(why_moving, longest_s=handover_s)
        self._look_s = self._poke_s = 0.0
        self._begun, self._untaken = False, True
        self._pools: PoolsUpdated | None = None
        self._inbox = Inbox(store, engine.holds, self._ownership, clock.now)
        self._outgoing = OutgoingTries(store, executors, requests, clock, self._outage)
        self._turns = Turns(store, engine, self._inbox, clock, self._outage, self._stored, self._kill, self._outgoing)

    def stop(self) -> None:
        """Have `run` return after the turn in progress; may be called from a signal handler."""
        self._stopping = True
        with contextlib.suppress(OSError):  # it has returned, or is about to
            self._stop_w.send(b"x")

    def drain(self) -> None:
        """Begin no try any more, and have `run` return once none runs; may be called from a signal handler.

        Sensors that wait do not hold it up: the next scheduler goes on with them.
        """
        self._draining = True
        with contextlib.suppress(OSError):  # it has returned, or is about to
            self._drain_w.send(b"x")

    def run(self) -> None:
        """Schedule until `stop`, or until all that runs has ended after `drain`.

        Raises:
            StoreError: The database failed for good, or another scheduler has taken over; nothing of the step in progress was
                carried out. A new scheduler on the same database goes on from what is stored.
        """
        started: list[Executor] = []
        try:
            for woken in (self._stop_r, self._drain_r):
                self._selector.register(woken, selectors.EVENT_READ)
            for executor in {id(each): each for each in self._executors.values()}.values():
                started.append(executor)
                executor.start()
                self._selector.register(executor.fileno(), selectors.EVENT_READ)
            self._schedule(started)
            self.drained = self._draining
        finally:
            for executor in started:
                executor.stop(self._stop_grace_s)
            self._asks.close()
            self._role.end()
            self._wakeup.close()
            for each in (self._selector, self._stop_r, self._stop_w, self._drain_r, self._drain_w):
                each.close()
            self._store.close()
            self._in_hand.close()

    def _schedule(self, executors: Sequence[Executor]) -> None:
        through = self._outage.through
        self._measures.beat()
        through(self._role.renew)
        self._others()
        wait_s = self._carried_out(self._first_turn())
        self._begun, self._untaken = True, False
        self._lending.hurry()  # the engine knows by now which limits there are
        while not self._stopping:
            self._measures.beat()
            through(self._renew)
            woken = self._waited(wait_s)
            moved = self._others(look=woken and len(self._ownership.members) > 1)
            self._asks.go_on()
            # What executors have sent is read before the engine judges leases: nobody is silent whose word lies here.
            arrivals = [Arrival(event) for event in self._unsent]
            self._unsent.clear()
            messages = [(executor, event) for executor in executors for event in executor.events()]
            if any(isinstance(event, TryFinished) for _, event in messages):
                failpoint("scheduler.answers.after")
            arrivals += [Arrival(change) for change in self._capacity_changes()]
            if woken:
                through(self._wakeup.drain)
                arrivals += through(self._inbox.take)
                moved += self._others(look=True) if self._inbox.unowned else []
            arrivals += through(lambda: self._inbox.dates(self._engine.dates_wanted))
            arrivals += through(lambda: self._inbox.past_runs(self._engine.past_wanted))
            if self._clock_steps.set_back():
                arrivals += through(self._inbox.ahead)
            self._store.check_file()
            with self._in_hand.dealing(
                [(e.key, e.epoch) for _, e in messages if not isinstance(e, Heartbeat | TryAsked)]
            ):
                received = [arrival for executor, event in messages for arrival in self._received(executor, event)]
                turn = self._turns.take([*moved, *received, *arrivals])
            self._untaken = False
            if any(isinstance(arrival.event, PoolsUpdated) for arrival in (*moved, *arrivals)):
                self._lending.hurry()
            wait_s = self._carried_out(turn)
            if self._draining and not self._unsent and not any(map(self._engine.slots_used, self._capacities)):
                self._stopping = True

    def _renew(self) -> None:
        """Renew the role, and say once that this scheduler drains."""
        self._role.renew()
        if not self._draining and (why := self._outgrown.found(self._clock.read().monotonic_s)):
            self._report(why)
            self._draining = True
        if self._draining and not self._drain_stored:
            self._store.role.drain(self._clock.now())
            self._drain_stored, self._look_s = True, 0.0

    def _waited(self, wait_s: float) -> bool:
        """Wait until something has come or is due; whether there may be something in the inbox."""
        wakeup = self._outage.through(self._wakeup.fileno)
        waited = [wakeup, *self._asks.readable]
        for each in waited:
            self._selector.register(each, selectors.EVENT_READ)
        others_s, beat_s = self._others_wait_s(), self._measures.wait_s
        longest_s = min(wait_s, self._role.wait_s, self._asks.wait_s, others_s, self._wakeup.wait_s, beat_s)
        ready = {key.fd for key, _ in self._selector.select(longest_s)}
        for each in waited:
            self._selector.unregister(each)
        if self._drain_r.fileno() in ready:
            self._drain_r.recv(64)
        return wakeup in ready or not self._wakeup.wait_s

    def _received(self, executor: Executor, event: ExecutorEvent) -> list[Arrival]:
        """What an executor tells, for the engine; what a try asks is answered here."""
        if isinstance(event, Heartbeat):
            tries = tuple(each for each in event.tries if self._may_report(executor, *each))
            return [Arrival(replace(event, tries=tries))]
        if not self._may_report(executor, event.key, event.epoch):
            return []
        if isinstance(event, TryAsked):
            self._asks.take(executor, event)
            return []
        return [_accepted(event)]

    def _may_report(self, executor: Executor, key: TaskKey, epoch: int) -> bool:
        """Whether an executor may tell of a try: not if another one holds it; the engine fences what nobody holds."""
        holder = self._engine.holder(key, epoch)
        return holder is None or self._executors.get(holder) is executor

    def _capacity_changes(self) -> Iterator[CapacityChanged]:
        """What executors want to hold at once, where it is not what they wanted before: far workers come and go."""
        for name, executor in self._executors.items():
            capacity = None if name == self._engine.sensor_executor else executor.capacity()
            capacity = 0 if self._draining else capacity
            if name not in self._capacities or self._capacities[name] != capacity:
                self._capacities[name] = capacity
                self._measures.capacity(name, capacity)
                yield CapacityChanged(name, capacity, draining=self._draining)

    def _stored(self) -> list[Arrival]:
        """Everything that an engine has to know that knows nothing."""
        draining = self._draining
        capacities = [
            Arrival(CapacityChanged(name, capacity, draining=draining)) for name, capacity in self._capacities.items()
        ]
        lent = [] if self._lending.lent is None else [Arrival(self._lending.lent)]
        held = [Arrival(DagHeld(dag_id, self._moving(dag_id))) for dag_id in sorted(self._ownership.held)]
        return [*capacities, *lent, *self._inbox.stored(), *held]

    def _first_turn(self) -> Turn:
        """Take up everything that lives in the store, what has become of its open tries, and what came in meanwhile."""
        for _ in self._capacity_changes():
            pass
        known = self._stored()
        self._clock_steps.begin(next((each.event.at for each in known if isinstance(each.event, ClockRead)), None))
        messages = self._recovered(known)
        with self._in_hand.dealing([(e.key, e.epoch) for e in messages if not isinstance(e, TryInterrupted)]):
            return self._turns.restart([*map(_accepted, messages), *self._inbox.take()], known)

    def _recovered(self, known: Sequence[Arrival]) -> list[TryStarted | TryRecovered | TryFinished | TryInterrupted]:
        """What has become of the open tries of runs that were taken up."""
        runs = [arrival.event for arrival in known if isinstance(arrival.event, RunAdded)]
        return recovered(runs, self._executors, self._requests, self._clock.now(), self._in_hand.suspects)

    def _others_wait_s(self) -> float:
        """Seconds until the next look at the other schedulers; for ever if there can be none."""
        if self._lending.lent is None:
            return math.inf
        if self._ownership.leaving:
            return 0.0
        return max(0.0, min(self._lending.wait_s, self._look_s - self._clock.read().monotonic_s))

    def _others(self, *, look: bool = False) -> list[Arrival]:
        """What the other schedulers' coming and going changes: DAGs change hands, and shares of limits do."""
        if self._lending.lent is None:
            return []
        now_s = self._clock.read().monotonic_s
        found = self._moved(now_s) if look or now_s >= self._look_s or self._ownership.leaving else []
        if self._untaken:  # what tries hold that were taken over, the engine knows only after its next step
            self._lending.hurry()
            return found
        lent = self._outage.through(lambda: self._lending.exchange(len(self._ownership.members)))
        return found if lent is None else [*found, Arrival(lent)]

    def _moved(self, now_s: float) -> list[Arrival]:
        """The DAGs that have changed hands, with all that lives of those that are owned here now."""
        through = self._outage.through
        moves = through(lambda: self._ownership.look(now_s))
        alone = len(self._ownership.members) <= 1
        self._look_s = now_s + (ALONE_S if alone else LOOKS_S)
        found = [Arrival(DagLost(dag_id)) for dag_id in moves.lost]
        found += [Arrival(DagHeld(dag_id, self._moving(dag_id))) for dag_id in moves.held]
        found += [Arrival(DagHeld(dag_id, "")) for dag_id in moves.released]
        if moves.members or not alone:
            # Only the first scheduler is asked to look at changed pools; the others see it here.
            pools = through(self._inbox.pools)
            if (
                moves.members
                or self._pools is None
                or pools.slots != self._pools.slots
                or _rates(pools) != _rates(self._pools)
            ):
                found.append(Arrival(pools))
            self._pools = pools
            self._lending.hurry() if moves.members else self._lending.wake()
        if not alone and now_s >= self._poke_s:
            self._poke_s = now_s + UNSEEN_S
            self._poke(self._watch.take_all())
        if moves.gained and self._begun:
            self._untaken = True
            known = through(lambda: self._inbox.gained(moves.gained))
            found += [*known, *map(_accepted, self._recovered(known))]
            found += through(lambda: self._inbox.waiting(moves.gained))
        return found

    def _carried_out(self, turn: Turn) -> float:
        """Carry out what a turn decided; returns the seconds until the next one is due."""
        if self._measures.on:
            self._measures.turn(turn.steps, self._clock.read().monotonic_s - turn.now.monotonic_s, turn.commit_s)
        for step, offers in zip(turn.steps, turn.offers, strict=True):
            self._act(step, offers)
            for run in step.changes.runs:
                if run.state.finished:
                    self._report(run_ended(run))
        if self._unsent:
            return 0.0
        wait_s = turn.steps[-1].wait_s
        if wait_s is None:
            return LONGEST_WAIT_S
        since = self._clock.read().monotonic_s - turn.now.monotonic_s
        return min(max(0.0, wait_s - since), LONGEST_WAIT_S)

    def _act(self, step: Step, offers: Offers) -> None:
        for kill in step.kills:
            self._kill(kill)
        if sensors := self._watch.poked_by(step.changes):
            self._poke(sensors)
        self._unsent += self._outgoing.send(step.dispatches, offers)

    def _kill(self, kill: Kill) -> None:
        # A try of an executor that is configured no more has died with it.
        if (executor := self._executors.get(kill.executor)) is not None:
            executor.cancel([(kill.key, kill.epoch)], kill.reason)


def _accepted(event: ExecutorEvent | TryInterrupted) -> Arrival:
    """An event as it can be stored; with its fault if that cannot be judged."""
    if not isinstance(event, TryFinished):
        return Arrival(event)
    try:
        return Arrival(replace(event, end=accepted(event.end)))
    except Exception as error:  # noqa: BLE001 - what one try says must not end the scheduler of all
        unreadable = replace(event, end=TryEnd(Outcome.FAILED, fault_of(error), retryable=False))
        return Arrival(unreadable, fault=fault_of(error))


def _rates(pools: PoolsUpdated) -> dict[str, object]:
    return {name: each.rate for name, each in pools.rates.items()}
