"""An executor that looks after its tries by itself, in processes of this machine: faults are planted into copies of it."""

import contextlib
import itertools
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from penstock.errors import ConfigError
from penstock.spec.executor import (
    ExecutorContext,
    ExecutorEvent,
    Heartbeat,
    Outcome,
    TaskKey,
    TryAsked,
    TryEnd,
    TryFinished,
    TryRecovered,
    TryRequest,
    TryStarted,
)
from penstock.spec.wire import Ask, Reply
from penstock.spec.worker import Worker

Name = tuple[TaskKey, int]


class SampleExecutor:
    """Runs tries in processes of its own; implements `penstock.spec.executor.Executor`.

    All its methods are called by one thread of the scheduler. Each try has a thread that waits for its process and leaves events, which
    `events` hands out: what two threads share is behind the lock.

    Args:
        context: What the scheduler makes it with.

    Raises:
        ConfigError: Its options are wrong.
    """

    def __init__(self, context: ExecutorContext) -> None:
        self.name, self._context = context.name, context
        slots = context.options.get("slots", 4)
        if not isinstance(slots, int) or slots < 1:
            raise ConfigError(f"[executors.{context.name}]: slots is {slots!r}; write a number from 1 on.")
        self._slots = slots
        self._lock = threading.Lock()
        self._events: deque[ExecutorEvent] = deque()
        self._tries: dict[Name, _Try] = {}
        self._waiting: deque[_Try] = deque()
        self._running: set[Name] = set()
        self._beat_at = context.now()
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.set_blocking(self._writing, False)

    def start(self) -> None:
        """Make the folder that workers share."""
        self._context.folder.mkdir(parents=True, exist_ok=True)

    def recover(self, tries: Sequence[TryRequest]) -> list[TryStarted | TryRecovered | TryFinished]:
        """Nothing: the processes of an earlier scheduler have died with it, so that its tries are lost and sent again."""
        return []

    def capacity(self) -> int:
        """Tries that run at once."""
        return self._slots

    def fileno(self) -> int:
        """Readable when `events` has something to tell."""
        return self._reading

    def submit(self, tries: Sequence[TryRequest]) -> None:
        """Take tries; those that find no slot wait."""
        for request in tries:
            made = _Try(request, self._context, self.tell)
            self._tries[made.name] = made
            self._waiting.append(made)
        self._place()

    def cancel(self, tries: Sequence[Name], reason: str) -> None:
        """End tries; one that waits, or that is not known, is answered at once."""
        for name in tries:
            if name in self._running:
                self._tries[name].cancel(reason)
                continue
            if made := self._tries.pop(name, None):
                self._waiting.remove(made)
            self.tell(TryFinished(*name, self._context.now(), TryEnd(Outcome.CANCELLED, reason)))

    def reply(self, asked: TryAsked, reply: Reply) -> None:
        """Hand a try the answer to what it asked."""
        if made := self._tries.get((asked.key, asked.epoch)):
            made.reply(asked.number, reply)

    def events(self) -> list[ExecutorEvent]:
        """What happened since the last call, and a heartbeat for what is held."""
        with contextlib.suppress(BlockingIOError):  # nothing has happened
            os.read(self._reading, 1 << 16)
        with self._lock:
            found = list(self._events)
            self._events.clear()
        for each in found:
            if isinstance(each, TryFinished):
                self._running.discard((each.key, each.epoch))
                self._tries.pop((each.key, each.epoch), None)
        self._place()
        now = self._context.now()
        if self._tries and (now - self._beat_at).total_seconds() >= self._context.lease_s / 6:
            self._beat_at = now
            found.append(Heartbeat(self.name, tuple(self._tries), now))
        return found

    def stop(self, grace_s: float) -> None:
        """End what runs."""
        running = [self._tries[name] for name in self._running if name in self._tries]
        for made in running:
            made.cancel("the scheduler stops")
        ends = time.monotonic() + grace_s
        for made in running:
            made.thread.join(max(0.0, ends - time.monotonic()))

    def tell(self, event: ExecutorEvent) -> None:
        """Leave an event for `events`, and wake the scheduler; called from any thread."""
        with self._lock:
            self._events.append(event)
        with contextlib.suppress(BlockingIOError):  # it has not read the last ones, and is awake
            os.write(self._writing, b"x")

    def _place(self) -> None:
        while self._waiting and len(self._running) < self._slots:
            made = self._waiting.popleft()
            self._running.add(made.name)
            made.thread.start()


class _Try:
    """One try, the thread that waits for its process, and what that process asks and prints.

    Implements `penstock.spec.worker.WorkerHost`.
    """

    def __init__(self, request: TryRequest, context: ExecutorContext, tell: Callable[[ExecutorEvent], None]) -> None:
        self.name: Name = (request.key, request.epoch)
        self._request, self._context, self._tell = request, context, tell
        self._numbers, self._asked = itertools.count(1), dict[int, Future[Reply]]()
        self._refused: str | None = None
        self._log = Path(url2pathname(urlsplit(request.log).path))
        self._worker = Worker(request, self, context.folder / "snapshots")
        self.thread = threading.Thread(target=self._run, name=f"try {request.key} {request.epoch}", daemon=True)

    def cancel(self, reason: str) -> None:
        """End the process; what it has asked and was not answered, or asks until it has ended, is refused."""
        self._refused = reason
        for number in list(self._asked):
            self._refuse(number, reason)
        self._worker.cancel(reason)

    def started(self, pid: int) -> None:
        """The process exists."""
        self._tell(TryStarted(*self.name, pid, self._context.now()))

    def ask(self, ask: Ask) -> Reply:
        """Ask the scheduler, and wait for the reply."""
        number, answer = next(self._numbers), Future[Reply]()
        self._asked[number] = answer
        self._tell(TryAsked(*self.name, number, ask))
        if self._refused is not None:  # it was cancelled before it asked, perhaps just now
            self._refuse(number, self._refused)
        return answer.result()

    def reply(self, number: int, reply: Reply) -> None:
        """The answer to a question."""
        if answer := self._asked.pop(number, None):
            answer.set_result(reply)

    def _refuse(self, number: int, reason: str) -> None:
        self.reply(number, Reply(error=reason, error_type="RequestError"))

    def log(self, data: bytes) -> None:
        """Add to the try's log."""
        if data:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            with self._log.open("ab") as file:
                file.write(data)

    def snapshot(self, wanted: str) -> bytes:
        """The source snapshot of a content hash."""
        return self._context.snapshot(wanted).result()

    def _run(self) -> None:
        try:
            end = self._worker.run()
        except Exception as error:  # noqa: BLE001 - whatever happens, a try is answered
            end = TryEnd(Outcome.LOST, f"its worker failed: {error!r}")
        self._tell(TryFinished(*self.name, self._context.now(), end))
