"""The suite of services: does it say that it is well, end when it is to, leave nothing behind, and tell what is wrong?"""

import json
import select
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from penstock.decoders import decode_msgpack
from penstock.errors import PenstockError
from penstock.keeper.kept_service import ServiceConfig, ServiceReport
from penstock.processes.line_process import LineProcess
from penstock.spec.service import Service
from penstock.spec.wire import Ask, FrameKind, Reply
from penstock.testing.fake_runtime import FakeRuntime
from penstock.testing.suites.expect import expect

_PROGRAM = "penstock.testing.suites.service_main"
_UNKNOWN = {"no_such_option_of_any_service": 1}
_SHORT_S = 1.0
_MOST = 2000


class ServiceSuite:
    """Tests of a service, each in a process of its own, as ``penstock up`` starts it.

    A subclass names the class, which that process imports, and says what it is made with::

        class TestAcmeGateway(ServiceSuite):
            service = AcmeGateway
            wrong_options = ({"port": -1},)

            @pytest.fixture
            def options(self):
                return {"port": 0}

    Attributes:
        service: The class.
        wrong_options: Options of which each, beside those of the fixture, must be refused.
        reports: Whether it reports how it fares; one that does not lives as long as its process.
        starts_within_s: Seconds in which it must have started, and said that it is well, or refused its options.
        report_s: Seconds after which it would count as hung without another report.
        stop_s: Seconds that it gets to end.
    """

    service: ClassVar[type[Service]]
    wrong_options: ClassVar[Sequence[Mapping[str, Any]]] = ()
    reports: ClassVar[bool] = True
    starts_within_s: ClassVar[float] = 30.0
    report_s: ClassVar[float] = 60.0
    stop_s: ClassVar[float] = 5.0

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        """What it is made with; nothing unless a subclass says otherwise."""
        return {}

    @pytest.fixture
    def connections(self) -> Mapping[str, Any]:
        """Connections that it may ask for, by id; none unless a subclass says otherwise."""
        return {}

    @pytest.fixture
    def variables(self) -> Mapping[str, Any]:
        """Variables that it may ask for, by key; none unless a subclass says otherwise."""
        return {}

    @pytest.fixture
    def start(
        self,
        options: Mapping[str, Any],
        connections: Mapping[str, Any],
        variables: Mapping[str, Any],
        tmp_path: Path,
    ) -> "Start":
        """Starts it: called with options that are added, it gives a block in which the service runs."""
        fake = FakeRuntime(connections, variables)

        @contextmanager
        def started(**more: Any) -> Iterator[ServiceRun]:  # noqa: ANN401 - options
            running = ServiceRun(self.service, {**options, **more}, fake, tmp_path)
            try:
                yield running
            finally:
                running.end()

        return started

    def test_it_is_well_and_goes_on_reporting(self, start: "Start") -> None:
        """Whoever begins to report and stops counts as hung."""
        with start() as running:
            self._is_well(running)
            if self.reports:
                running.until(lambda: len(running.reports) > 1, "has reported once, and no more", self.report_s)

    def test_it_ends_in_time_and_leaves_nothing_behind(self, start: "Start") -> None:
        """At SIGTERM it returns; what it has started ends with it."""
        with start() as running:
            self._is_well(running)
            self._ends(running)

    def test_it_ends_if_it_is_stopped_while_it_starts(self, start: "Start") -> None:
        """The signal may come before it has done anything."""
        with start() as running:
            running.until(lambda: running.made, "was not made", self.starts_within_s)
            self._ends(running)

    def test_it_starts_again_where_it_was_killed(self, start: "Start") -> None:
        """It finds its folder as the one before it left it."""
        for _ in range(2):
            with start() as running:
                self._is_well(running)

    def test_wrong_options_are_an_error(self, start: "Start") -> None:
        """One that runs on with them, or hangs, is seen by nobody."""
        for wrong in (_UNKNOWN, *self.wrong_options):
            self._refuses(wrong, start)

    def _refuses(self, wrong: Mapping[str, Any], start: "Start") -> None:
        with start(**wrong) as running:
            otherwise = f"does not end though it is made with {wrong}"
            running.until(lambda: running.has_ended or running.is_well, otherwise, self.starts_within_s)
            expect(running.raised, f"the service is well, or ends without an error, though it is made with {wrong}")

    def _is_well(self, running: "ServiceRun") -> None:
        running.until(lambda: running.made, "was not made", self.starts_within_s)
        if self.reports:
            running.until(lambda: running.is_well, "has not said that it is well", self.starts_within_s)

    def _ends(self, running: "ServiceRun") -> None:
        running.process.terminate()
        otherwise = "does not end at SIGTERM; return from run() once the context says so"
        running.until(lambda: running.has_ended, otherwise, self.stop_s)
        expect(not running.raised, f"the service ends with an error at SIGTERM: {running.raised}")
        left = running.process.left_behind(_SHORT_S)
        how = running.end()
        expect(not left, "the service leaves processes behind when it ends; end what it has started")
        expect(how == "ended with exit code 0", f"the service {how} at SIGTERM")


class ServiceRun:
    """A service in the suite's hands.

    Args:
        service: Its class.
        options: What it is made with.
        fake: Answers what it asks.
        folder: Holds its own folder and its log.

    Attributes:
        process: Its process.
        made: Whether it has been made.
        has_ended: Whether its process has.
        raised: What it raised; "" if it did not.
        reports: What it has reported.
        tries: How many tries it hears of if it asks.
    """

    def __init__(self, service: type[Service], options: Mapping[str, Any], fake: FakeRuntime, folder: Path) -> None:
        self.made = self.has_ended = False
        self.tries = 0
        self.raised, self.reports = "", list[ServiceReport]()
        self._fake, self._log, self._how = fake, folder / "service.log", ""
        self._log.unlink(missing_ok=True)
        command = [sys.executable, "-P", "-m", _PROGRAM, json.dumps(sys.path)]
        with warnings.catch_warnings():
            # Python warns of a fork beside threads, such as those of a stand-in; this one makes a system call and begins a program.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.process = LineProcess(command, self._log)
        target = f"{service.__module__}:{service.__qualname__}"
        config = ServiceConfig("suite", target, dict(options), "", str(folder / "own"))
        self.process.send(FrameKind.RUN, 0, msgspec.msgpack.encode(config))

    @property
    def is_well(self) -> bool:
        """Whether it has ever said so."""
        return any(each.healthy for each in self.reports)

    def end(self) -> str:
        """Kill it and all that it started; returns how it ended."""
        self._how = self._how or self.process.end()
        return self._how

    def until(self, so: Callable[[], bool], otherwise: str, seconds: float) -> None:
        """Take what the service says until something is so.

        Args:
            so: Whether it is.
            otherwise: What the service does, if it never is.
            seconds: How long it may take.

        Raises:
            AssertionError: The time is over, or the service has ended.
        """
        end = time.monotonic() + seconds
        while not so():
            expect(
                not self.has_ended,
                f"the service {otherwise}; it has ended: {self.raised or 'without an error'}{self._printed()}",
            )
            expect(time.monotonic() < end, f"the service {otherwise}, within {seconds:g} s{self._printed()}")
            select.select(self.process.readable, self.process.writable, [], 0.05)
            self._take()

    def _take(self) -> None:
        self.process.flush()
        found = self.process.frames()
        for kind, serial, payload in found or ():
            match kind:
                case FrameKind.HELLO:
                    self.made = True
                case FrameKind.BEAT:
                    self.reports.append(decode_msgpack(payload, ServiceReport))
                case FrameKind.FINISHED:
                    self.raised = payload.decode("utf-8", "replace")
                case FrameKind.ASK:
                    reply = self._answer(decode_msgpack(payload, Ask))
                    self.process.send(FrameKind.REPLY, serial, msgspec.msgpack.encode(reply))
        self.process.keep_output()
        self.has_ended = found is None

    def _answer(self, ask: Ask) -> Reply:
        if ask.method == "running_tries":
            return Reply(self.tries)
        if ask.method not in ("connection", "variable"):
            return Reply(error=f"{ask.method}() is for tasks: a service may ask for connections and Variables")
        try:
            return Reply(msgspec.to_builtins(getattr(self._fake, ask.method)(*ask.args)))
        except PenstockError as error:
            return Reply(error=str(error), error_type=type(error).__name__)

    def _printed(self) -> str:
        text = self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""
        return f"\nIt printed:\n{text[-_MOST:]}" if text else ""


Start = Callable[..., AbstractContextManager[ServiceRun]]
