"""What the loop owes an executor: it is asked for its capacity at each turn, and again only after what it told is stored."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from penstock.clock import SystemClock
from penstock.engine.engine import Engine
from penstock.engine.limits.time_of_day import DOUBTED_S
from penstock.engine.messages import LONGEST_WAIT_S
from penstock.model.attempt import TryEnd
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.request import TriggerDagRun
from penstock.model.schedule import Schedule, ScheduleKind
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


HOUR = timedelta(hours=1)
HOURLY = Schedule(ScheduleKind.CRON, crons=("0 * * * *",))


class Machine:
    """An installation with an hourly DAG on one machine, whose clock is set."""

    def __init__(self, folder, *, catchup):
        self.folder, self.clock, self.lines = folder, SimulatedClock(), []
        self.set_ahead(timedelta())
        self.store = self.opened()
        catalog = LoaderCatalog(self.store, self.store.config.variable_values, lambda: NOW)
        spec = DagSpec("d", "d.py", (TaskSpec("a"),), schedule=HOURLY, catchup=catchup, max_active_runs=1)
        catalog.save(ParsedFile("d.py", "snapshot", {}, {}, None, NOW, 0.1, (spec,)))
        catalog.close()

    def opened(self):
        """The store, as a scheduler that has just begun holds it."""
        keyring = Keyring([new_key()], "test")
        store = Store.open(f"sqlite:///{self.folder}/penstock.db", keyring)
        store.role.acquire("a test", NOW)
        return store

    def set_ahead(self, wrong):
        """Somebody sets the clock so wrong."""
        self.clock.offset = NOW - BEGAN + wrong

    def run(self, *steps):
        """A scheduler runs while the clock is set so wrong, for so long, one after the other."""
        left = [(wrong, during.total_seconds()) for wrong, during in steps]
        self.set_ahead(left[0][0])

        def go_on(left_s, _):
            self.clock.advance_to(self.clock.monotonic_s + left_s)
            left[0] = (left[0][0], left[0][1] - left_s)
            if left[0][1] <= 0:
                left.pop(0)
                scheduler.stop() if not left else self.set_ahead(left[0][0])
            return 0.0

        store, clock = self.store, self.clock
        offload = Offload("file:///values")
        requests = TryRequests(store, logs=self.folder, isolation="fork", grace_s=5.0, offload=offload)
        asks = Asks(store, clock, Vault([StoreSource(store)], lambda _: ()))
        scheduler = Scheduler(
            store, Engine(lease_s=600.0), {LOCAL: Idle()}, requests, asks, clock,
            report=self.lines.append, selector=lambda: SimulatedSelector(lambda _: None, go_on),
        )  # fmt: skip
        scheduler.run()
        self.store = self.opened()

    def due(self):
        """Hours after now at which runs fell due."""
        runs = self.store.runs.page(dag_id="d", limit=1_000)
        return sorted((run.interval_end - NOW) / HOUR for run in runs)


@pytest.fixture(params=[False, True], ids=["newest", "catchup"])
def machine(tmp_path, request):
    made = Machine(tmp_path, catchup=request.param)
    yield made
    made.store.close()


def test_a_clock_that_is_ten_years_ahead_for_minutes_makes_no_run_and_the_next_comes_in_time(machine):
    years, minutes = timedelta(days=3653), timedelta(minutes=1)
    machine.run((0 * HOUR, 1.5 * HOUR), (years, DOUBTED_S / 2 * minutes / 60), (0 * HOUR, 2 * HOUR))
    assert machine.due() == [1, 2, 3]
    ahead, back = [line for line in machine.lines if "the time of day was set" in line]
    assert "set ahead by 3653 days" in ahead
    assert "none does for 10 minutes" in ahead
    assert "set back by 3653 days" in back


def test_a_scheduler_that_starts_with_a_clock_years_ahead_of_the_last_sweep_makes_no_run_until_it_is_set_right(machine):
    years = timedelta(days=3653)
    machine.run((0 * HOUR, 1.5 * HOUR))
    machine.store.retention.note_sweep(NOW + HOUR)
    machine.run((years, timedelta(minutes=5)), (0 * HOUR, 2 * HOUR))
    assert machine.due() == [1, 2, 3]
    begun = next(line for line in machine.lines if "was deleted last" in line)
    assert "none does for 10 minutes" in begun


@pytest.mark.parametrize("restarted", [False, True])
def test_after_a_clock_that_was_ahead_for_long_the_dag_goes_on_once_it_is_right(machine, restarted):
    wrong = 30 * HOUR
    ahead, right = (wrong, timedelta(minutes=30)), (0 * HOUR, 2 * HOUR)
    begun = (0 * HOUR, 1.25 * HOUR)
    for steps in [[begun, ahead], [right]] if restarted else [[begun, ahead, right]]:
        machine.run(*steps)
    due = machine.due()
    assert len(due) == len(set(due))
    assert [hour for hour in due if hour < 10] in ([1, 2, 3], [1, 2, 3, *range(4, 10)])


def test_a_clock_that_goes_back_by_years_makes_no_run_of_the_past(machine):
    machine.run((0 * HOUR, 2.25 * HOUR), (timedelta(days=-20_000), 2 * HOUR), (0 * HOUR, HOUR))
    assert set(machine.due()) <= {1, 2, 3, 4, 5}
    assert machine.due()[-1] == 5
