"""A machine of a world with several schedulers: its clocks, its executor, and one process of the scheduler after the other."""

import math
import selectors
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Protocol

from penstock.engine.messages import Event, Step
from penstock.errors import StoreError
from penstock.model.assets.event import AssetEvent
from penstock.model.changes import Changes
from penstock.model.now import Now
from penstock.model.run import Run, TaskKey
from penstock.scheduler.loop import Scheduler
from penstock.scheduler.sharing.takeover import MARGIN_S, RoleLease, TakeoverExecutor
from penstock.spec.executor import Offload
from penstock.testing.simulation.clock import BEGAN
from penstock.testing.simulation.database import close, open_watched
from penstock.testing.simulation.engine import WatchedEngine
from penstock.testing.simulation.held import BrokenError, CrashError, held
from penstock.testing.simulation.odd_input import OddInput
from penstock.testing.simulation.rules.rows import Rows
from penstock.testing.simulation.rules.steps import Steps
from penstock.testing.simulation.setting import Setting
from penstock.testing.simulation.several.shared_database import SharedRole, shared_database
from penstock.testing.simulation.several.turnstile import Turnstile
from penstock.testing.simulation.workers import SimulatedExecutor
from penstock.tries.asks import Asks
from penstock.tries.try_requests import TryRequests
from penstock.tries.vault import Vault
from penstock.tries.vault_sources import StoreSource

TAKEOVER_S = 12.0
"""Seconds for which tries run on without a word of the database."""
CRASH_RATE, PAUSE_RATE, CUT_RATE = 0.001, 0.002, 0.3
PAUSES_S = (0.7, 4.0, 7.0, 15.0)

Stored = Sequence[tuple[Step, list[Event], Changes, list[Run | AssetEvent]]]


class Shared(Protocol):
    """What machines share."""

    random: Random
    folder: Path
    rows: Rows
    setting: Setting
    steps_kept: Steps
    now_s: float
    peace: bool

    def database_now(self) -> datetime:
        """The time of day of the database."""

    def at(self, seconds: float, then: Callable[[], None]) -> None:
        """Call ``then`` in so many seconds."""

    def begun(self, machine: "Machine", ident: tuple[TaskKey, int]) -> int:
        """A try's process begins: its id."""

    def stored(self, machine: "Machine", stored: Stored) -> None:
        """A turn of a scheduler is durable."""

    def kept(self) -> None:
        """What a try has asked to keep is durable."""

    def report(self, thing: object) -> None:
        """Note what happens."""


class Machine:
    """One of them.

    Args:
        name: What it is called.
        shared: What they share.
        rate: Seconds of its own clock in each of the world's.
        offset: By how much its time of day is wrong.

    Attributes:
        number: The scheduler's; 0 while none runs.
        wake_s: When it wants to go on at the latest.
        well_s: Since when nothing has kept its scheduler from working.
        crashes: How often one was killed.
    """

    def __init__(self, name: str, shared: Shared, rate: float, offset: timedelta) -> None:
        self.name, self._shared, self._rate, self._offset = name, shared, rate, offset
        self.random, self.rows, self.setting = shared.random, shared.rows, shared.setting
        self.steps_kept, self.odd, self.at, self.clock = shared.steps_kept, OddInput(), shared.at, self
        self.executor = SimulatedExecutor("local", self, shared.setting.capacity["local"], survives=False)
        self.executor.faulty = False
        self._database = shared_database(shared.folder, shared.database_now)
        self.turnstile = Turnstile(self._live)
        self._pending: list[tuple[Step, list[Event]]] = []
        self._selector: selectors.BaseSelector | None = None
        self._scheduler: Scheduler | None = None
        self._restart_s = self._runs_until_s = 0.0
        self._writing = False
        self.number = self.crashes = 0
        self.wake_s = self.well_s = 0.0

    # Its clocks, as its scheduler and its executor read them.

    @property
    def wall(self) -> datetime:
        """The time of day, as it knows it."""
        return BEGAN + timedelta(seconds=self._shared.now_s * self._rate) + self._offset

    def now(self) -> datetime:
        """The time of day, for the scheduler."""
        self.moment("reading the time of day")
        return self.wall

    def read(self) -> Now:
        """The present on both clocks, for the scheduler."""
        self.moment("reading the clocks")
        return Now(self.wall, 1000.0 + self._shared.now_s * self._rate)

    # What the world does with it.

    def ready(self) -> bool:
        """Whether it would go on now."""
        if self._shared.now_s >= self.wake_s:
            return True
        return self._selector is not None and bool(self._selector.select(0))

    def stop(self) -> None:
        """Somebody has its scheduler stop, and starts another one."""
        if self._scheduler is not None:
            self._shared.report(f"STOP of {self.name}")
            self._restart_s = self.random.uniform(0.5, 4.0)
            self._scheduler.stop()

    def disturbed(self) -> None:
        """Something has kept it from working until now."""
        self.well_s = self._shared.now_s

    def end_tries(self) -> None:
        """Its tries end by themselves if nobody has let them run on."""
        if self.number and self._shared.now_s >= self._runs_until_s:
            self.executor.give_up()

    def close(self) -> None:
        """End it."""
        self.turnstile.end()
        self.executor.close()
        close(self._database)

    # The scheduler's process.

    def _live(self) -> None:
        while True:
            self._restart_s = self.random.uniform(0.5, 8.0)
            self._run()
            self.number, self._scheduler = 0, None
            self._pending.clear()
            self._wait(self._restart_s)

    def _run(self) -> None:
        store = open_watched(self._database, self, SharedRole)
        assert isinstance(store.role, SharedRole)
        self._role = role = store.role
        try:
            role.acquire(self.name, self.wall, self.name, runs_on_s=TAKEOVER_S + MARGIN_S)
            self.number = store.role.dags.owner if store.role.dags is not None else 0
            self._shared.report(f"{self.name} JOINS as {self.number}")
            self.disturbed()
            self._scheduler = scheduler = self._made(store)
            scheduler.run()
            self._shared.report(f"{self.name} HAS STOPPED")
        except CrashError:
            if self.turnstile.killed:
                raise
            self._shared.report(f"CRASH of {self.name}")
        except BrokenError as broken:
            raise (broken.__cause__ or broken) from None
        except StoreError as error:
            self._shared.report(f"{self.name} ENDED: {error}")
        finally:
            self.executor.crash()
            role.lose()
            self._selector = None

    def _made(self, store: Any) -> Scheduler:
        requests = TryRequests(
            store, logs=self._shared.folder, isolation="fork", grace_s=1.0, offload=Offload("file:///v")
        )
        asks = Asks(store, self, Vault([StoreSource(store)], lambda _: ()))
        role = RoleLease(store.role, self, takeover_s=TAKEOVER_S, renew_lease=self._let_run_on)
        self._engine = engine = WatchedEngine(self, lease_s=30.0, notify=True)
        local = TakeoverExecutor(self.executor, role, 30.0, self)
        executors = {"local": local, "waiter": local}
        return Scheduler(store, engine, executors, requests, asks, self, role=role, selector=lambda: _Selector(self))

    def _let_run_on(self, until_s: float) -> None:
        left_s = (until_s - 1000.0) / self._rate - self._shared.now_s
        self._runs_until_s = self._shared.now_s + left_s
        self.at(left_s, self.end_tries)

    # What befalls it.

    @held
    def moment(self, where: str) -> None:
        """Here it may be stopped for a while, or killed; one that writes is not stopped, because all others would be, too."""
        if where in ("before a transaction", "after the commit"):
            self._writing = False
        if self._shared.peace or not self.number:
            return
        draw = self.random.random()
        if draw < CRASH_RATE:
            self.crash()
        elif draw < CRASH_RATE + PAUSE_RATE and not self._writing:
            self.pause(self.random.choice(PAUSES_S))
        self._writing = self._writing or where == "before a transaction"

    def crash(self) -> None:
        """Its scheduler is killed; raises CrashError."""
        self.crashes += 1
        self._role.lose()  # nothing of what it would do on its way out happens
        raise CrashError(self.name)

    def pause(self, seconds: float) -> None:
        """Its scheduler is stopped for a while; its tries are not."""
        self._shared.report(f"PAUSE of {self.name} for {seconds} s")
        self.well_s = math.inf
        self._wait(seconds)
        self.disturbed()

    def chance(self, share: float) -> bool:
        """Whether something of this likelihood happens."""
        return not self._shared.peace and bool(self.number) and self.random.random() < CUT_RATE * share

    def _wait(self, seconds: float) -> None:
        self._selector = None
        self.wake_s = self._shared.now_s + seconds
        self._come_back()

    def _come_back(self) -> None:
        try:
            self.turnstile.come_back()
        except CrashError:
            self._role.lose()
            raise

    def wait_for(self, selector: selectors.BaseSelector, seconds: float) -> None:
        """Wait for descriptors, or so many seconds of its clock."""
        self._selector = selector
        self.wake_s = self._shared.now_s + max(seconds / self._rate, 1e-6)
        self._come_back()
        self._selector = None

    # What it decides and stores.

    def forgot(self) -> None:
        """The engine knows nothing any more."""
        self._pending.clear()

    def stepped(self, step: Step, events: list[Event], _now: Now) -> None:
        """The engine has decided."""
        self._pending.append((step, events))

    @held
    def committed(self, applied: Sequence[tuple[Changes, list[Run | AssetEvent]]]) -> None:
        """A turn is durable."""
        self._writing = False
        pending, self._pending = self._pending[-len(applied) :], []
        stored = [(*each, *done) for each, done in zip(pending, applied, strict=True)]
        self._shared.stored(self, stored)

    @held
    def kept(self) -> None:
        """What a try has asked to keep is durable."""
        self._shared.kept()

    def set_aside(self) -> None:
        """Something is in quarantine: nothing of this world may be."""
        raise BrokenError from AssertionError("something is set aside, and nothing was odd")

    def rolled_back(self) -> None:
        """A transaction has left nothing."""
        self._writing = False

    # What its executor asks of its surroundings.

    def handed_over(self, ident: tuple[TaskKey, int]) -> None:
        """An executor is given a try."""

    def begun(self, ident: tuple[TaskKey, int]) -> int:
        """A try's process begins: its id."""
        return self._shared.begun(self, ident)


class _Selector(selectors.BaseSelector):
    """Waits as the world lets it."""

    def __init__(self, machine: Machine) -> None:
        self._real, self._machine = selectors.DefaultSelector(), machine

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Wait for a descriptor."""
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """Wait for it no more."""
        return self._real.unregister(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait until a descriptor is readable, or for so many seconds."""
        assert timeout is not None, "a scheduler waits for ever"
        if len(self._real.get_map()) <= 1:
            self._machine.disturbed()  # it waits for the database
        self._machine.moment("waiting")
        if ready := self._real.select(0):
            return ready
        self._machine.wait_for(self._real, timeout)
        return self._real.select(0)

    def close(self) -> None:
        """Close it."""
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """What is waited for."""
        return self._real.get_map()
