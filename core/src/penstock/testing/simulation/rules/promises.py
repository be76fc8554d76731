"""What must hold of leases, losses and retries, kept apart from the engine: on a clock that knows each pause."""

import math
from collections.abc import Collection, Iterable, Mapping

from penstock.engine.limits.time_of_day import LATENESS_S
from penstock.engine.messages import Event, Kill, RunAdded, Step, TryInterrupted
from penstock.engine.state import STEPS_PER_LEASE
from penstock.engine.tries import MAX_LOST
from penstock.model.limits.rate import Rate
from penstock.model.now import Now
from penstock.model.run import TaskInstance, TaskKey, Try
from penstock.model.state import Outcome, RunState, TaskState
from penstock.spec.executor import Heartbeat, TryFinished, TryRecovered, TryStarted
from penstock.testing.simulation.clock import SimulatedClock
from penstock.testing.simulation.rules.rows import Rows, ident_of

Ident = tuple[TaskKey, int]
SILENCE = "sent no heartbeat for it"
KNOWN = (TryStarted, TryRecovered, TryFinished, TryInterrupted)
_EPS = 0.01


class Promises:
    """Holds each committed step against what executors and workers really said, and when.

    Args:
        lease_s: Seconds of silence after which a try is lost.
        rates: How fast tasks of a pool may start, for those that have such a limit.

    Attributes:
        pids: The process of each try that was really started; a late word of an earlier one must not be taken for it.
        odd: Tries that tell what is not so.
    """

    def __init__(self, rows: Rows, clock: SimulatedClock, lease_s: float, rates: Mapping[str, Rate]) -> None:
        self._store, self._clock, self._lease_s, self._rates = rows, clock, lease_s, rates
        self._renewed: dict[Ident, tuple[float, int]] = {}
        self._retries: dict[TaskKey, tuple[float, bool]] = {}
        self._runs: dict[int, tuple[float, bool]] = {}
        self._over: set[int] = set()
        self._rows: dict[TaskKey, TaskInstance] = {}
        self._starts: dict[str, list[tuple[Ident, float]]] = {}
        self._reported_lost: dict[Ident, bool] = {}
        self.pids: dict[Ident, int] = {}
        self.odd: Collection[Ident] = ()
        self._first = True

    def started(self) -> None:
        """A new process of the scheduler begins."""
        self._first = True

    def forgot(self) -> None:
        """The engine knows nothing any more."""
        self._renewed, self._retries, self._runs, self._starts = {}, {}, {}, {}
        self._rows = dict(self._store.tasks)

    def received(self, events: Iterable[Event], now: Now) -> None:
        """The engine is told of these events: tries that they name are renewed, and no other."""
        present = self._clock.running(now)
        events = list(events)
        if self._first and any(isinstance(event, RunAdded) for event in events):
            self._first = False
            self._check_start(events)
        for event in events:
            match event:
                case RunAdded():
                    self._added(event, now)
                case Heartbeat():
                    self._renew(event.tries, present)
                case TryRecovered() | TryStarted():
                    self._renew([(event.key, event.epoch)], present)
                case TryFinished() if event.end.outcome is Outcome.LOST:
                    self._reported_lost[event.key, event.epoch] = True
                case TryInterrupted():
                    self._reported_lost[event.key, event.epoch] = False

    def _check_start(self, events: list[Event]) -> None:
        """Of each try that was open when the scheduler started, it is known in its first step what has become of it."""
        known = {(event.key, event.epoch) for event in events if isinstance(event, KNOWN)}
        for added in (event for event in events if isinstance(event, RunAdded)):
            tasks = {task.task_id for task in added.dag.tasks} & {row.task_id for row in added.tasks}
            opened = {ident_of(attempt) for attempt in added.tries if attempt.task_id in tasks}
            assert opened - {*self.odd} <= known, f"nobody was asked what has become of {opened - known}"

    def _added(self, event: RunAdded, now: Now) -> None:
        """A run that the engine takes up: each open try has a whole lease; a retry, and the run, the whole of their time at most."""
        if event.run.started_at is not None:
            self._runs[event.run.run] = (now.monotonic_s, False)
        for attempt in event.tries:
            self._renewed.setdefault(ident_of(attempt), self._clock.running(now))
        for row in event.tasks:
            if row.state is TaskState.UP_FOR_RETRY and row.due_at is not None and row.ended_at is not None:
                pause_s = (row.due_at - row.ended_at).total_seconds()
                self._retries.setdefault(row.key, (now.monotonic_s + pause_s, False))

    def check(self, step: Step, touched: set[int], now: Now) -> None:
        """Raise AssertionError for the first promise that this step breaks."""
        running_s, pauses = self._clock.running(now)
        self._check_rates(step, now.monotonic_s)
        for dispatch in step.dispatches:
            self._renewed[dispatch.instance.key, dispatch.instance.epoch] = (running_s, pauses)
        for attempt in step.changes.tries:
            self._of_try(attempt, step.kills, touched, (running_s, pauses))
        for ident, (since, _) in self._renewed.items():
            silent = running_s - since
            assert silent < self._lease_s + _EPS, f"{ident} was silent for {silent:.1f} s and counts as live"
        self._check_retries(step, touched, now.monotonic_s)
        self._check_timeouts(step, touched, now.monotonic_s)
        for key in step.changes.removed:
            self._rows.pop(key, None)
        self._rows.update((task.key, task) for task in step.changes.tasks)

    def _check_rates(self, step: Step, now: float) -> None:
        """Tasks of a pool with a rate start one after the other; one that never started does not count."""
        for attempt in step.changes.tries:
            if attempt.outcome is not None and attempt.started_at is None:
                for starts in self._starts.values():
                    if starts and starts[-1][0] == ident_of(attempt):
                        starts.pop()
        for dispatch in step.dispatches:
            rate = self._rates.get(dispatch.task.pool)
            if rate is None or dispatch.task.sensor is not None:
                continue
            starts = self._starts.setdefault(dispatch.task.pool, [])
            before = starts[-1][1] if starts else now - rate.interval_s
            assert now - before >= rate.interval_s - _EPS, (
                f"two of {dispatch.task.pool} start within {now - before:.1f} s"
            )
            starts.append(((dispatch.instance.key, dispatch.instance.epoch), now))

    def _of_try(self, attempt: Try, kills: tuple[Kill, ...], touched: set[int], present: tuple[float, int]) -> None:
        ident = ident_of(attempt)
        assert attempt.pid in (None, self.pids.get(ident)) or ident in self.odd, (
            f"{ident} has the process of another try"
        )
        if attempt.outcome is None:
            return
        since, pauses = self._renewed.pop(ident)
        if attempt.outcome is not Outcome.LOST:
            return
        if SILENCE in attempt.error:
            ordered = any((kill.key, kill.epoch) == ident for kill in kills)
            assert ordered, f"{ident} is lost for silence and was not told to end"
            # Of each pause, the engine cannot tell the part that it had asked to wait itself from time that passed.
            unknown = (present[1] - pauses) * (self._lease_s / STEPS_PER_LEASE + LATENESS_S)
            silent = present[0] - since
            assert silent + unknown >= self._lease_s - _EPS, f"{ident} is lost after {silent:.1f} s of silence"
        else:
            assert ident in self._reported_lost, f"{ident} is lost, and its executor did not say so: {attempt.error}"
        before, row = self._rows.get(ident[0]), self._store.tasks.get(ident[0])
        if before is None or row is None or ident[0].run in touched or not before.state.live:
            return
        run = self._store.runs[ident[0].run]
        if run.timed_out_at is not None or run.cancelled_at is not None:
            return  # it was told to end
        counted = self._reported_lost.get(ident, False)
        assert row.losses == before.losses + counted, f"{ident} was lost, and {row.losses} losses are counted"
        assert row.failures == before.failures, f"{ident} was lost, and it spent a retry"
        if row.losses >= MAX_LOST:
            assert row.state is TaskState.FAILED, f"{ident} was lost {row.losses} times and goes on as {row.state}"
        else:
            # What does not go out again in this very step (it waits, or a short circuit cut it off) gave its number back.
            spent = row.try_number + (not row.state.live)
            assert spent == before.try_number, f"{ident} was lost, and it spent a try number"

    def _check_retries(self, step: Step, touched: set[int], now: float) -> None:
        """A retry is due after its pause, whatever the time of day says meanwhile."""
        # A clear takes back the list that instances were mapped over: those that come with the next list have no pause.
        self._retries = {key: due for key, due in self._retries.items() if key in self._store.tasks}
        pausing = {task.key for task in step.changes.tasks if task.state is TaskState.UP_FOR_RETRY}
        for key in sorted(self._retries.keys() | pausing):
            row = self._store.tasks[key]
            if row.state is not TaskState.UP_FOR_RETRY:
                due, exact = self._retries.pop(key, (now, False))
                early = exact and key.run not in touched and row.state in (TaskState.SCHEDULED, TaskState.QUEUED)
                assert not early or now >= due - _EPS, f"{key} is retried {due - now:.1f} s too early"
                continue
            if key not in self._retries and row.due_at is not None and row.ended_at is not None:
                self._retries[key] = (now + (row.due_at - row.ended_at).total_seconds(), True)
            due, _ = self._retries[key]
            assert now <= due + _EPS, f"{key} waits for its retry {now - due:.1f} s too long"

    def _check_timeouts(self, step: Step, touched: set[int], now: float) -> None:
        """A run is ended after the time that its DAG allows, not earlier, and nothing but teardowns goes out after that."""
        for run in self._store.runs.values():
            number, dag = run.run, self._store.versions.get(run.version)
            if run.state is not RunState.RUNNING or dag is None:
                self._runs.pop(number, None)
                if run.timed_out_at is None:  # one that waits for a place with its teardowns is still over
                    self._over.discard(number)
                continue
            if number in touched:
                self._runs[number] = (now, False)
            since, exact = self._runs.setdefault(number, (now, True))
            limit_s = math.inf if dag.run_timeout_s is None else dag.run_timeout_s
            if run.timed_out_at is None:
                self._over.discard(number)
                if run.cancelled_at is None and now > since + limit_s + _EPS:
                    work = {task.task_id for task in dag.tasks if not task.teardown}
                    left = [t.key for t in self._store.tasks.values() if t.run == number and not t.state.finished]
                    late = [key for key in left if key.task_id in work]
                    assert not late, (
                        f"{late} has not ended, and the time of its run is over since {now - since - limit_s:.1f} s"
                    )
            elif number not in self._over:
                self._over.add(number)
                early = exact and now < since + limit_s - _EPS
                assert not early, f"run {number} was ended after {now - since:.1f} s, its DAG allows {limit_s}"
        for dispatch in step.dispatches:
            over = dispatch.instance.run in self._over and not dispatch.task.teardown
            assert not over, f"{dispatch.instance.key} goes out, and the time of its run is over"

    def _renew(self, tries: Iterable[Ident], present: tuple[float, int]) -> None:
        for ident in tries:
            if ident in self._renewed:
                self._renewed[ident] = present
