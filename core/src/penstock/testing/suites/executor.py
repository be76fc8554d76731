"""The suite of executors: is each try answered once, with its own end, and with none that it does not have?"""

import select
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, NamedTuple
from urllib.parse import unquote, urlsplit

import pytest

from penstock.clock import SystemClock
from penstock.load.snapshot import Snapshots
from penstock.model.attempt import TryEnd, TryFacts
from penstock.model.values.value import decode
from penstock.spec.executor import (
    Executor,
    ExecutorContext,
    ExecutorEvent,
    FileCode,
    Heartbeat,
    Outcome,
    TaskKey,
    TryAsked,
    TryFinished,
    TryRecovered,
    TryRequest,
    TryStarted,
)  # fmt: skip
from penstock.spec.snapshot import pack
from penstock.spec.wire import Reply
from penstock.testing.suites.expect import expect
from penstock.tries.paths import log_url

_FILE = "suite.py"
_DAG = """
import os, time
from penstock import DAG, Variable, task

with DAG("suite", schedule=None):

    @task
    def number():
        from penstock import get_current_context

        return get_current_context()["params"]["number"]

    @task
    def fails():
        print("it begins")
        raise ValueError("it ends")

    @task
    def asks():
        return Variable.get("colour")

    @task
    def dies():
        os.kill(os.getpid(), 9)

    @task
    def sleeps():
        time.sleep(600)

    number(), fails(), asks(), dies(), sleeps()
"""
COLOUR = "a-colour-of-the-suite"


def snapshot(folder: Path) -> Path:
    """Write the suite's DAG file below a folder, and take its source snapshot into ``state`` there; returns where that lies."""
    (folder / "dags").mkdir()
    (folder / "dags" / _FILE).write_text(_DAG, encoding="utf-8")
    return Snapshots(folder / "dags", folder / "state").take().path


class Place(NamedTuple):
    """What an executor is made in.

    Attributes:
        context: What the scheduler would make it with; its options are empty.
        snapshots: Folder that holds the source snapshot, for executors that read it where it is.
        logs: Folder of the logs.
    """

    context: ExecutorContext
    snapshots: Path
    logs: Path


class ExecutorSuite:
    """Tests of an executor, with real tries of a DAG file of the suite's own.

    A subclass gives the fixture ``executor``, once for the class: a made executor, not started, whose workers are there or
    come::

        class TestAcmeExecutor(ExecutorSuite):
            @pytest.fixture(scope="class")
            @classmethod
            def executor(cls, place):
                return AcmeExecutor(place.context._replace(options={"slots": 2}))

    Attributes:
        patience_s: Seconds in which a try that does next to nothing must be answered.
        lease_s: Seconds within which a held try must be named by a heartbeat.
    """

    patience_s: ClassVar[float] = 60.0
    lease_s: ClassVar[float] = 30.0

    @pytest.fixture(scope="class")
    @classmethod
    def place(cls, tmp_path_factory: pytest.TempPathFactory) -> Place:
        """A folder, a clock and the snapshot of one DAG file."""
        folder = tmp_path_factory.mktemp("executor")
        taken = snapshot(folder)

        def packed(_wanted: str) -> Future[bytes]:
            found: Future[bytes] = Future()
            found.set_result(pack(taken))
            return found

        context = ExecutorContext("suite", {}, cls.lease_s, folder / "own", packed, SystemClock().now)
        return Place(context, taken.parent, folder / "logs")

    @pytest.fixture(scope="class")
    @classmethod
    def tries(cls, executor: Executor, place: Place) -> "Iterator[Tries]":
        """The executor, started, and what it has told."""
        executor.start()
        taken = next(each.name for each in place.snapshots.iterdir())
        made = Tries(executor, place.logs, taken, cls.patience_s)
        made.recover("number", number=0)
        yield made
        executor.stop(1.0)

    def test_each_try_is_answered_once_with_its_own_end(self, tries: "Tries") -> None:
        """None is lost, doubled or mixed up with another, and none is told of that was not sent."""
        requests = [tries.send("number", number=number) for number in range(5)]
        tries.until_answered(*requests)
        last = tries.send("number", number=5)
        tries.until_answered(last)
        for number, request in enumerate([*requests, last]):
            ends = tries.ends(request)
            expect(len(ends) == 1, f"the try of epoch {request.epoch} was answered {len(ends)} times")
            expect(ends[0].outcome is Outcome.SUCCESS, f"a try that must succeed is {ends[0].outcome}: {ends[0].error}")
            left = decode(ends[0].xcoms["return_value"].json)
            expect(left == number, f"the try that returns {number} was answered with {left!r}")
        tries.none_is_forged()

    def test_a_try_that_nobody_holds_is_lost_or_run(self, tries: "Tries") -> None:
        """Of a try whose process is gone, `recover` says nothing, or that it is lost; or takes it up, and runs it."""
        for each in tries.recovered:
            lost = (Outcome.LOST, Outcome.FAILED)
            forged = isinstance(each, TryStarted) or (isinstance(each, TryFinished) and each.end.outcome not in lost)
            expect(not forged, f"recover() says of a try that never was: {each}")
        names = [(each.key, each.epoch) for each in tries.recovered if isinstance(each, TryRecovered)]
        otherwise = "recover() takes up a try that never was, and does not run it"
        tries.until(lambda: all(tries.ends(tries.sent[name]) for name in names), otherwise)

    def test_a_start_is_reported_before_its_end(self, tries: "Tries") -> None:
        """The time limit and the user's view begin with it; every instant is aware."""
        request = tries.send("number", number=1)
        tries.until_answered(request)
        kinds = [type(each) for each in tries.events_of(request) if isinstance(each, TryStarted | TryFinished)]
        expect(kinds == [TryStarted, TryFinished], f"a try is told as {[each.__name__ for each in kinds]}")
        naive = [each for each in tries.events_of(request) if getattr(each, "at", None) and each.at.tzinfo is None]  # type: ignore[union-attr]
        expect(not naive, f"an instant without a time zone: {naive}")

    def test_a_failure_is_reported_with_its_error_and_its_log(self, tries: "Tries") -> None:
        """The end carries the error, the log at its URL what was printed."""
        request = tries.send("fails")
        end = tries.until_answered(request)[0]
        expect(
            end.outcome is Outcome.FAILED and "it ends" in end.error, f"a try that raises is {end.outcome}: {end.error}"
        )
        tries.until(lambda: "it begins" in tries.log(request), "what a try printed is not at its log's URL")

    def test_what_a_try_asks_is_answered_to_it(self, tries: "Tries") -> None:
        """The reply reaches the try that asked."""
        end = tries.until_answered(tries.send("asks"))[0]
        expect(end.outcome is Outcome.SUCCESS, f"a try that asks for a Variable is {end.outcome}: {end.error}")
        expect(decode(end.xcoms["return_value"].json) == COLOUR, "the reply to a question did not reach the try")

    def test_a_killed_try_is_answered(self, tries: "Tries") -> None:
        """A process that is gone says nothing; its executor does."""
        end = tries.until_answered(tries.send("dies"))[0]
        expect(end.outcome in (Outcome.FAILED, Outcome.LOST), f"a try that was killed is {end.outcome}")

    def test_a_held_try_is_named_by_heartbeats_until_it_is_cancelled(self, tries: "Tries") -> None:
        """A try that no heartbeat names for a lease is lost; a cancelled one is answered once, as cancelled."""
        request = tries.send("sleeps")
        name = (request.key, request.epoch)
        tries.until(lambda: name in tries.held, "no heartbeat names a try that runs", self.lease_s)
        tries.executor.cancel([name], "the suite has seen it")
        end = tries.until_answered(request)[0]
        expect(end.outcome is Outcome.CANCELLED, f"a cancelled try is {end.outcome}")
        expect(not tries.held - tries.sent.keys(), "a heartbeat names a try that was never sent")

    def test_a_cancelled_try_ends_alone(self, tries: "Tries") -> None:
        """A lost try is cancelled while the next one of its task instance runs, which goes on."""
        with tries.without_replies():
            old, new = tries.send("asks"), tries.send("asks")
            tries.until(lambda: bool(tries.asked), "what a try asks is not told")
            tries.executor.cancel([(old.key, old.epoch)], "the suite counts it as lost")
            tries.until_answered(old)
        end = tries.until_answered(new)[0]
        otherwise = (
            f"the try of epoch {old.epoch} is cancelled, and that of epoch {new.epoch} is {end.outcome}: {end.error}"
        )
        expect(end.outcome is Outcome.SUCCESS, otherwise)

    def test_a_try_that_it_does_not_know_is_answered_when_it_is_cancelled(self, tries: "Tries") -> None:
        """Whoever cancels waits for the answer."""
        request = tries.made("number", number=1)
        tries.executor.cancel([(request.key, request.epoch)], "nobody sent it")
        tries.until_answered(request)

    def test_it_holds_something_and_its_descriptor_wakes_the_scheduler(self, tries: "Tries") -> None:
        """`capacity` is a number of tries, `fileno` a descriptor that becomes readable."""
        tries.until(lambda: tries.executor.capacity() > 0, f"capacity() is {tries.executor.capacity()}")
        request = tries.send("number", number=1)
        ready = select.select([tries.executor.fileno()], [], [], self.patience_s)[0]
        expect(ready, "the descriptor of fileno() is not readable though a try was sent")
        tries.until_answered(request)


class Tries:
    """An executor in the suite's hands.

    Attributes:
        sent: The requests that it was given, by key and epoch.
        held: Tries that a heartbeat has named.
        recovered: What the executor says of a try that never was.
        asked: What tries ask that has no reply yet.
    """

    def __init__(self, executor: Executor, logs: Path, snapshot: str, patience_s: float) -> None:
        self.executor, self._logs, self._snapshot, self._patience_s = executor, logs, snapshot, patience_s
        self.sent: dict[tuple[TaskKey, int], TryRequest] = {}
        self.held: set[tuple[TaskKey, int]] = set()
        self.recovered: list[TryStarted | TryRecovered | TryFinished] = []
        self.asked: list[TryAsked] = []
        self._events: list[ExecutorEvent] = []
        self._epoch, self._replies = 0, True

    def made(self, task_id: str, **params: Any) -> TryRequest:  # noqa: ANN401 - JSON
        """The request of a try that is not sent."""
        self._epoch += 1
        facts = TryFacts("suite", "suite", task_id, params=params)
        key = TaskKey(1, task_id, facts.map_index)
        log = log_url(self._logs, facts.dag_id, facts.run_id, key, self._epoch)
        request = TryRequest(key.run, self._epoch, facts, FileCode(self._snapshot, _FILE), log)
        self.sent[request.key, request.epoch] = request
        return request

    def recover(self, task_id: str, **params: Any) -> None:  # noqa: ANN401 - JSON
        """Have the executor take up a try of an earlier scheduler that never was."""
        self.recovered += self.executor.recover([self.made(task_id, **params)])

    def send(self, task_id: str, **params: Any) -> TryRequest:  # noqa: ANN401 - JSON
        """Submit a try."""
        request = self.made(task_id, **params)
        self.executor.submit([request])
        return request

    def events_of(self, request: TryRequest) -> list[ExecutorEvent]:
        """What was told of a try, in order."""
        return [
            each
            for each in self._events
            if not isinstance(each, Heartbeat) and (each.key, each.epoch) == (request.key, request.epoch)
        ]

    def ends(self, request: TryRequest) -> list[TryEnd]:
        """The answers to a try; there must be one."""
        return [each.end for each in self.events_of(request) if isinstance(each, TryFinished)]

    def until_answered(self, *requests: TryRequest) -> list[TryEnd]:
        """The end of each try."""

        def missing() -> list[int]:
            return [each.epoch for each in requests if not self.ends(each)]

        self.until(lambda: not missing(), "a try is lost: it was sent and never answered")
        return [self.ends(each)[0] for each in requests]

    def until(self, so: Callable[[], bool], otherwise: str, seconds: float = 0.0) -> None:
        """Take events until something is so."""
        end = time.monotonic() + (seconds or self._patience_s)
        while not so():
            expect(time.monotonic() < end, f"{otherwise}, within {seconds or self._patience_s:g} s")
            select.select([self.executor.fileno()], [], [], 0.05)
            for event in self.executor.events():
                self._take(event)

    @contextmanager
    def without_replies(self) -> Iterator[None]:
        """A block in which tries wait for what they ask."""
        self._replies = False
        try:
            yield
        finally:
            self._replies = True
            self._reply()

    def log(self, request: TryRequest) -> str:
        """What the log of a try holds."""
        path = Path(unquote(urlsplit(request.log).path))
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def none_is_forged(self) -> None:
        """Nothing was told of a try that was never sent.

        Raises:
            AssertionError: Something was.
        """
        for each in self._events:
            if not isinstance(each, Heartbeat):
                name = (each.key, each.epoch)
                expect(name in self.sent, f"{type(each).__name__} of a try that was never sent: {name}")

    def _take(self, event: ExecutorEvent) -> None:
        self._events.append(event)
        if isinstance(event, TryAsked):
            self.asked.append(event)
            self._reply()
        elif isinstance(event, Heartbeat):
            self.held |= set(event.tries)

    def _reply(self) -> None:
        while self._replies and self.asked:
            self.executor.reply(self.asked.pop(), Reply(COLOUR))
