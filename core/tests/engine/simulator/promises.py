"""What must hold of leases, losses and retries, kept apart from the engine: on a clock that knows each pause."""

from collections.abc import Iterable

from simulator.clock import SimClock
from simulator.store import Store

from penstock.engine.messages import Kill, Step
from penstock.engine.state import LATENESS_S, STEPS_PER_LEASE
from penstock.engine.tries import MAX_LOST
from penstock.model.run import TaskInstance, TaskKey, Try
from penstock.model.state import Outcome, TaskState
from penstock.spec.executor import Heartbeat, TryFinished, TryRecovered, TryStarted

Ident = tuple[TaskKey, int]
SILENCE = "sent no heartbeat for it"
_EPS = 0.01


class Promises:
    """Holds each committed step against what executors and workers really said, and when.

    Args:
        lease_s: Seconds of silence after which a try is lost.

    Attributes:
        pids: The process of each try that was really started; a late word of an earlier one must not be taken for it.
    """

    def __init__(self, store: Store, clock: SimClock, lease_s: float) -> None:
        self._store, self._clock, self._lease_s = store, clock, lease_s
        self._renewed: dict[Ident, tuple[float, int]] = {}
        self._retries: dict[TaskKey, tuple[float, bool]] = {}
        self._rows: dict[TaskKey, TaskInstance] = {}
        self._said_lost: set[Ident] = set()
        self.pids: dict[Ident, int] = {}

    def restarted(self, open_tries: Iterable[Try]) -> None:
        """A new engine: each open try has a whole lease, and each retry waits for its pause at most."""
        self._renewed = {_ident(attempt): self._present() for attempt in open_tries}
        self._retries = {
            key: (self._clock.monotonic_s + (row.due_at - row.ended_at).total_seconds(), False)
            for key, row in self._store.tasks.items()
            if row.state is TaskState.UP_FOR_RETRY and row.due_at is not None and row.ended_at is not None
        }
        self._rows = dict(self._store.tasks)

    def heard(self, events: Iterable[object]) -> None:
        """The engine is told of these events in its next step: tries that they name are renewed, and no other."""
        for event in events:
            if isinstance(event, Heartbeat):
                self._renew(event.tries)
            elif isinstance(event, TryRecovered | TryStarted):
                self._renew([(event.key, event.epoch)])
            elif isinstance(event, TryFinished) and event.end.outcome is Outcome.LOST:
                self._said_lost.add((event.key, event.epoch))

    def check(self, step: Step, touched: set[int]) -> None:
        """Raise AssertionError for the first promise that this step breaks."""
        for dispatch in step.dispatches:
            self._renewed[dispatch.instance.key, dispatch.instance.epoch] = self._present()
        for attempt in step.changes.tries:
            self._of_try(attempt, step.kills, touched)
        for ident, (since, _) in self._renewed.items():
            silent = self._clock.running_s - since
            assert silent < self._lease_s + _EPS, f"{ident} was silent for {silent:.1f} s and counts as live"
        self._check_retries(touched)
        self._rows = dict(self._store.tasks)

    def _of_try(self, attempt: Try, kills: tuple[Kill, ...], touched: set[int]) -> None:
        ident = _ident(attempt)
        assert attempt.pid in (None, self.pids.get(ident)), f"{ident} has the process of another try"
        if attempt.outcome is None:
            return
        since, pauses = self._renewed.pop(ident)
        if attempt.outcome is not Outcome.LOST:
            return
        if SILENCE in attempt.error:
            told = any((kill.key, kill.epoch) == ident for kill in kills)
            assert told, f"{ident} is lost for silence and was not told to end"
            # Of each pause, the engine cannot tell the part that it had asked to wait itself from time that passed.
            unknown = (self._clock.pauses - pauses) * (self._lease_s / STEPS_PER_LEASE + LATENESS_S)
            silent = self._clock.running_s - since
            assert silent + unknown >= self._lease_s - _EPS, f"{ident} is lost after {silent:.1f} s of silence"
        else:
            assert ident in self._said_lost, f"{ident} is lost, and its executor did not say so: {attempt.error}"
        before, row = self._rows.get(ident[0]), self._store.tasks.get(ident[0])
        if before is None or row is None or ident[0].run in touched or not before.state.live:
            return
        counted = 0 if SILENCE in attempt.error else 1
        assert row.losses == before.losses + counted, f"{ident} was lost, and {row.losses} losses are counted"
        assert row.failures == before.failures, f"{ident} was lost, and it spent a retry"
        if row.losses >= MAX_LOST:
            assert row.state is TaskState.FAILED, f"{ident} was lost {row.losses} times and goes on as {row.state}"
        else:
            # What does not go out again in this very step (it waits, or a short circuit cut it off) gave its number back.
            spent = row.try_number + (not row.state.live)
            assert spent == before.try_number, f"{ident} was lost, and it spent a try number"

    def _check_retries(self, touched: set[int]) -> None:
        """A retry is due after its pause, whatever the time of day says meanwhile."""
        now = self._clock.monotonic_s
        for key, row in self._store.tasks.items():
            if row.state is not TaskState.UP_FOR_RETRY:
                due, exact = self._retries.pop(key, (now, False))
                early = exact and key.run not in touched and row.state in (TaskState.SCHEDULED, TaskState.QUEUED)
                assert not early or now >= due - _EPS, f"{key} is retried {due - now:.1f} s too early"
                continue
            if key not in self._retries and row.due_at is not None and row.ended_at is not None:
                self._retries[key] = (now + (row.due_at - row.ended_at).total_seconds(), True)
            due, _ = self._retries[key]
            assert now <= due + _EPS, f"{key} waits for its retry {now - due:.1f} s too long"

    def _renew(self, tries: Iterable[Ident]) -> None:
        for ident in tries:
            if ident in self._renewed:
                self._renewed[ident] = self._present()

    def _present(self) -> tuple[float, int]:
        return (self._clock.running_s, self._clock.pauses)


def _ident(attempt: Try) -> Ident:
    return (TaskKey(attempt.run, attempt.task_id, attempt.map_index), attempt.epoch)
