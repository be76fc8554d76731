"""A database that cannot be had for a while costs no try: what runs runs on, and is counted once."""

import io
import selectors
import socket
import sqlite3
import sys
from contextlib import closing

import pytest
from sqlalchemy import text

from penstock.engine.engine import Engine
from penstock.errors import StoreFencedError, StoreGoneError, StoreUnavailableError
from penstock.model.dag import DagSpec, TaskSpec
from penstock.scheduler.inbox import Inbox
from penstock.scheduler.outage import Outage
from penstock.scheduler.outgoing_tries import OutgoingTries
from penstock.scheduler.turns import Turns
from penstock.spec.executor import Offload, TryAsked, TryFinished, TryStarted
from penstock.spec.wire import Ask, Reply
from penstock.store import Store
from penstock.testing.simulation.clock import SimulatedClock
from penstock.tries.try_requests import TryRequests
from penstock_testkit.network import network_faults

from .conftest import NOW, SUCCESS, House

WAITS, GOES_ON = "Nothing new is started until it can be had", "can be had again"


class Terminal(io.StringIO):
    """The scheduler's terminal; someone reads it, and puts right what is wrong."""

    def __init__(self, repair):
        super().__init__()
        self._repair = repair

    def write(self, line):
        super().write(line)
        if WAITS in line:
            self._repair()
        return len(line)


@pytest.fixture
def terminal(monkeypatch):
    """A function that says how the outage is repaired; gives the terminal."""

    def watched(repair):
        made = Terminal(repair)
        monkeypatch.setattr(sys, "stderr", made)
        return made

    return watched


class SqliteLock:
    """Another program that has the database's lock."""

    def __init__(self, folder):
        self._connection = sqlite3.connect(folder / "penstock.db", isolation_level=None)
        self.begin = lambda: self._connection.execute("BEGIN IMMEDIATE")
        self.end = self._connection.rollback

    def close(self):
        self._connection.close()


class Server:
    """The server of the database, which stops or crashes."""

    def __init__(self, server, *, crash):
        self.begin = server.kill if crash else server.stop
        self.end = server.start


@pytest.fixture(params=["sqlite locked", "postgres stopped", "postgres crashed"])
def outage(request, tmp_path):
    """An outage that can begin and end, and the URL of the database that has it."""
    if request.param == "sqlite locked":
        House(f"sqlite:///{tmp_path}/penstock.db", tmp_path).close()
        with closing(SqliteLock(tmp_path)) as lock:
            yield lock, f"sqlite:///{tmp_path}/penstock.db"
        return
    url = request.getfixturevalue("postgres_tables_url")
    server = request.getfixturevalue("postgres_server")
    yield Server(server, crash=request.param.endswith("crashed")), url


def test_a_try_that_ends_and_one_that_asks_during_an_outage_are_handled_after_it(outage, tmp_path, terminal):
    fault, url = outage
    house = House(url, tmp_path)
    house.define(
        DagSpec("stock", "stock.py", (TaskSpec("asks"), TaskSpec("ends"), TaskSpec("next", upstream=("ends",))))
    )
    asked = []

    def answer(request):
        if isinstance(request, Reply):
            return [TryFinished(asked[0].key, asked[0].epoch, NOW, SUCCESS)]
        started = TryStarted(request.key, request.epoch, 7, NOW)
        if request.facts.task_id == "asks":
            asked.append(request)
            return [started]
        if request.facts.task_id == "ends":
            fault.begin()
            question = TryAsked(asked[0].key, asked[0].epoch, 1, Ask("set_variable", ("k", "v")))
            return [started, question, TryFinished(request.key, request.epoch, NOW, SUCCESS)]
        return [started, TryFinished(request.key, request.epoch, NOW, SUCCESS)]

    house.answer = answer
    house.trigger()
    seen = terminal(fault.end)
    house.schedule()
    assert house.states() == {"one": "success"}
    tries = [(each.attempt.task_id, each.attempt.epoch, each.late_at) for each in house.store.runs.tries(1)]
    assert tries == [("asks", 1, None), ("ends", 1, None), ("next", 1, None)]
    assert [reply.error for reply in house.workers.replies] == [""]
    assert (house.workers.cancelled, house.store.quarantine.all()) == ([], [])
    assert WAITS in seen.getvalue()
    assert GOES_ON in seen.getvalue()
    house.close()


def test_an_outage_is_over_when_what_failed_succeeds_and_not_when_something_else_can_be_read(terminal):
    seen = terminal(lambda: None)
    never, other = socket.socketpair()
    with never, other:
        outage = Outage(never, lambda: Impatient())  # noqa: PLW0108 - one for each wait
        outage.wait(StoreUnavailableError("locked."))
        outage.through(lambda: "read")
        assert GOES_ON not in seen.getvalue()
        outage.over()
        assert seen.getvalue().count(GOES_ON) == 1
        answers = iter([StoreUnavailableError("locked."), StoreUnavailableError("locked."), None])
        outage.through(lambda: _raised(next(answers)))
    assert (seen.getvalue().count(WAITS), seen.getvalue().count(GOES_ON)) == (2, 2)


class Impatient(selectors.SelectSelector):
    """Waits for nothing."""

    def select(self, timeout=None):
        return super().select(0)


def _raised(error):
    if error is not None:
        raise error


def test_while_the_database_is_locked_what_is_stored_is_not_read_again_and_again(tmp_path, terminal):
    house = House(f"sqlite:///{tmp_path}/penstock.db", tmp_path)
    house.define(house.simple())
    house.trigger()
    house.close()
    read, waited, (stop, never) = [], [], socket.socketpair()
    opened = Store.open(f"sqlite:///{tmp_path}/penstock.db", house.keyring, wait_s=0.0)
    with stop, never, opened as store, closing(SqliteLock(tmp_path)) as lock:

        class Patient(Impatient):
            """Waits for nothing; the lock is given up at the third wait."""

            def select(self, timeout=None):
                waited.append(timeout)
                return super().select(lock.end() if len(waited) == 3 else timeout)

        terminal(lambda: None)
        store.role.acquire("a test", NOW)
        engine = Engine()
        inbox = Inbox(store, engine.holds)

        def stored():
            read.append(1)
            return inbox.stored()

        outage = Outage(never, lambda: Patient())  # noqa: PLW0108 - one for each wait
        lock.begin()
        clock = SimulatedClock()
        requests = TryRequests(store, logs=tmp_path, isolation="fork", grace_s=5.0, offload=Offload("file:///values"))
        outgoing = OutgoingTries(store, {}, requests, clock, outage)
        turn = Turns(store, engine, inbox, clock, outage, stored, lambda _: None, outgoing).restart(inbox.take())
        assert [run.state.value for step in turn.steps for run in step.changes.runs] == ["running"]
        assert (len(waited), len(read)) == (3, 2), "once before the lock was met, and once after it"


def test_a_commit_of_which_nothing_is_heard_any_more_is_neither_lost_nor_done_twice(
    postgres_tables_url, postgres_server, tmp_path, terminal
):
    with network_faults("127.0.0.1", postgres_server.port) as network:
        house = House(postgres_tables_url.replace(str(postgres_server.port), str(network.port)), tmp_path)
        house.define(DagSpec("stock", "stock.py", (TaskSpec("first"), TaskSpec("second", upstream=("first",)))))
        sound = house.answer

        def answer(request):
            network.cut_at(b"COMMIT\0")  # the server commits the next turn, and nobody hears of it
            return sound(request)

        house.answer = answer
        house.trigger()
        terminal(lambda: None)
        house.schedule()
        assert house.states() == {"one": "success"}
        assert [(each.attempt.task_id, each.attempt.epoch, each.late_at) for each in house.store.runs.tries(1)] == [
            ("first", 1, None),
            ("second", 1, None),
        ]
        house.close()


def test_a_scheduler_that_is_stopped_during_an_outage_ends_with_the_reason(tmp_path, terminal):
    house = House(f"sqlite:///{tmp_path}/penstock.db", tmp_path)
    house.define(house.simple())
    sound = house.answer
    with closing(SqliteLock(tmp_path)) as lock:
        house.answer = lambda request: [lock.begin(), sound(request)][1]
        house.trigger()
        terminal(lambda: house.workers.stop_scheduler())  # noqa: PLW0108 - there are no workers yet
        with pytest.raises(StoreUnavailableError, match="kept it locked"):
            house.schedule()
    house.close()


def test_a_scheduler_that_another_has_taken_over_from_during_an_outage_ends(postgres_tables_url, tmp_path, terminal):
    house, other = House(postgres_tables_url, tmp_path), House(postgres_tables_url, tmp_path)
    house.define(house.simple())
    sound = house.answer

    def answer(request):
        with other.store.transaction() as tx:
            tx.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
            tx.execute(text("UPDATE scheduler SET fenced_at = clock_timestamp()"))
        return sound(request)

    house.answer = answer
    house.trigger()
    terminal(lambda: None)
    with pytest.raises(StoreFencedError):
        house.schedule()
    assert house.states() == {"one": "running"}
    house.close()
    other.close()


@pytest.mark.parametrize("replaced", [False, True], ids=["deleted", "replaced"])
def test_a_scheduler_whose_database_file_is_gone_ends_at_once(tmp_path, replaced):
    house = House(f"sqlite:///{tmp_path}/penstock.db", tmp_path)
    house.define(house.simple())
    path = tmp_path / "penstock.db"

    def answer(request):
        if replaced:
            path.with_name("copy").write_bytes(path.read_bytes())
            path.with_name("copy").rename(path)
        else:
            path.unlink()
        return []

    house.answer = answer
    house.trigger()
    with pytest.raises(StoreGoneError, match=r"was put in its place|was deleted"):
        house.schedule()
    house.close()
