"""What a worker does: it connects to the executor, runs the tries that it is handed, and sends what becomes of them.

While the connection is down its tries run on; once it is back, what was not received is sent again. Each try has a thread, in which
`penstock.spec.worker` runs it in a process of its own; one more reads from the connection and sends heartbeats.
"""

import contextlib
import itertools
import logging
import queue
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from penstock.errors import RequestError
from penstock.spec.executor import Outcome, TryAsked, TryEnd, TryFinished, TryRequest, TryStarted
from penstock.spec.wire import Ask, Reply
from penstock.spec.worker import Worker
from penstock_remote.messages import (
    LARGEST,
    Answered,
    Beat,
    Cancel,
    Fetch,
    FromExecutor,
    FromWorker,
    Hello,
    MessageReader,
    Printed,
    Received,
    Refused,
    Report,
    Run,
    TryName,
    Welcome,
    encode,
)

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
_CONNECT_S = 10.0
_MOST_UNRECEIVED = 64 << 20
"""Bytes that are kept for an executor that does not take them; what a try prints beyond that is dropped."""
_READ_SIZE = 1 << 18

_log = logging.getLogger(__name__)


class HeldTry:
    """A try of this worker, and its way to the executor (`penstock.spec.worker.WorkerHost`)."""

    def __init__(self, daemon: "Daemon", request: TryRequest) -> None:
        self._daemon, self._request = daemon, request
        self._printed = self._dropped = 0
        self.name: TryName = (request.key, request.epoch)
        self.worker = Worker(request, self, daemon.folder / "snapshots")

    def run(self) -> None:
        """Run it to its end, and report that."""
        try:
            end = self.worker.run()
        except Exception as error:  # noqa: BLE001 - a try that nobody runs any more must not be held for ever
            end = TryEnd(Outcome.LOST, f"its worker could not run it: {type(error).__name__}: {error}")
        event = TryFinished(*self.name, datetime.now(UTC), end)
        try:
            self._daemon.report(event)
        except RequestError as error:
            end = TryEnd(Outcome.FAILED, f"what it leaves cannot be sent: {error}", retryable=False)
            self._daemon.report(TryFinished(*self.name, event.at, end))

    def started(self, pid: int) -> None:
        """The try's process exists."""
        self._daemon.report(TryStarted(*self.name, pid, datetime.now(UTC)))

    def ask(self, ask: Ask) -> Reply:
        """Ask the scheduler; while the connection is down, the try waits."""
        return self._daemon.question(
            lambda number: TryAsked(*self.name, number, ask), self.name, self._request.timeout_s
        )

    def log(self, data: bytes) -> None:
        """Send what the try printed."""
        if not self._daemon.has_room():
            self._dropped += len(data)
            return
        if self._dropped:
            data = b"\n[%d bytes were dropped here: the scheduler was away]\n" % self._dropped + data
            self._dropped = 0
        if data:
            self._daemon.report(Printed(*self.name, self._printed, data))
            self._printed += len(data)

    def snapshot(self, wanted: str) -> bytes:
        """Fetch a source snapshot; raises RequestError if it cannot be had."""
        reply = self._daemon.question(lambda number: Fetch(number, wanted), self.name, self._request.timeout_s)
        if reply.error:
            raise RequestError(reply.error)
        return cast("bytes", reply.value)


class Daemon:
    """The worker.

    Args:
        name: What the executor calls it; no two workers have the same.
        address: Host and port of the executor.
        token: What it has to show.
        folder: Where it keeps source snapshots.
        slots: Tries that it runs at once.
    """

    def __init__(self, name: str, address: tuple[str, int], token: str, folder: Path, slots: int) -> None:
        self._name, self._address, self._token, self.folder, self._slots = name, address, token, folder, slots
        self._pause_s, self._longest_pause_s = _FIRST_PAUSE_S, _LONGEST_PAUSE_S
        # What follows is shared with the threads of the tries.
        self._lock = threading.Condition()
        self._line: socket.socket | None = None
        self._held: dict[TryName, HeldTry] = {}
        self._numbers = itertools.count(1)
        self._unreceived: deque[tuple[Report, int]] = deque()
        self._unreceived_bytes = 0
        self._questions: dict[int, tuple[TryName, TryAsked | Fetch, queue.SimpleQueue[Reply]]] = {}

    def run(self) -> None:
        """Connect, and whenever the connection is lost connect again, for ever."""
        while True:
            try:
                with socket.create_connection(self._address, timeout=_CONNECT_S) as line:
                    self._talk(line)
            except (OSError, RequestError) as error:
                _log.warning("no connection to the executor: %s", error)
            with self._lock:
                self._line = None
            time.sleep(self._pause_s)
            self._pause_s = min(2 * self._pause_s, self._longest_pause_s)

    def report(self, event: TryStarted | Printed | TryFinished) -> None:
        """Send news of a try until they are received; raises RequestError if they are too large."""
        with self._lock:
            report = Report(next(self._numbers), event)
            size = len(encode(report))
            self._unreceived.append((report, size))
            self._unreceived_bytes += size
            self._send(report)

    def has_room(self) -> bool:
        """Whether more output may be sent; waits a second for it."""
        with self._lock:
            return self._lock.wait_for(lambda: self._unreceived_bytes < _MOST_UNRECEIVED, timeout=1.0)

    def question(self, make: Callable[[int], TryAsked | Fetch], asker: TryName, timeout_s: float | None) -> Reply:
        """Ask until there is an answer; raises TimeoutError if there is none in time."""
        answers: queue.SimpleQueue[Reply] = queue.SimpleQueue()
        with self._lock:
            number = next(self._numbers)
            message = make(number)
            self._questions[number] = (asker, message, answers)
            self._send(message)
        try:
            return answers.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError("the scheduler did not answer in time") from None
        finally:
            with self._lock:
                self._questions.pop(number, None)

    def _send(self, message: FromWorker) -> None:
        """Send a message if there is a connection; the lock is held."""
        if self._line is not None:
            try:
                self._line.sendall(encode(message))
            except OSError:
                # Half a message may be out: nothing can follow it on this connection. Who reads from it sees its end.
                with contextlib.suppress(OSError):
                    self._line.shutdown(socket.SHUT_RDWR)
                self._line = None

    def _talk(self, line: socket.socket) -> None:
        """Serve one connection until it is lost."""
        reader: MessageReader[FromExecutor] = MessageReader(FromExecutor, LARGEST)
        with self._lock:
            self._line = line
            self._send(Hello(self._token, self._name, self._slots, tuple(self._held)))
            for report, _ in self._unreceived:
                self._send(report)
            for _, question, _ in self._questions.values():
                self._send(question)
        lease_s, beat_s, heard_s = 0.0, 0.0, time.monotonic()
        while True:
            try:
                data = line.recv(_READ_SIZE)
            except TimeoutError:
                data = None
            now_s = time.monotonic()
            if data == b"" or (data is None and now_s - heard_s > max(lease_s, _CONNECT_S)):
                raise ConnectionResetError("it hung up, or has been silent for a whole lease")
            for message in reader.feed(data or b""):
                heard_s = now_s
                if isinstance(message, Welcome):
                    lease_s, self._pause_s = message.lease_s, _FIRST_PAUSE_S
                    # A scheduler that was away gives its tries one lease to come back in.
                    self._longest_pause_s = min(_LONGEST_PAUSE_S, lease_s / 6)
                    line.settimeout(lease_s / 6)  # with a pause of as much between heartbeats: one each third at least
                else:
                    self._obey(message)
            if lease_s and now_s - beat_s >= lease_s / 6:
                beat_s = now_s
                with self._lock:
                    self._send(Beat(tuple(self._held)))

    def _obey(self, message: FromExecutor) -> None:
        match message:
            case Run(request=request):
                self._start(HeldTry(self, request))
            case Cancel(tries=tries, reason=reason):
                for name in tries:
                    self._cancel(name, reason)
            case Answered(number=number, reply=reply):
                with self._lock:
                    if number in self._questions:
                        self._questions[number][2].put(reply)
            case Received(serial=serial):
                self._drop_received(serial)
            case Refused(reason=reason):
                raise RequestError(reason)

    def _start(self, held: HeldTry) -> None:
        with self._lock:
            if held.name in self._held:
                return
            self._held[held.name] = held
        threading.Thread(target=held.run, daemon=True).start()

    def _cancel(self, name: TryName, reason: str) -> None:
        with self._lock:
            if (held := self._held.get(name)) is None:
                return
            held.worker.cancel(reason)
            for asker, _, answers in self._questions.values():
                if asker == name:
                    answers.put(Reply(error=reason, error_type=RequestError.__name__))

    def _drop_received(self, serial: int) -> None:
        with self._lock:
            while self._unreceived and self._unreceived[0][0].serial <= serial:
                report, size = self._unreceived.popleft()
                self._unreceived_bytes -= size
                if isinstance(report.event, TryFinished):
                    del self._held[report.event.key, report.event.epoch]
            self._lock.notify_all()
