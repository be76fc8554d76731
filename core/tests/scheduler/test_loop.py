"""What the loop owes an executor: it is asked for its capacity at each turn, and again only after what it told is stored."""

import os
from datetime import UTC, datetime

import pytest

from penstock.clock import SystemClock
from penstock.engine.engine import Engine
from penstock.engine.messages import LONGEST_WAIT_S
from penstock.model.attempt import TryEnd
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.request import TriggerDagRun
from penstock.model.source import ParsedFile
from penstock.model.state import Outcome
from penstock.scheduler.loop import Scheduler
from penstock.spec.executor import LOCAL, Offload, TryFinished
from penstock.store import Keyring, LoaderCatalog, Store, new_key
from penstock.testing.simulation.clock import BEGAN, SimulatedClock
from penstock.testing.simulation.selector import SimulatedSelector
from penstock.tries.asks import Asks
from penstock.tries.try_requests import TryRequests
from penstock.tries.vault import Vault
from penstock.tries.vault_sources import StoreSource

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class LateExecutor:
    """An executor that has no room until it was asked once, and ends each try at once.

    Attributes:
        seen: State of the run at each call of `events`.
        done: Called once the run has succeeded.
    """

    name = LOCAL

    def __init__(self, state):
        self._state, self.done = state, None
        self._reading, self._writing = os.pipe()
        self.seen, self._told = [], []

    def start(self):
        os.write(self._writing, b"x")

    def recover(self, tries):
        return []

    def capacity(self):
        return min(1, len(self.seen))

    def fileno(self):
        return self._reading

    def submit(self, tries):
        self._told += [TryFinished(each.key, each.epoch, NOW, TryEnd(Outcome.SUCCESS)) for each in tries]
        os.write(self._writing, b"x")

    def events(self):
        os.read(self._reading, 1)
        self.seen.append(self._state())
        told, self._told = self._told, []
        if told:
            os.write(self._writing, b"x")
        if self.seen[-1] == "success":
            self.done()
        return told

    def stop(self, grace_s):
        os.close(self._reading)
        os.close(self._writing)


@pytest.fixture
def store(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path}/penstock.db", Keyring([new_key()], "test"))
    catalog = LoaderCatalog(store, store.config.variable_values, lambda: NOW)
    dags = (DagSpec("stock", "stock.py", (TaskSpec("count"),)),)
    catalog.save(ParsedFile("stock.py", "snapshot", {}, {}, None, NOW, 0.1, dags))
    catalog.close()
    store.role.acquire("a test", NOW)
    store.requests.submit(TriggerDagRun("stock", "one", {}, None), NOW)
    return store


def test_an_executor_gets_tries_once_it_has_room_and_is_asked_again_once_what_it_told_is_stored(store, tmp_path):
    clock = SystemClock()
    executor = LateExecutor(lambda: store.runs.state("stock", "one"))
    requests = TryRequests(store, logs=tmp_path, isolation="fork", grace_s=5.0, offload=Offload("file:///values"))
    asks = Asks(store, clock, Vault([StoreSource(store)], lambda _: ()))
    scheduler = Scheduler(store, Engine(lease_s=600.0), {LOCAL: executor}, requests, asks, clock)
    executor.done = scheduler.stop
    scheduler.run()
    assert executor.seen == ["running", "running", "success"]


def test_a_dag_file_is_opened_while_what_is_to_run_of_it_is_stored(store, tmp_path):
    opened, clock = [], SystemClock()
    executor = LateExecutor(lambda: store.runs.state("stock", "one"))

    def open_file(name, code):
        task = store.runs.tasks(store.runs.find("stock", "one").run)[0]
        opened.append((name, code.file, str(task.state)))

    offload = Offload("file:///values")
    requests = TryRequests(store, logs=tmp_path, isolation="fork", grace_s=5.0, offload=offload, open_file=open_file)
    asks = Asks(store, clock, Vault([StoreSource(store)], lambda _: ()))
    scheduler = Scheduler(store, Engine(lease_s=600.0), {LOCAL: executor}, requests, asks, clock)
    executor.done = scheduler.stop
    scheduler.run()
    assert opened == [(LOCAL, "stock.py", "scheduled")]


class Idle:
    """An executor that has room, and ends each try at once; only a submit wakes the scheduler."""

    name = LOCAL

    def __init__(self):
        self._reading, self._writing = os.pipe()
        self._told, self.done = [], None

    def start(self):
        pass

    def recover(self, tries):
        return []

    def capacity(self):
        return 1

    def fileno(self):
        return self._reading

    def submit(self, tries):
        self._told += [TryFinished(each.key, each.epoch, NOW, TryEnd(Outcome.SUCCESS)) for each in tries]
        os.write(self._writing, b"x")

    def events(self):
        told, self._told = self._told, []
        if told:
            os.read(self._reading, 1)
        return told

    def stop(self, grace_s):
        os.close(self._reading)
        os.close(self._writing)


@pytest.mark.parametrize("deleted", [False, True])
def test_a_request_whose_wakeup_was_lost_is_taken_up_after_the_longest_wait(store, tmp_path, deleted):
    """The sender was killed between its commit and the wakeup, or somebody tidied the pipes up."""
    clock, asked, taken = SimulatedClock(), [], []
    clock.offset = NOW - BEGAN
    pipes, aside = tmp_path / "penstock.db.wakeups", tmp_path / "aside"

    def waiting(_):
        if not asked and store.runs.state("stock", "one") == "success":
            pipes.rename(aside)
            store.requests.submit(TriggerDagRun("stock", "two", {}, None), NOW)
            if not deleted:
                aside.rename(pipes)
            asked.append(clock.monotonic_s)
        elif asked and not taken and store.runs.state("stock", "two") is not None:
            taken.append(clock.monotonic_s)
            scheduler.stop()

    def go_on(left_s, _):
        clock.advance_to(clock.monotonic_s + left_s)
        assert not asked or clock.monotonic_s <= asked[0] + 3 * LONGEST_WAIT_S, "it is never taken up"
        return 0.0

    requests = TryRequests(store, logs=tmp_path, isolation="fork", grace_s=5.0, offload=Offload("file:///values"))
    asks = Asks(store, clock, Vault([StoreSource(store)], lambda _: ()))
    scheduler = Scheduler(
        store, Engine(lease_s=600.0), {LOCAL: Idle()}, requests, asks, clock,
        selector=lambda: SimulatedSelector(waiting, go_on),
    )  # fmt: skip
    scheduler.run()
    assert taken[0] - asked[0] <= LONGEST_WAIT_S
