"""A scheduler that is drained begins no try, and returns once those that run have ended."""

import os
from datetime import UTC, datetime

import pytest

from penstock.clock import SystemClock
from penstock.engine.engine import Engine
from penstock.model.attempt import TryEnd
from penstock.model.state import Outcome
from penstock.scheduler.loop import Scheduler
from penstock.spec.executor import LOCAL, Offload, TryFinished, TryStarted
from penstock.tries.asks import Asks
from penstock.tries.try_requests import TryRequests
from penstock.tries.vault import Vault
from penstock.tries.vault_sources import StoreSource

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TURNS = 20


class OneTry:
    """An executor that has the scheduler drained when its first try begins, and ends that some turns later."""

    name = LOCAL

    def __init__(self):
        self._reading, self._writing = os.pipe()
        os.write(self._writing, b"x")
        self.requests, self.events_told, self.turns, self.drain = [], [], 0, None
        self.look = lambda: None

    def start(self):
        """Nothing has to be started."""

    def recover(self, tries):
        return []

    def capacity(self):
        return 64

    def fileno(self):
        return self._reading

    def submit(self, tries):
        self.requests += tries
        self.events_told += [TryStarted(each.key, each.epoch, 7, NOW) for each in tries]
        self.drain()

    def cancel(self, tries, reason):
        raise AssertionError(f"{tries} were ended: {reason}")

    def events(self):
        told, self.events_told = self.events_told, []
        self.turns += bool(self.requests)
        assert self.turns < 2 * TURNS, "it has not returned"
        if self.turns == TURNS - 1:
            self.look()
        if self.turns == TURNS:
            told += [TryFinished(each.key, each.epoch, NOW, TryEnd(Outcome.SUCCESS)) for each in self.requests]
        return told

    def stop(self, grace_s):
        os.close(self._reading)
        os.close(self._writing)


@pytest.fixture
def begun(house):
    """A scheduler whose one try begins, and its executor."""
    house.define(house.simple())
    house.trigger(run_id="one")
    store, clock, executor = house.store, SystemClock(), OneTry()
    store.role.acquire("a test", NOW, "")
    requests = TryRequests(store, logs=house.folder, isolation="fork", grace_s=1.0, offload=Offload("file:///values"))
    asks = Asks(store, clock, Vault([StoreSource(store)], lambda _: ()))
    return Scheduler(store, Engine(lease_s=600.0), {LOCAL: executor}, requests, asks, clock), executor


def test_what_runs_ends_nothing_more_begins_and_the_scheduler_returns(begun, house):
    scheduler, executor = begun

    def drain():
        scheduler.drain()
        house.trigger(run_id="two")

    seen = []
    executor.drain, executor.look = drain, lambda: seen.extend(house.store.role.holders())
    scheduler.run()
    house.catalog.close()
    house.open()
    assert (scheduler.drained, executor.turns) == (True, TURNS)
    assert [holder.draining_since is not None for holder in seen] == [True], "whoever looks sees that it drains"
    assert [request.key.run for request in executor.requests] == [house.store.runs.find("stock", "one").run]
    assert house.states() == {"one": "success", "two": "running"}
    [waits] = house.store.runs.tasks(house.store.runs.find("stock", "two").run)
    assert "is drained: its scheduler ends once the tries that run have ended" in waits.reason


def test_a_scheduler_without_tries_returns_at_once(house, begun):
    scheduler, executor = begun
    executor.drain = lambda: None
    scheduler.drain()
    scheduler.run()
    house.catalog.close()
    house.open()
    assert scheduler.drained


def test_one_that_is_stopped_while_it_drains_is_replaced_by_none(house, begun):
    scheduler, executor = begun

    def drain():
        scheduler.drain()
        scheduler.stop()

    executor.drain = drain
    scheduler.run()
    house.catalog.close()
    house.open()
    assert (scheduler.drained, executor.turns < TURNS) == (True, True)
