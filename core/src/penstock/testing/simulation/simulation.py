"""A seeded world around the real scheduler: clocks that are set, pauses, crashes, executors, people, poison."""

import io
import shutil
from collections.abc import Sequence
from contextlib import redirect_stderr, suppress
from functools import partial
from random import Random

from penstock.engine.messages import CapacityChanged, Event, PoolsUpdated, Step
from penstock.errors import StoreError, StoreUnavailableError
from penstock.model.assets.event import AssetEvent
from penstock.model.changes import Changes
from penstock.model.now import Now
from penstock.model.request import CancelRun, ClearTasks, MarkRun, MarkTask
from penstock.model.run import Run, TaskKey
from penstock.scheduler.in_hand import InHand
from penstock.scheduler.loop import Scheduler
from penstock.spec.executor import Offload
from penstock.testing.simulation.clock import SimulatedClock
from penstock.testing.simulation.database import close, database_of, new_folder, open_watched
from penstock.testing.simulation.engine import WatchedEngine
from penstock.testing.simulation.faults import Faults
from penstock.testing.simulation.held import BrokenError, CrashError, held
from penstock.testing.simulation.rules.asset_rules import AssetRules
from penstock.testing.simulation.rules.checker import Checker, SharedLimits
from penstock.testing.simulation.rules.progress import Progress
from penstock.testing.simulation.rules.promises import Promises
from penstock.testing.simulation.rules.rows import Rows, has_failed
from penstock.testing.simulation.rules.steps import Steps
from penstock.testing.simulation.selector import SimulatedSelector
from penstock.testing.simulation.setting import Setting
from penstock.testing.simulation.timeline import Timeline
from penstock.testing.simulation.users import Users
from penstock.testing.simulation.workers import SimulatedExecutor
from penstock.tries.asks import Asks
from penstock.tries.try_requests import TryRequests
from penstock.tries.vault import Vault
from penstock.tries.vault_sources import StoreSource

LEASE_S, CHAOS_S = 30.0, 1200.0
BETWEEN = ("before the commit", "after the commit", "before handing over tries", "after handing over tries")
"""Where a crash leaves most to be repaired."""


class Simulation:
    """One simulation; the same seed gives the same history.

    Args:
        setting: What it is made of.
        max_steps: After so many turns a world that has not come to rest counts as stuck.

    Attributes:
        steps, crashes: How many there were.
        touched: Numbers of the runs in which a person changed something.
    """

    def __init__(self, seed: int, setting: Setting, *, max_steps: int = 6000) -> None:
        self.random, self.setting = Random(seed), setting
        self.clock = SimulatedClock()
        self.clock.before_reading = self.moment
        self.crash_rate, self.pause_rate, self.max_steps = 0.003, 0.001, max_steps
        self.rows, self.limits = Rows(), SharedLimits()
        self.limits.routes, self.limits.queues = {**setting.routes}, {**setting.queue_limits}
        self.limits.tenants = {n: rule.max_active_tasks for n, rule in setting.tenants.items() if rule.max_active_tasks}
        self.checker = Checker(self.rows, self.limits)
        self.steps_kept = Steps(self.random, self.rows)
        self.assets = AssetRules(self.rows)
        self.promises = Promises(self.rows, self.clock, LEASE_S, setting.rates)
        self.odd = setting.odd(self.random, partial(self.die, "at what a try told"))
        self.promises.odd = self.odd.tries
        self._history: list[tuple[float, object]] = []
        self.steps = self.crashes = 0
        self._timeline = Timeline(self.clock)
        self.at = self._timeline.at
        self._pending: list[tuple[Step, list[Event], Now]] = []
        self._note = b""
        self._owed: set[tuple[TaskKey, int]] = set()
        self.touched: set[int] = set()
        self._progress = Progress()
        self._unreadable: set[int] = set()
        self.peace = self._done = self._alive = False
        self._scheduler: Scheduler | None = None
        self.folder = new_folder()
        self._database = database_of(self.folder)
        self.users = Users(self.folder, self.random, self.clock, self.rows, setting, self.odd, self._log)
        self.users.may_backfill(Random(f"backfills {seed}"), setting.backfills)
        local = SimulatedExecutor("local", self, setting.capacity["local"], survives=False)
        remote = SimulatedExecutor("remote", self, setting.capacity["remote"], survives=True)
        # As on a machine: the local executor holds the sensors, too.
        self.executors = {"local": local, "waiter": local, "remote": remote}
        self._each = [local, remote]
        self._faults = Faults(
            self.random, self.clock, self._timeline, self.folder, self._each, stop=self._stop, log=self._log
        )

    @property
    def log(self) -> list[str]:
        """What happened, a line each: seconds since the beginning, then an event, a row or a command."""
        return [f"{at:8.1f} {thing}" for at, thing in self._history]

    def run(self) -> None:
        """A while of chaos, then peace until nothing is left to do; raises AssertionError where a rule is broken."""
        self._beat()
        self.at(self.random.uniform(0, 100), self._meddle)
        self.at(50.0, self._backfill)
        self._faults.begin()
        self.at(CHAOS_S, self._make_peace)
        try:
            while not self._done:
                self._schedule()
        except BrokenError as broken:
            raise (broken.__cause__ or broken) from None
        finally:
            self._close()

    # The scheduler's process.

    def _schedule(self) -> None:
        """One process of the scheduler, until it ends in whatever way."""
        (self.folder / "note").write_bytes(self._note)
        self._damage()
        self._alive, self._stopped = True, False
        self.promises.started()
        self._owed.clear()
        terminal = io.StringIO()
        try:
            with redirect_stderr(terminal):
                self._scheduler = scheduler = self._made()
                scheduler.run()
        except CrashError:
            for executor in self._each:
                executor.crash()
            if self.random.random() < 0.5:
                self.clock.pause(self.random.choice([1, 60, 700]))
            if self.random.random() < 0.3:
                self._faults.set_clock()
        except StoreError as error:
            if self.peace and not self._stopped:
                raise  # the database serves
            self._log(f"THE SCHEDULER ENDED: {error}")
        else:
            self._log("THE SCHEDULER WAS STOPPED")
        self._log(*(f"TERMINAL {line}" for line in terminal.getvalue().splitlines()))
        self._note = self._note if not self._alive else (self.folder / "note").read_bytes()
        self._alive = False
        self._scheduler = None
        self._pending.clear()
        self._store.close()
        # The supervisor starts it anew after a pause, and the world goes on meanwhile.
        self._timeline.let_pass(0.5)

    def _made(self) -> Scheduler:
        self._store = store = open_watched(self._database, self)
        store.role.acquire("a world", self.clock.wall)
        requests = TryRequests(
            store, logs=self.folder, isolation="fork", grace_s=1.0, offload=Offload("file:///values")
        )
        asks = Asks(store, self.clock, Vault([StoreSource(store)], lambda _: ()))
        self._engine = engine = WatchedEngine(
            self, lease_s=LEASE_S, notify=True, routes=self.setting.routes, queue_limits=self.setting.queue_limits,
            tenants=self.setting.tenants,
        )  # fmt: skip
        in_hand = InHand(self.folder / "note")
        return Scheduler(
            store, engine, self.executors, requests, asks, self.clock,
            in_hand=in_hand, selector=lambda: SimulatedSelector(self._turn_ended, self._go_on),
        )  # fmt: skip

    def die(self, where: str) -> None:
        """The scheduler's process is killed here.

        Raises:
            CrashError: Always: the process runs no further.
        """
        self.crashes += 1
        assert self.crashes < 500, f"the scheduler ends again and again: {where}"
        self._log(f"CRASH {where}")
        # What it had noted stays, and nothing of what it would clean up on its way out happens.
        self._note, self._alive = (self.folder / "note").read_bytes(), False
        raise CrashError(where)

    @held
    def moment(self, where: str) -> None:
        """Here the scheduler may be stopped for a while, or killed."""
        if self.peace or not self._alive:
            return
        draw, crash_rate = self.random.random(), self.crash_rate * (4 if where in BETWEEN else 1)
        if draw < crash_rate:
            self.die(where)
        elif draw < crash_rate + self.pause_rate:
            self._stop_scheduler(self.random.choice([10.0, 40.0, 1000.0]))

    def chance(self, share: float) -> bool:
        """Whether something of this likelihood happens; in peace nothing does."""
        return not self.peace and self._alive and self.random.random() < share

    # What the scheduler decides and stores.

    def forgot(self) -> None:
        """The engine knows nothing any more."""
        self._pending.clear()
        self.promises.forgot()
        self.checker.forgot()
        self.rows.dags.clear()
        self.limits.pools, self.limits.capacity = {}, {}

    def stepped(self, step: Step, events: list[Event], now: Now) -> None:
        """The engine has decided."""
        self._pending.append((step, events, now))

    @held
    def committed(self, applied: Sequence[tuple[Changes, list[Run | AssetEvent]]]) -> None:
        """A turn is durable."""
        pending, self._pending = self._pending, []
        assert [step.changes for step, _, _ in pending] == [changes for changes, _ in applied]
        for (step, events, now), (changes, created) in zip(pending, applied, strict=True):
            self._stored(step, events, now, changes, created)
        self._rests(*pending[-1])

    @held
    def kept(self) -> None:
        """What a try has asked to keep is durable."""
        self.steps_kept.read(self.users.store)

    @held
    def set_aside(self) -> None:
        """What nobody can handle is in quarantine; a run may have failed by that."""
        self._unreadable -= {run for run in self._unreadable if has_failed(self.users.store, run)}
        self.rows.reread(self.users.store, self._unreadable)
        self.checker.reread(self.users.store, self.odd.runs)

    @held
    def rolled_back(self) -> None:
        """A transaction has left nothing."""
        self._pending.clear()

    def _stored(
        self, step: Step, events: list[Event], now: Now, changes: Changes, created: list[Run | AssetEvent]
    ) -> None:
        if events or changes:
            self._progress.happened()
        self._log(*events, *changes.backfills, *changes.runs, *changes.tasks, *step.dispatches, *step.kills)
        for event in events:
            self.rows.received(event)
            match event:
                case PoolsUpdated(slots=slots, rates=rates):
                    self.limits.pools, self.limits.rated = dict(slots), {*rates}
                case CapacityChanged(executor=name, capacity=capacity):
                    self.limits.capacity[name] = 10**9 if capacity is None else capacity
        self._owed |= {(dispatch.instance.key, dispatch.instance.epoch) for dispatch in step.dispatches}
        self.promises.received(events, now)
        runs = [each for each in created if isinstance(each, Run)]
        self.rows.apply(changes, runs)
        self.steps_kept.stepped(events, changes)
        self.assets.stepped(events, changes, created)
        touched = {event.run for event in events if isinstance(event, CancelRun | ClearTasks | MarkTask | MarkRun)}
        self.touched |= touched
        self.checker.backfills.check(step, runs, touched)
        touched |= self.checker.backfills.touched(step)
        self.checker.check(step, touched)
        self.promises.check(step, touched, now)

    def _rests(self, step: Step, _events: list[Event], now: Now) -> None:
        """A turn has ended with this step; one that wants to be followed at once has not done all that it could."""
        self.checker.turn_ended(now, followed=step.wait_s == 0)
        self.assets.turn_ended()

    def handed_over(self, ident: tuple[TaskKey, int]) -> None:
        """An executor is given a try."""
        self._owed.discard(ident)

    def _turn_ended(self, for_news: bool) -> None:  # noqa: FBT001 - as its caller calls it
        """The scheduler waits: for news if it has done all that it decided, or for the end of an outage."""
        assert not for_news or not self._owed, f"{self._owed} are stored as sent out, and no executor has them"
        pending, self._pending = self._pending, []
        for step, events, now in pending:
            assert not step.changes, "the scheduler waits, and what it decided is not stored"
            self._stored(step, events, now, step.changes, [])
            self._rests(step, events, now)
        self._progress.turned(self.clock.monotonic_s)
        self.steps += 1
        assert self.steps < self.max_steps, (
            f"after {self.steps} turns: {self.rows.stuck()}, and open tries {self.checker.open_tries()}"
        )
        if self.peace and not self._unreadable and self._settled():
            self._finish()

    # Time.

    def _go_on(self, left_s: float, for_news: bool) -> float:  # noqa: FBT001 - as its caller calls it
        """Go to where something happens next, at most so many seconds on; returns what is left of them."""
        self.moment("waiting")
        began_s = self.clock.monotonic_s
        left_s = self._timeline.go_on(left_s)
        if not for_news:
            self.clock.waited(began_s)
        return left_s

    def _stop_scheduler(self, seconds: float) -> None:
        """The scheduler does not run for a while: with all of its machine, or alone while its executors go on."""
        self._log(f"PAUSE of {seconds} s")
        if self.random.random() < 0.5:
            self._timeline.stand_still(seconds)
        else:
            self._timeline.let_pass(seconds)

    # Chaos and peace.

    def _beat(self) -> None:
        for executor in self._each:
            executor.beat()
        self.at(10.0, self._beat)

    def _damage(self) -> None:
        """A row of a run is damaged while no scheduler runs."""
        live = [run for run in self.rows.runs.values() if not run.state.finished]
        found = None if self.peace else self.odd.damage(live)
        if found is None:
            return
        run, statement = found
        changed = 0
        with suppress(StoreUnavailableError), self.users.store.database.write() as connection:
            changed = connection.exec_driver_sql(statement, (run,)).rowcount
        if changed > 0:
            self._log(f"DAMAGE {statement} {run}")
            self.odd.runs.add(run)
            self._unreadable.add(run)
            self.rows.drop(run)

    def _make_peace(self) -> None:
        self.peace = True
        self._faults.end()
        for executor in self._each:
            executor.faulty = False
            executor.room = self.setting.capacity[executor.name]
        self._end_outage()
        self._sweep()

    def _end_outage(self) -> None:
        if not self.users.make_peace():
            self.at(1.0, self._end_outage)

    def _sweep(self) -> None:
        """In peace nobody hangs: whoever is at it still is ended after two minutes."""
        for executor in self._each:
            executor.give_up()
        self.users.mend(self.checker.past)
        self.at(120.0, self._sweep)

    def _settled(self) -> bool:
        # A try that was sent out and cancelled in one turn may have got lost with both words: its lease ends it, after its run.
        working = any(executor.alive for executor in self._each) or self.checker.open_tries()
        return not working and self.rows.ended and self.users.nothing_asked()

    def _finish(self) -> None:
        """Nothing is left to do."""
        self.rows.compare(self.users.store)
        self.checker.backfills.finished()
        self.steps_kept.compare(self.users.store)
        self.assets.compare(self.users.store, self.users.reported)
        self.odd.check(self.users.store, self.rows)
        assert not self._unreadable, f"the rows of runs {self._unreadable} are damaged, and they have not failed"
        held = [run for run in self.rows.runs if self._engine.holds(run)]
        assert not held, f"every run has ended, and the engine still holds {held}"
        self._done = True
        self._stop()

    def _stop(self) -> None:
        """Somebody has the scheduler stop."""
        if self._scheduler is not None:
            self._stopped = True
            self._scheduler.stop()

    def _meddle(self) -> None:
        if not self.peace:
            done = self.users.meddle()
            self.at(self.random.uniform(0, 200) if done else 1.0, self._meddle)

    def _backfill(self) -> None:
        if not self.peace and (backfill_users := self.users.backfill_users) is not None:
            self.at(backfill_users.act(), self._backfill)

    def begun(self, ident: tuple[TaskKey, int]) -> int:
        """A try's process begins: its id."""
        return self.promises.pids.setdefault(ident, len(self.promises.pids) + 1000)

    # What to say.

    def _log(self, *things: object) -> None:
        self._history.extend((self.clock.monotonic_s, thing) for thing in things)

    def _close(self) -> None:
        self._faults.close()
        self.users.close()
        close(self._database)
        for executor in self._each:
            executor.close()
        shutil.rmtree(self.folder)
