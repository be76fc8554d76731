"""A seeded world around the engine: clocks that are set, pauses, crashes, executors, users who change their minds."""

from collections.abc import Callable
from datetime import timedelta
from heapq import heappop, heappush
from random import Random

from msgspec.structs import replace
from simulator.checker import Checker, Limits
from simulator.clock import BEGAN, SimClock
from simulator.dags import CAPACITY, POOLS, ROUTES, random_dag
from simulator.promises import Promises
from simulator.store import Store
from simulator.workers import SimExecutor

from penstock.engine.engine import Engine
from penstock.engine.messages import CapacityChanged, PoolsUpdated
from penstock.model.request import CancelRun, ClearTasks, MarkTask
from penstock.model.run import NewRun, RunKind, TaskKey
from penstock.model.state import Outcome

LEASE_S = 30.0
CHAOS_S = 2400.0


class World:
    """One simulation; the same seed gives the same history.

    Args:
        max_steps: After so many steps a world that has not come to rest counts as stuck.

    Attributes:
        steps, crashes: How many there were.
    """

    def __init__(self, seed: int, *, max_steps: int = 6000) -> None:
        self.random = Random(seed)
        self.clock = SimClock()
        self.crash_rate, self.pause_rate, self.max_steps = 0.03, 0.01, max_steps
        self.store, self.limits = Store(), Limits()
        self.limits.pools, self.limits.capacity, self.limits.routes = dict(POOLS), dict(CAPACITY), ROUTES
        self.checker = Checker(self.store, self.limits)
        self.promises = Promises(self.store, self.clock, LEASE_S)
        self._history: list[tuple[float, object]] = []
        self.steps = self.crashes = 0
        self._timeline: list[tuple[float, int, Callable[[], None]]] = []
        self._seq = 0
        self._news: list[object] = []
        self._wake_at: float | None = None
        self.executors = {
            name: SimExecutor(
                name,
                self.random,
                lambda: self.clock.wall,
                self.at,
                self._news.append,
                self._lost,
                self._begun,
                survives=name != "local",
            )
            for name in CAPACITY
        }
        for number in range(self.random.randint(1, 3)):
            self.store.put_dag(random_dag(self.random, f"d{number}", BEGAN))
        self._boot()

    def at(self, seconds: float, then: Callable[[], None]) -> None:
        """Call ``then`` in so many seconds."""
        self._seq += 1
        heappush(self._timeline, (self.clock.monotonic_s + seconds, self._seq, then))

    @property
    def log(self) -> list[str]:
        """What happened, a line each: seconds since the beginning, then an event, a row or a command."""
        return [f"{at:8.1f} {thing}" for at, thing in self._history]

    def run(self) -> None:
        """A while of chaos, then peace until nothing is left to do; raises AssertionError where a rule is broken."""
        self._beat()
        self.at(self.random.uniform(0, 100), self._meddle)
        self.at(self.random.uniform(0, 600), self._disturb)
        self.at(self.random.uniform(0, 900), self._set_time_of_day)
        self.at(CHAOS_S, self._make_peace)
        while self._timeline and self.steps < self.max_steps:
            self._step()
            self._advance()
            if self.peace and self._settled():
                break
        stuck = [run for run in self.store.runs.values() if not run.state.finished]
        assert not stuck, f"after {self.steps} steps, {len(stuck)} runs are stuck: {self._explain(stuck[0].run)}"
        left = self.checker.open_tries()
        assert not left, f"every run has ended, and tries are left: {left}"
        assert self.engine.live_runs == 0, "every run has ended, and the engine still holds some"

    # The shell: one step, one transaction, then the commands.

    def _boot(self) -> None:
        self.engine = Engine(lease_s=LEASE_S, routes=ROUTES, notify=True)
        self._news[:] = [CapacityChanged(name, count) for name, count in self.limits.capacity.items()]
        self._news += [PoolsUpdated(dict(self.limits.pools)), *self.store.recovered()]
        self.promises.restarted(self.checker.open_tries())
        for attempt in self.checker.open_tries():
            ident = (TaskKey(attempt.run, attempt.task_id, attempt.map_index), attempt.epoch)
            self.executors[attempt.executor].reconcile(ident)

    def _step(self) -> None:
        requests = dict(self.store.inbox)
        events, touched = list(self._news), set()
        self._news.clear()
        for request in requests.values():
            run = getattr(request, "run", None)
            touched.add(run)
            events += [self.store.run_added(run), *self.store.version_changed(request), request]
        self._log(*events)
        self.promises.heard(events)
        step = self.engine.step(events, self.clock.read())
        self.steps += 1
        if self.random.random() < self.crash_rate:
            self._crash("before the commit")
            return
        step.changes.handled.extend(requests)
        created = self.store.apply(step.changes, self.clock.wall)
        self._log(*step.changes.runs, *step.changes.tasks, *step.dispatches, *step.kills)
        self.checker.check(step, touched)
        self.promises.check(step, touched)
        if self.random.random() < self.crash_rate:
            self._crash("after the commit")
            return
        self._news += [self.store.run_added(run.run) for run in created]
        for kill in step.kills:
            self.executors[kill.executor].cancel(kill)
        for dispatch in step.dispatches:
            self.executors[dispatch.executor].submit(dispatch)
        self._wake_at = None if step.wait_s is None else self.clock.monotonic_s + max(step.wait_s, 0.001)

    def _crash(self, when: str) -> None:
        self.crashes += 1
        self._log(f"CRASH {when}")
        for executor in self.executors.values():
            executor.crash()
        if self.random.random() < 0.5:
            self.clock.pause(self.random.choice([1, 60, 1200]))
        if self.random.random() < 0.3:
            self._jump()
        self._boot()

    def _advance(self) -> None:
        """Go to where something happens next; several things may happen before the next step, as under load."""
        if self._news or self.store.inbox:
            return
        if self.random.random() < self.pause_rate:
            self._stop_scheduler(self.random.choice([10.0, 40.0, 3600.0]))
            return
        if self._wake_at is not None and self._wake_at < self._timeline[0][0]:
            self.clock.advance_to(self._wake_at)
            return
        batch = self.random.choice([1, 1, 3])
        while self._timeline and batch:
            at, _, then = heappop(self._timeline)
            self.clock.advance_to(at)
            then()
            batch -= 1
            if self._wake_at is not None and self._timeline and self._timeline[0][0] > self._wake_at:
                return

    # Chaos and peace.

    peace = False

    def _beat(self) -> None:
        for executor in self.executors.values():
            executor.beat()
        self.at(10.0, self._beat)

    def _disturb(self) -> None:
        if self.peace:
            return
        name = self.random.choice(list(self.executors))
        self.executors[name].fall_silent(self.random.choice([5.0, 40.0, 200.0]))
        self.at(self.random.uniform(0, 1500), self._disturb)

    def _stop_scheduler(self, seconds: float) -> None:
        """The scheduler does not run for a while: with all of its machine, or alone while its executors go on."""
        self._log(f"PAUSE of {seconds} s")
        if self.random.random() < 0.5:
            self._timeline = [(at + seconds, seq, then) for at, seq, then in self._timeline]
            self.clock.pause(seconds)
            return
        end = self.clock.monotonic_s + seconds
        while self._timeline and self._timeline[0][0] <= end:
            at, _, then = heappop(self._timeline)
            self.clock.pause(max(0.0, at - self.clock.monotonic_s))
            then()
        self.clock.pause(max(0.0, end - self.clock.monotonic_s))

    def _set_time_of_day(self) -> None:
        """Somebody sets the clock, forward or back; in peace it is right."""
        if self.peace:
            return
        self._jump()
        self.at(self.random.uniform(0, 900), self._set_time_of_day)

    def _jump(self) -> None:
        self.clock.offset = timedelta(seconds=self.random.choice([0, 60, -60, 3600, -7200, 86400, -86400 * 400]))
        self._log(f"CLOCK off by {self.clock.offset}")

    def _make_peace(self) -> None:
        self.peace = True
        self.crash_rate = self.pause_rate = 0.0
        self.clock.offset = timedelta()
        for dag_id, row in self.store.dags.items():
            self._news.append(self.store.put_dag(row.dag))
            assert self.store.dags[dag_id].paused is False
        self.limits.pools.update(POOLS)
        self._news.append(PoolsUpdated(dict(POOLS)))
        for executor in self.executors.values():
            executor.faulty = False
            if self.limits.capacity[executor.name] != CAPACITY[executor.name]:
                self._news.append(CapacityChanged(executor.name, CAPACITY[executor.name]))
        self.limits.capacity.update(CAPACITY)
        self._sweep()

    def _sweep(self) -> None:
        """In peace nobody hangs: whoever is at it still is ended after ten minutes."""
        for executor in self.executors.values():
            executor.give_up()
        self.at(600.0, self._sweep)

    def _settled(self) -> bool:
        idle = not self._news and not self.store.inbox and not any(e.alive for e in self.executors.values())
        return idle and all(run.state.finished for run in self.store.runs.values()) and not self.engine.live_runs

    def _meddle(self) -> None:
        if self.peace:
            return
        self.random.choice(
            [self._cancel, self._clear, self._clear, self._mark, self._pause, self._resize, self._trigger]
        )()
        self.at(self.random.uniform(0, 400), self._meddle)

    def _some_run(self) -> int | None:
        return self.random.choice(list(self.store.runs)) if self.store.runs else None

    def _cancel(self) -> None:
        if (run := self._some_run()) is not None:
            self.store.submit(CancelRun(run, "somebody"))

    def _clear(self) -> None:
        if (run := self._some_run()) is not None:
            tasks = tuple(f"t{n}" for n in self.random.sample(range(10), self.random.randint(0, 2)))
            flags = {"downstream": self.random.random() < 0.7, "only_failed": self.random.random() < 0.4}
            self.store.submit(ClearTasks(run, tasks, **flags, version=self._some_version(run)))

    def _some_version(self, run: int) -> str:
        """Of the run's DAG: none, its present one, or one that was written just now."""
        dag_id = self.store.runs[run].dag_id
        if self.random.random() < 0.2:
            before, dag = self.store.dags[dag_id].dag, random_dag(self.random, dag_id, BEGAN)
            limits = {name: getattr(before, name) for name in ("schedule", "max_active_runs", "max_active_tasks")}
            self._news.append(self.store.put_dag(replace(dag, **limits), paused=self.store.dags[dag_id].paused))
        return self.random.choice(["", self.store.dags[dag_id].version])

    def _mark(self) -> None:
        keys = sorted(self.store.tasks)
        if keys:
            key = self.random.choice(keys)
            self.store.submit(MarkTask(*key, self.random.choice(["success", "failed", "skipped", "nonsense"])))

    def _pause(self) -> None:
        dag_id = self.random.choice(list(self.store.dags))
        row = self.store.dags[dag_id]
        self._news.append(self.store.put_dag(row.dag, paused=not row.paused))

    def _resize(self) -> None:
        name = self.random.choice(list(POOLS))
        self.limits.pools[name] = self.random.choice([0, 1, 4])
        if self.random.random() < 0.3:
            del self.limits.pools[name]
        self._news.append(PoolsUpdated(dict(self.limits.pools)))
        executor = self.random.choice(["local", "remote"])
        self.limits.capacity[executor] = self.random.choice([0, 1, 5])
        self._news.append(CapacityChanged(executor, self.limits.capacity[executor]))

    def _trigger(self) -> None:
        dag_id = self.random.choice(list(self.store.dags))
        row = self.store.dags[dag_id]
        version = self.random.choice([row.version, ""])
        name = self.random.choice([f"manual__{self._seq}", f"scheduled__{self.clock.wall.isoformat()}"])
        run = self.store.create(
            NewRun(dag_id, name, RunKind.MANUAL, None, None, None, version=version), self.clock.wall
        )
        if run is not None:
            self._news.append(self.store.run_added(run.run))

    def _begun(self, ident: tuple[TaskKey, int]) -> int:
        return self.promises.pids.setdefault(ident, len(self.promises.pids) + 1000)

    def _lost(self, ident: tuple[TaskKey, int]) -> bool:
        return self.store.tries[ident].outcome is Outcome.LOST

    # What to say.

    def _log(self, *things: object) -> None:
        self._history.extend((self.clock.monotonic_s, thing) for thing in things)

    def _explain(self, run: int) -> str:
        rows = [task for key, task in self.store.tasks.items() if key.run == run]
        told = [f"{t.key} is {t.state}: {self.engine.why(t.key)}" for t in rows if not t.state.finished]
        return f"{self.store.runs[run]}; " + "; ".join(told)
