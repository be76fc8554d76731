"""The executor of remote workers, told by a worker that is nothing but a socket."""

import select
import socket
import sqlite3
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from urllib.request import pathname2url

import pytest
from penstock_remote.executors import RemoteExecutor
from penstock_remote.messages import (
    LARGEST,
    Answered,
    Beat,
    Cancel,
    Fetch,
    FromExecutor,
    Hello,
    MessageReader,
    Printed,
    Received,
    Report,
    Run,
    Welcome,
    encode,
)

from penstock.errors import ConfigError, NotFoundError
from penstock.model.attempt import TryFacts
from penstock.spec.executor import (
    ExecutorContext,
    FileCode,
    Heartbeat,
    Outcome,
    TryAsked,
    TryEnd,
    TryFinished,
    TryRecovered,
    TryRequest,
    TryStarted,
)
from penstock.spec.wire import Ask, Reply
from penstock_testkit.processes import free_port

TOKEN = "0123456789abcdef"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DONE = TryEnd(Outcome.SUCCESS)
PATIENCE_S = 60.0


class Snapshots:
    """Those that are packed when a test says so."""

    def __init__(self):
        self.asked = {}

    def __call__(self, wanted):
        return self.asked.setdefault(wanted, Future())


class Scheduler:
    """Makes executors, one after the other, in one folder; as a scheduler would that is killed and started again."""

    def __init__(self, folder):
        self.folder, self.port, self.executor, self.snapshots = folder, free_port(), None, Snapshots()
        (folder / "token").write_text(TOKEN + "\n")

    def start(self, *open_tries):
        options = {"listen": f"127.0.0.1:{self.port}", "token_file": str(self.folder / "token")}
        self.executor = RemoteExecutor(
            ExecutorContext("far", options, 600.0, self.folder / "own", self.snapshots, lambda: NOW)
        )
        self.executor.start()
        return self.executor.recover(open_tries)

    def kill(self):
        """What a killed process leaves is what is on disk, and closed sockets."""
        self.executor.stop(0.0)

    def turn(self):
        """Wait until the executor has something to do, and have it tell; heartbeats that name nothing are left out."""
        assert select.select([self.executor], [], [], PATIENCE_S)[0], "the executor has nothing to do"
        return [event for event in self.executor.events() if event != Heartbeat("far", (), NOW)]

    def told(self):
        """Turn until something is told."""
        while not (found := self.turn()):
            pass
        return found


class FakeWorker:
    """A worker that is nothing but its end of the connection."""

    def __init__(self, scheduler, name="w", slots=2, holds=()):
        self._scheduler = scheduler
        self._line = socket.create_connection(("127.0.0.1", scheduler.port), timeout=PATIENCE_S)
        self._reader, self._messages = MessageReader(FromExecutor, LARGEST), []
        scheduler.turn()
        self.say(Hello(TOKEN, name, slots, tuple(holds)))

    def say(self, message):
        self._line.sendall(encode(message))

    def hear(self, kind):
        """The next message of a kind, which has been sent; others before it are passed over."""
        while not (found := [message for message in self._messages if isinstance(message, kind)]):
            data = self._line.recv(1 << 16)
            assert data, "it was cut off"
            self._messages += self._reader.feed(data)
        del self._messages[: self._messages.index(found[0]) + 1]
        return found[0]

    def hears_nothing(self):
        return not self._messages and not select.select([self._line], [], [], 0)[0]

    def close(self):
        self._line.close()


@pytest.fixture
def scheduler(tmp_path):
    made = Scheduler(tmp_path)
    made.start()
    yield made
    made.kill()


def request_of(number, folder=None):
    log = "file://" + pathname2url(str(folder / f"{number}.log")) if folder else "file:///nowhere"
    facts = TryFacts("d", "r", "t", number)
    return TryRequest(run=1, epoch=3, facts=facts, code=FileCode("ab", "d.py"), log=log)


def name_of(request):
    return request.key, request.epoch


def finished(request, end=DONE, at=NOW):
    return TryFinished(request.key, request.epoch, at, end)


def test_capacity_is_that_of_the_workers_that_are_here(scheduler):
    assert scheduler.executor.capacity() == 0
    one, two = FakeWorker(scheduler, "one", 2), FakeWorker(scheduler, "two", 3)
    scheduler.turn()
    assert scheduler.executor.capacity() == 5
    one.close()
    scheduler.turn()
    assert scheduler.executor.capacity() == 3
    two.close()


def test_tries_go_to_the_worker_with_the_most_room_and_the_rest_wait_and_are_renewed(scheduler):
    one, two = FakeWorker(scheduler, "one", 1), FakeWorker(scheduler, "two", 2)
    scheduler.turn()
    requests = [request_of(number) for number in range(4)]
    scheduler.executor.submit(requests)
    handed = [each.hear(Run).request for each in (one, two, two)]
    assert sorted(handed, key=lambda request: request.key) == requests[:3]
    one.say(Beat(()))
    (renewed,) = scheduler.told()
    assert renewed == Heartbeat("far", (name_of(requests[3]),), NOW)
    one.close()
    two.close()


def test_a_report_is_acknowledged_once_what_it_told_is_stored(scheduler):
    worker, request = FakeWorker(scheduler), request_of(0)
    scheduler.turn()
    scheduler.executor.submit([request])
    worker.hear(Run)
    worker.say(Report(7, finished(request)))
    assert scheduler.told() == [finished(request)]
    assert worker.hears_nothing()
    scheduler.executor.events()
    assert worker.hear(Received) == Received(7)
    worker.close()


def test_an_end_that_was_told_and_not_stored_is_told_again_after_a_restart(scheduler):
    worker, request = FakeWorker(scheduler), request_of(0)
    scheduler.turn()
    scheduler.executor.submit([request])
    worker.say(Report(7, finished(request)))
    assert scheduler.told() == [finished(request)]
    scheduler.kill()
    assert scheduler.start(request) == [TryRecovered(request.key, request.epoch)]
    back = FakeWorker(scheduler, holds=[name_of(request)])
    assert scheduler.told() == [Heartbeat("far", (name_of(request),), NOW)]
    back.say(Report(7, finished(request)))
    assert scheduler.told() == [finished(request)]
    worker.close()
    back.close()


def test_of_open_tries_those_of_a_worker_wait_for_it_and_the_others_are_sent_out(scheduler):
    worker, sent, unsent = FakeWorker(scheduler, slots=1), request_of(0), request_of(1)
    scheduler.turn()
    scheduler.executor.submit([sent, unsent])
    assert worker.hear(Run).request == sent
    scheduler.kill()
    scheduler.start(sent, unsent)
    other = FakeWorker(scheduler, "other")
    scheduler.turn()
    assert other.hear(Run).request == unsent
    assert other.hears_nothing()
    back = FakeWorker(scheduler, slots=1)
    (end,) = [event for event in scheduler.told() if isinstance(event, TryFinished)]
    assert (end.key, end.end.outcome) == (sent.key, Outcome.LOST)
    assert "came back without it" in end.end.error
    for each in (worker, other, back):
        each.close()


def test_what_a_worker_says_of_a_try_that_was_given_up_is_not_passed_on_and_it_is_told_to_end_it(scheduler):
    worker, request = FakeWorker(scheduler), request_of(0)
    scheduler.turn()
    scheduler.executor.submit([request])
    worker.close()
    scheduler.turn()
    scheduler.executor.cancel([name_of(request)], "its lease is over")
    (end,) = scheduler.told()
    assert end.end == TryEnd(Outcome.LOST, "its lease is over")
    back = FakeWorker(scheduler, holds=[name_of(request)])
    scheduler.turn()
    assert back.hear(Cancel).tries == (name_of(request),)
    back.say(TryAsked(request.key, request.epoch, 5, Ask("variable", ("x",))))
    scheduler.turn()
    assert "given up" in back.hear(Answered).reply.error
    back.say(Report(7, finished(request)))
    assert scheduler.turn() == []
    scheduler.executor.events()
    assert back.hear(Received) == Received(7)
    back.close()


def test_a_try_whose_worker_goes_away_while_it_ends_is_lost(scheduler):
    worker, request = FakeWorker(scheduler), request_of(0)
    scheduler.turn()
    scheduler.executor.submit([request])
    scheduler.executor.cancel([name_of(request)], "by ann")
    assert worker.hear(Cancel) == Cancel((name_of(request),), "by ann")
    worker.close()
    (end,) = scheduler.told()
    assert end.end.outcome is Outcome.LOST


def test_a_try_that_waits_or_is_not_known_is_cancelled_at_once(scheduler):
    waiting, unknown = request_of(0), request_of(1)
    scheduler.executor.submit([waiting])
    scheduler.executor.cancel([name_of(waiting), name_of(unknown)], "by ann")
    ends = scheduler.told()
    assert [(event.key, event.end) for event in ends] == [
        (each.key, TryEnd(Outcome.CANCELLED, "by ann")) for each in (waiting, unknown)
    ]


def test_a_try_that_cannot_be_noted_is_not_sent_but_waits(scheduler, caplog):
    worker, request = FakeWorker(scheduler), request_of(0)
    scheduler.turn()
    worker.hear(Welcome)
    database = sqlite3.connect(scheduler.folder / "own" / "placed.db", isolation_level=None)
    database.execute("ALTER TABLE placed RENAME TO hidden")
    scheduler.executor.submit([request])
    assert "none is sent until it can" in caplog.text
    assert worker.hears_nothing()
    database.execute("ALTER TABLE hidden RENAME TO placed")
    worker.say(Beat(()))
    scheduler.turn()
    assert worker.hear(Run).request == request
    database.close()
    worker.close()


def test_questions_go_to_the_scheduler_and_their_answers_to_the_worker(scheduler):
    worker, request = FakeWorker(scheduler), request_of(0)
    scheduler.turn()
    scheduler.executor.submit([request])
    asked = TryAsked(request.key, request.epoch, 5, Ask("variable", ("x",)))
    worker.say(asked)
    assert scheduler.told() == [asked]
    scheduler.executor.reply(asked, Reply("value"))
    assert worker.hear(Answered) == Answered(5, Reply("value"))
    worker.close()


def test_a_snapshot_that_is_being_packed_holds_up_nothing_else(scheduler):
    worker, request, asked = FakeWorker(scheduler), request_of(0), scheduler.snapshots.asked
    scheduler.turn()
    scheduler.executor.submit([request])
    for number, wanted in ((6, "ab"), (7, "cd"), (8, "ef")):
        worker.say(Fetch(number, wanted))
    worker.say(Report(1, finished(request)))
    assert [event.key for event in scheduler.told()] == [request.key]
    asked["ef"].set_exception(MemoryError("no memory"))
    asked["cd"].set_exception(NotFoundError("source snapshot", "cd"))
    asked["ab"].set_result(b"packed")
    scheduler.turn()
    replies = {}
    for _ in asked:
        answered = worker.hear(Answered)
        replies[answered.number] = answered.reply
    assert replies[6].value == b"packed"
    assert [replies[7].error_type, replies[8].error_type] == ["NotFoundError", "RequestError"]
    worker.close()


def test_output_that_comes_twice_is_written_once(scheduler, tmp_path):
    worker, request = FakeWorker(scheduler), request_of(0, tmp_path / "logs")
    scheduler.turn()
    scheduler.executor.submit([request])
    for serial, (offset, data) in enumerate([(0, b"one "), (4, b"two "), (0, b"one "), (4, b"two "), (8, b"three")]):
        worker.say(Report(serial, Printed(request.key, request.epoch, offset, data)))
    worker.say(Report(9, finished(request)))
    scheduler.told()
    assert (tmp_path / "logs" / "0.log").read_bytes() == b"one two three"
    worker.close()


@pytest.mark.parametrize("at", [NOW + timedelta(days=1), NOW.replace(tzinfo=None)], ids=["tomorrow", "no zone"])
def test_a_worker_whose_clock_is_wrong_is_not_believed(scheduler, at):
    worker, request = FakeWorker(scheduler), request_of(0)
    scheduler.turn()
    scheduler.executor.submit([request])
    worker.say(Report(1, TryStarted(request.key, request.epoch, 9, at)))
    assert scheduler.told() == [TryStarted(request.key, request.epoch, 9, NOW)]
    worker.close()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "missing required field `listen`"),
        ({"listen": "here", "token_file": "token"}, "'here' is no address"),
        ({"listen": "127.0.0.1:1", "token_file": "token", "slots": 1}, "unknown field `slots`"),
        ({"listen": "127.0.0.1:1", "token_file": "nowhere"}, "cannot be read"),
        ({"listen": "127.0.0.1:1", "token_file": "short"}, "too short"),
    ],
)
def test_wrong_options_are_told(tmp_path, monkeypatch, options, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "short").write_text("x")
    with pytest.raises(ConfigError, match=r"\[executors.far\]") as raised:
        RemoteExecutor(ExecutorContext("far", options, 6.0, tmp_path, Snapshots(), lambda: NOW))
    assert sentence in str(raised.value)
