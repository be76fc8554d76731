"""The scheduler's loop: drain events, step the engine, commit everything in one transaction, then act.

A crash between commit and act is repaired at start: what was queued or running then is taken up again by its executor, or is
sent out again under a new epoch.
"""

import os
import selectors
from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from penstock.clock import Clock
from penstock.engine.engine import Engine
from penstock.engine.messages import LONGEST_WAIT_S, CapacityChanged, Dispatch, Event, RunAdded, Step
from penstock.model.run import NewRun, TaskKey
from penstock.scheduler.inbox import Inbox
from penstock.spec.executor import Executor, Heartbeat, TryAsked, TryFinished
from penstock.store import Store
from penstock.tries.asks import Asks
from penstock.tries.endings import accepted
from penstock.tries.recovery import recovered
from penstock.tries.try_requests import TryRequests


class Scheduler:
    """Runs one engine over one store; at most one lives per database.

    Args:
        executors: By the names that the engine knows; several names may share one executor.
        requests: Makes what a try needs out of the engine's dispatch.
        asks: Answers what tries ask.
        stop_grace_s: Seconds that running tries get to clean up when `run` ends.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        executors: Mapping[str, Executor],
        requests: TryRequests,
        asks: Asks,
        clock: Clock,
        *,
        stop_grace_s: float = 5.0,
    ) -> None:
        self._store, self._engine, self._executors = store, engine, executors
        self._requests, self._asks, self._clock = requests, asks, clock
        self._stop_grace_s = stop_grace_s
        self._capacities: dict[str, int | None] = {}
        self._unsent: list[TryFinished] = []
        self._inbox = Inbox(store, engine.holds)
        self._selector = selectors.DefaultSelector()
        self._wakeup = store.wakeups.listen()
        self._stop_r, self._stop_w = os.pipe()
        self._stopping = False

    def stop(self) -> None:
        """Have `run` return after the turn in progress; may be called from a signal handler."""
        self._stopping = True
        os.write(self._stop_w, b"x")

    def run(self) -> None:
        """Schedule until `stop`.

        Raises:
            StoreError: The database failed; nothing of the step in progress was carried out. A new scheduler on the
                same database goes on from what is stored.
        """
        unique = {id(executor): executor for executor in self._executors.values()}.values()
        for executor in unique:
            executor.start()
            self._selector.register(executor.fileno(), selectors.EVENT_READ)
        self._selector.register(self._stop_r, selectors.EVENT_READ)
        try:
            self._schedule(list(unique))
        finally:
            for executor in unique:
                executor.stop(self._stop_grace_s)
            self._wakeup.close()
            self._store.close()

    def _schedule(self, executors: Sequence[Executor]) -> None:
        wait_s = self._turn(*self._restored())
        while not self._stopping:
            wakeup = self._selector.register(self._wakeup.fileno(), selectors.EVENT_READ)
            lock = self._store.leader_lock.fileno()
            if lock is not None:
                self._selector.register(lock, selectors.EVENT_READ)
            ready = self._selector.select(wait_s)
            self._selector.unregister(wakeup.fileobj)
            if lock is not None:
                self._selector.unregister(lock)
                if any(key.fd == lock for key, _ in ready):
                    # Before anything is decided: another scheduler may have taken over, and start what we still run.
                    self._store.leader_lock.keep()
            # What executors have sent is read before the engine judges leases: nobody is silent whose word lies here.
            events: list[Event] = [*self._unsent]
            self._unsent.clear()
            events += [event for executor in executors for event in self._received(executor)]
            events += self._capacity_changes()
            new_runs: list[NewRun] = []
            handled: list[int] = []
            if any(key is wakeup for key, _ in ready):
                self._wakeup.drain()
                requested, new_runs, handled = self._inbox.take()
                events += requested
            wait_s = self._turn(events, new_runs, handled)

    def _received(self, executor: Executor) -> Iterator[Event]:
        """What an executor tells, for the engine; what tries ask is answered on the way."""
        for event in executor.events():
            if isinstance(event, Heartbeat):
                yield replace(event, tries=tuple(each for each in event.tries if self._may_report(executor, *each)))
            elif not self._may_report(executor, event.key, event.epoch):
                continue
            elif isinstance(event, TryAsked):
                executor.reply(event, self._asks.answer(event.key, event.ask))
            elif isinstance(event, TryFinished):
                yield replace(event, end=accepted(event.end))
            else:
                yield event

    def _may_report(self, executor: Executor, key: TaskKey, epoch: int) -> bool:
        """Whether an executor may tell of a try: not if another one holds it; the engine fences what nobody holds."""
        holder = self._engine.holder(key, epoch)
        return holder is None or self._executors.get(holder) is executor

    def _capacity_changes(self) -> Iterator[CapacityChanged]:
        """What executors want to hold at once, where it is not what they wanted before: far workers come and go."""
        for name, executor in self._executors.items():
            capacity = None if name == self._engine.sensor_executor else executor.capacity()
            if name not in self._capacities or self._capacities[name] != capacity:
                self._capacities[name] = capacity
                yield CapacityChanged(name, capacity)

    def _restored(self) -> tuple[list[Event], list[NewRun], list[int]]:
        """Everything that lives in the store, what has become of its open tries, and what came in meanwhile."""
        events: list[Event] = [*self._capacity_changes(), self._inbox.pools()]
        events += self._inbox.dag_events(self._store.dags.states())
        runs = [added for each in self._store.runs.live() if (added := self._inbox.run_added(each)) is not None]
        events += runs
        events += recovered(runs, self._executors, self._requests, self._clock.now())
        requested, new_runs, handled = self._inbox.take()
        known = {added.run.run for added in runs}
        events += [event for event in requested if not (isinstance(event, RunAdded) and event.run.run in known)]
        return events, new_runs, handled

    def _turn(self, events: Sequence[Event], new_runs: list[NewRun], handled: list[int]) -> float:
        """One step with all that follows from it, durable, then carried out; seconds until the next one is due."""
        now = self._clock.read()
        step = self._engine.step(events, now)
        step.changes.new_runs += new_runs
        step.changes.handled += handled
        steps = [step]
        if step.changes:
            with self._store.transaction() as tx:
                while created := tx.apply(step.changes, now.wall):
                    added = [event for run in created if (event := self._inbox.created(run)) is not None]
                    step = self._engine.step(added, now)
                    steps.append(step)
        for done in steps:
            self._act(done)
        if self._unsent:
            return 0.0
        if step.wait_s is None:
            return LONGEST_WAIT_S
        since = self._clock.read().monotonic_s - now.monotonic_s
        return min(max(0.0, step.wait_s - since), LONGEST_WAIT_S)

    def _act(self, step: Step) -> None:
        for kill in step.kills:
            # A try of an executor that is configured no more has died with it.
            if (executor := self._executors.get(kill.executor)) is not None:
                executor.cancel([(kill.key, kill.epoch)], kill.reason)
        by_executor: dict[int, tuple[Executor, list[Dispatch]]] = {}
        for dispatch in step.dispatches:
            place = self._executors[dispatch.executor]
            by_executor.setdefault(id(place), (place, []))[1].append(dispatch)
        for place, dispatches in by_executor.values():
            made, failed = self._requests.make(dispatches, self._clock.now())
            self._unsent += failed
            place.submit(made)
