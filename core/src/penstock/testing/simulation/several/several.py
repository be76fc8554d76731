"""A seeded world of several schedulers over one database: killed, stopped, paused, replaced, and each with a clock of its own."""

import io
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import redirect_stderr
from datetime import datetime, timedelta
from heapq import heappop, heappush
from random import Random

from penstock.errors import StoreUnavailableError
from penstock.model.assets.event import AssetEvent
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.request import TriggerDagRun
from penstock.model.retry import RetrySpec
from penstock.model.run import Run, TaskKey
from penstock.model.source import ParsedFile
from penstock.store import LoaderCatalog, Pool, Store
from penstock.testing.simulation.clock import BEGAN
from penstock.testing.simulation.database import KEYRING, close, new_folder
from penstock.testing.simulation.rules.rows import Rows
from penstock.testing.simulation.rules.steps import Steps
from penstock.testing.simulation.setting import Setting
from penstock.testing.simulation.several.machine import Machine, Stored
from penstock.testing.simulation.several.shared_database import shared_database
from penstock.testing.simulation.several.shared_rules import ADOPTED_S, SharedRules

POOLS = {"default_pool": 5, "small": 2}
CHAOS_S, LONGEST_S, LOOK_S = 30.0, 300.0, 0.5


class SeveralSchedulers:
    """One world; the same seed gives the same history.

    Attributes:
        log: What happened, a line each.
        turns: How often a scheduler was let go on.
        adopted: How often a DAG got an owner that had lost its own.
    """

    def __init__(self, seed: int) -> None:
        self.random, self.log = Random(f"several {seed}"), list[str]()
        self.now_s, self.peace, self.turns = 0.0, False, 0
        self.rows = Rows()
        self.rules = SharedRules(self.rows, POOLS)
        self.steps_kept = Steps(self.random, self.rows)
        self.setting = Setting(lambda _: [], ["t0", "t1", "t2"], POOLS)
        self.folder = new_folder()
        self._coming: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = 0
        self._pids: dict[tuple[TaskKey, int], int] = {}
        self._database = shared_database(self.folder, self.database_now)
        self._store = Store.over(self._database, KEYRING)
        self._dags = [_dag(self.random, f"d{number}") for number in range(self.random.randint(3, 7))]
        self._asked = 0
        self._write(self._define)
        self._machines = [
            Machine(
                f"machine {n}",
                self,
                1 + self.random.uniform(-1, 1) * 0.002,
                timedelta(seconds=self.random.uniform(-9, 9)),
            )
            for n in range(self.random.choice([2, 2, 3]))
        ]

    @property
    def adopted(self) -> int:
        """How often a DAG got an owner that had lost its own."""
        return self.rules.adopted

    @property
    def crashes(self) -> int:
        """How often a scheduler was killed."""
        return sum(machine.crashes for machine in self._machines)

    def run(self) -> None:
        """A while of chaos, then peace until all runs have ended; raises AssertionError where a rule is broken."""
        for machine in self._machines:
            machine.wake_s = self.random.uniform(0, 3)
            self.at(self.random.uniform(0, CHAOS_S), machine.stop)
        for _ in range(self.random.randint(4, 10)):
            self.at(self.random.uniform(0, CHAOS_S), self._trigger)
        self.at(self.random.uniform(0, CHAOS_S), self._lock)
        self.at(CHAOS_S, self._make_peace)
        self.at(LOOK_S, self._look)
        self.at(10.0, self._beat)
        try:
            with redirect_stderr(io.StringIO()):
                while not self._settled():
                    self._go_on()
            self.rows.compare(self._store)
            self.steps_kept.compare(self._store)
            assert len(self.rows.runs) == self._asked, (
                f"{self._asked} runs were asked for, and there are {len(self.rows.runs)}"
            )
            assert not self._store.quarantine.all()
        finally:
            for machine in self._machines:
                machine.close()
            close(self._database)
            shutil.rmtree(self.folder)

    # What machines share.

    def database_now(self) -> datetime:
        """The time of day of the database."""
        return BEGAN + timedelta(seconds=self.now_s)

    def at(self, seconds: float, then: Callable[[], None]) -> None:
        """Call ``then`` in so many seconds."""
        self._numbers += 1
        heappush(self._coming, (self.now_s + seconds, self._numbers, then))

    def report(self, thing: object) -> None:
        """Note what happens."""
        self.log.append(f"{self.now_s:8.2f} {thing}")

    def begun(self, machine: Machine, ident: tuple[TaskKey, int]) -> int:
        """A try's process begins: its id."""
        elsewhere = [
            each.name
            for each in self._machines
            if each is not machine
            for key, _ in each.executor.alive
            if key == ident[0]
        ]
        assert not elsewhere, f"{ident} begins on {machine.name}, and one of it runs on {elsewhere}"
        self.rules.begun([each for other in self._machines for each in other.executor.alive])
        return self._pids.setdefault(ident, len(self._pids) + 1000)

    def stored(self, machine: Machine, stored: Stored) -> None:
        """A turn of a scheduler is durable."""
        for step, events, changes, created in stored:
            self.log.extend(
                f"{self.now_s:8.2f} {machine.number} {each}" for each in (*events, *changes.runs, *changes.tasks)
            )
            for event in events:
                self.rows.received(event)
            self.rows.apply(
                changes, [each for each in created if isinstance(each, Run) and not isinstance(each, AssetEvent)]
            )
            self.steps_kept.stepped(events, changes)
            self.rules.stepped(self._store, machine.number, step, changes)

    def kept(self) -> None:
        """What a try has asked to keep is durable."""
        self.steps_kept.read(self._store)

    # Time.

    def _go_on(self) -> None:
        """Let one scheduler go on, or let time pass until something happens."""
        assert self.now_s < LONGEST_S, f"{self.rows.stuck()}; {self._store.requests.pending()}"
        ready = [machine for machine in self._machines if machine.ready()]
        if ready:
            self.turns += 1
            self.random.choice(ready).turnstile.go()
            return
        wake_s = min(machine.wake_s for machine in self._machines)
        if self._coming[0][0] > wake_s:
            self.now_s = wake_s
            return
        at_s, _, then = heappop(self._coming)
        self.now_s = max(self.now_s, at_s)
        then()

    def _settled(self) -> bool:
        working = any(machine.executor.alive for machine in self._machines) or self.rows.open
        return self.peace and not working and len(self.rows.runs) >= self._asked and self.rows.ended

    # What happens.

    def _look(self) -> None:
        """Somebody looks at who owns what."""
        well = [m.number for m in self._machines if m.number and m.well_s <= self.now_s - ADOPTED_S - LOOK_S]
        self.rules.looked_at(self._store, self.now_s, BEGAN.timestamp(), well)
        self.at(LOOK_S, self._look)

    def _beat(self) -> None:
        for machine in self._machines:
            machine.executor.beat()
        self.at(10.0, self._beat)

    def _lock(self) -> None:
        """Another program has the database's lock for a while."""
        other = sqlite3.connect(self.folder / "penstock.db", timeout=0, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        self.report("DATABASE locked")
        seconds = self.random.choice([1.0, 4.0, 8.0])

        def freed() -> None:
            other.close()
            for machine in self._machines:
                machine.disturbed()

        self.at(seconds, freed)

    def _make_peace(self) -> None:
        self.peace = True

    def _write(self, write: Callable[[], None]) -> None:
        try:
            write()
        except StoreUnavailableError:
            self.at(1.0, lambda: self._write(write))

    def _define(self) -> None:
        catalog = LoaderCatalog(self._store, self._store.config.variable_values, lambda: BEGAN)
        for dag in self._dags:
            catalog.save(ParsedFile(f"{dag.dag_id}.py", "snapshot", {}, {}, None, BEGAN, 0.1, (dag,)))
        catalog.close()
        for name, slots in POOLS.items():
            self._store.config.put_pool(Pool(name, slots), BEGAN)

    def _trigger(self) -> None:
        self._asked += 1
        request = TriggerDagRun(self.random.choice(self._dags).dag_id, f"manual__{self._asked}")

        def submit() -> None:
            self._store.requests.submit(request, BEGAN)

        self._write(submit)


def _dag(random: Random, dag_id: str) -> DagSpec:
    """A DAG of a few tasks, some of which share a small pool."""
    tasks = [
        TaskSpec(
            f"t{number}",
            upstream=(f"t{number - 1}",) if number and random.random() < 0.6 else (),
            retry=RetrySpec(random.choice([0, 1]), 1.0, 2.0),
            pool=random.choice(["default_pool", "small"]),
            pool_slots=random.choice([1, 1, 2]),
        )
        for number in range(random.randint(1, 4))
    ]
    return DagSpec(dag_id, f"{dag_id}.py", tuple(tasks))
