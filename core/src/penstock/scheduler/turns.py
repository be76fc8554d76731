"""Takes the engine from one stored state to the next, whatever comes in.

A turn that raises has changed nothing in the store, and the engine's memory is of no use any more: it is told anew what
is stored. If that raises, too, the one arrival at which it does is found by halving and put into quarantine, and all
others are handled. A database that cannot be had is waited for.
"""

import contextlib
from collections.abc import Callable, Sequence

import msgspec

from penstock.clock import Clock
from penstock.engine.engine import Engine
from penstock.engine.messages import Kill, PastFound, RunAdded, Step
from penstock.errors import CommitUnknownError, StoreUnavailableError
from penstock.model.attempt import TryEnd
from penstock.model.history.quarantine import Quarantined, QuarantineKind
from penstock.model.now import Now
from penstock.model.request import encode
from penstock.model.run import TaskKey
from penstock.model.state import Outcome
from penstock.processes.failpoint import failpoint
from penstock.scheduler.arrival import Arrival
from penstock.scheduler.inbox import Inbox, fault_of, passes
from penstock.scheduler.outage import Outage
from penstock.scheduler.outgoing_tries import NO_OFFERS, Offers, OutgoingTries
from penstock.spec.executor import TryFinished
from penstock.store import Store, Transaction
from penstock.terminal import write_line


class Turn(msgspec.Struct, frozen=True):
    """What was decided and stored, to be carried out.

    Attributes:
        offers: What was offered with each step.
        commit_s: Seconds that it took to store it.
    """

    now: Now
    steps: tuple[Step, ...]
    offers: tuple[Offers, ...]
    commit_s: float = 0.0


class Turns:
    """Steps the engine and stores what it decides.

    Args:
        stored: Reads everything that the engine has to know.
        kill: Carries out a kill.
        outgoing: Takes what will be dispatched before it is stored, and offers with it what is kept in the database.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - as the scheduler, which makes it
        self,
        store: Store,
        engine: Engine,
        inbox: Inbox,
        clock: Clock,
        outage: Outage,
        stored: Callable[[], list[Arrival]],
        kill: Callable[[Kill], None],
        outgoing: OutgoingTries,
    ) -> None:
        self._store, self._engine, self._inbox = store, engine, inbox
        self._clock, self._outage, self._stored, self._kill = clock, outage, stored, kill
        self._aside: set[str] = set()
        self._outgoing = outgoing

    def take(self, arrivals: Sequence[Arrival]) -> Turn:
        """One step with all that follows from it, durable.

        Raises:
            StoreError: The database failed for good, or another scheduler has it.
        """
        if not any(arrival.fault for arrival in arrivals):
            try:
                return self._committed(arrivals, offering=True)
            except StoreUnavailableError as error:
                self._outage.wait(error)
            except Exception as error:
                if passes(error):
                    raise
        return self.restart(arrivals)

    def restart(self, since: Sequence[Arrival], known: list[Arrival] | None = None) -> Turn:
        """Go on from what is stored, then take what was told since.

        Args:
            since: What has come in and is not stored yet.
            known: What is stored, if that was just read.

        Raises:
            StoreError: As in `take`.
        """
        self._aside = self._outage.through(self._store.quarantine.dag_ids)
        # What was read of the past is older than what may have been committed since; the engine asks again.
        since = [arrival for arrival in since if not isinstance(arrival.event, PastFound)]
        while True:
            stored = known if known is not None else self._outage.through(self._stored)
            arrivals, known = [*stored, *since], None
            faulty = next(((arrival, arrival.fault) for arrival in arrivals if arrival.fault), None)
            try:
                if faulty is None:
                    self._engine.forget()
                    # An offer that cannot be stored is to fail alone: it may be what the turn before failed by.
                    return self._committed(arrivals, offering=False)
            except StoreUnavailableError as error:
                self._outage.wait(error)
                self._outage.through(self._write)  # what is stored is read again only once it can be written, too
                continue
            except Exception as error:
                if passes(error) or not arrivals:
                    raise
                faulty = self._faulty(len(stored), arrivals)
            if faulty is not None:
                since = self._set_aside(*faulty, since, stored)

    def _write(self) -> None:
        """Write nothing, as a turn would write."""
        with self._store.transaction():
            return

    def _committed(self, arrivals: Sequence[Arrival], *, offering: bool) -> Turn:
        now = self._clock.read()
        steps, commit_s = [self._stepped(arrivals, now)], 0.0
        offers: list[Offers] = []
        self._outgoing.expect(steps[0].dispatches)
        # A DAG that was put aside comes in again if it has changed, or if a person asked for it.
        again = self._aside & {arrival.dag_id for arrival in arrivals}
        if steps[0].changes:
            begun_s = self._clock.read().monotonic_s
            try:
                with self._store.transaction() as tx:
                    self._apply(tx, steps, now)
                    if offering:
                        offers += [self._outgoing.offer(tx, step.dispatches) for step in steps]
                    if again:
                        self._store.quarantine.release(tx, again)
                    failpoint("scheduler.commit.before")
                failpoint("scheduler.commit.after")
            except CommitUnknownError as error:
                transaction = error.transaction
                if not self._outage.through(lambda: self._store.committed(transaction)):
                    raise
            self._aside -= again
            commit_s = self._clock.read().monotonic_s - begun_s
        self._outage.over()
        return Turn(now, tuple(steps), tuple(offers or [NO_OFFERS] * len(steps)), commit_s)

    def _stepped(self, arrivals: Sequence[Arrival], now: Now) -> Step:
        step = self._engine.step([arrival.event for arrival in arrivals if arrival.event is not None], now)
        step.changes.new_runs += [arrival.new_run for arrival in arrivals if arrival.new_run is not None]
        step.changes.asset_events += [each.asset_event for each in arrivals if each.asset_event is not None]
        step.changes.handled += [arrival.number for arrival in arrivals if arrival.number]
        return step

    def _apply(self, tx: Transaction, steps: list[Step], now: Now) -> None:
        """Write a step, and those that follow from the runs and the events of assets that it creates."""
        while created := tx.apply(steps[-1].changes, now.wall):
            added = [event for each in created if (event := self._inbox.created(each)) is not None]
            steps.append(self._engine.step(added, now))
            self._outgoing.expect(steps[-1].dispatches)

    def _faulty(self, stored: int, arrivals: Sequence[Arrival]) -> tuple[Arrival, str] | None:
        """The arrival with which those before it cannot be handled, and why; None if all of them now can.

        Args:
            stored: How many of them, the first, are from the store: most often these are sound.
            arrivals: All of them.
        """
        sound, unsound = 0, len(arrivals)
        fault = self._fault_of(arrivals)
        if not fault:
            return None
        middle = stored if 0 < stored < unsound else unsound // 2
        while unsound - sound > 1:
            found = self._fault_of(arrivals[:middle])
            sound, unsound, fault = (sound, middle, found) if found else (middle, unsound, fault)
            middle = (sound + unsound) // 2
        return arrivals[unsound - 1], fault

    def _fault_of(self, arrivals: Sequence[Arrival]) -> str:
        """What is raised at these arrivals if they are all that there is, as a sentence; "" for nothing."""
        try:
            self._outage.through(lambda: self._tried(arrivals))
        except Exception as error:
            if passes(error):
                raise
            return fault_of(error)
        return ""

    def _tried(self, arrivals: Sequence[Arrival]) -> None:
        """Handle arrivals as if they were all that there is, and store nothing."""
        self._engine.forget()
        now = self._clock.read()
        steps = [self._stepped(arrivals, now)]
        with contextlib.suppress(_RolledBackError), self._store.transaction() as tx:
            self._apply(tx, steps, now)
            tx.send()
            raise _RolledBackError

    def _set_aside(
        self, arrival: Arrival, fault: str, since: Sequence[Arrival], stored: Sequence[Arrival]
    ) -> list[Arrival]:
        """Put an arrival into quarantine; returns what is left of what was told, with what stands for it."""
        body = encode(arrival.request) if arrival.request is not None else b""
        thing = Quarantined(arrival.kind, arrival.subject, fault, self._clock.now(), arrival.dag_id, body)
        run, stand_in = arrival.run, []
        if thing.kind is QuarantineKind.TRY and arrival.of_try is not None:
            key, epoch = arrival.of_try
            if arrival.last:
                run = key.run  # not even its failure can be handled
                thing = msgspec.structs.replace(thing, kind=QuarantineKind.RUN, subject=f"run {run}")
            else:
                stand_in = [self._failed_try(key, epoch, fault, stored)]
        if run:
            fail_run, notify = self._store.quarantine.fail_run, self._engine.notify
            for executor, key, epoch in self._outage.through(lambda: fail_run(thing, run, notify=notify)):
                self._kill(Kill(executor, key, epoch, fault))
        else:
            self._outage.through(lambda: self._store.quarantine.add(thing, arrival.number))
        self._aside |= {arrival.dag_id} - {""}
        _log(f"{thing.subject}: {thing.kind.fate}: {fault} (see `penstock quarantine list`)")
        place = next((place for place, each in enumerate(since) if each is arrival), len(since))
        left = [*since[:place], *stand_in, *since[place + 1 :]]
        return [each for each in left if not run or each.run != run]

    def _failed_try(self, key: TaskKey, epoch: int, fault: str, stored: Sequence[Arrival]) -> Arrival:
        """The failure of a try of which something was told that cannot be handled; its process, if it lives, is ended."""
        reason = f"what it told cannot be handled: {fault}"
        for run in (each.event for each in stored if isinstance(each.event, RunAdded) and each.run == key.run):
            for attempt in run.tries:
                if (attempt.task_id, attempt.map_index, attempt.epoch) == (*key[1:], epoch):
                    self._kill(Kill(attempt.executor, key, epoch, reason))
        end = TryEnd(Outcome.FAILED, reason, retryable=False)
        return Arrival(TryFinished(key, epoch, self._clock.now(), end), last=True)


class _RolledBackError(Exception):
    """Ends a transaction that was a trial."""


def _log(line: str) -> None:
    write_line(line)
