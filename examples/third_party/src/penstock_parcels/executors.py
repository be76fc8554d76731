"""Runs tries in threads."""

import os
import queue
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

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


class HeldTry:
    """A try that runs here, and its worker's way to the scheduler.

    Args:
        executor: Where it runs.
        request: The try.
    """

    def __init__(self, executor: "ThreadExecutor", request: TryRequest) -> None:
        self._executor, self._context, self._request = executor, executor.context, request
        self.replies: queue.SimpleQueue[Reply] = queue.SimpleQueue()
        self.worker = Worker(request, self, self._context.folder / "snapshots")
        self._log = Path(url2pathname(urlsplit(request.log).path))

    def run(self) -> None:
        """Run the try to its end."""
        end = self.worker.run()
        self._executor.tell(TryFinished(self._request.key, self._request.epoch, self._context.now(), end))

    def started(self, pid: int) -> None:
        """Tell that its process is there."""
        self._executor.tell(TryStarted(self._request.key, self._request.epoch, pid, self._context.now()))

    def ask(self, ask: Ask) -> Reply:
        """Ask the scheduler, and wait."""
        self._executor.tell(TryAsked(self._request.key, self._request.epoch, 0, ask))
        return self.replies.get()

    def log(self, data: bytes) -> None:
        """Write what it printed."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as file:
            file.write(data)

    def snapshot(self, wanted: str) -> bytes:
        """Fetch its code."""
        return self._context.snapshot(wanted).result()


class ThreadExecutor:
    """Runs each try by a worker in a thread of the scheduler.

    Args:
        context: What the scheduler makes it with.
    """

    def __init__(self, context: ExecutorContext) -> None:
        self.name, self.context = context.name, context
        self._slots = int(context.options.get("slots", 2))
        self._held: dict[tuple[TaskKey, int], HeldTry] = {}
        self._told: queue.SimpleQueue[ExecutorEvent] = queue.SimpleQueue()
        self._reading = self._writing = -1

    def start(self) -> None:
        """Open the pipe that wakes the scheduler."""
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)

    def recover(self, tries: Sequence[TryRequest]) -> list[TryStarted | TryRecovered | TryFinished]:
        """Nothing lives on: its workers end with the scheduler."""
        del tries
        return []

    def capacity(self) -> int:
        """Tries that run at once."""
        return self._slots

    def fileno(self) -> int:
        """Readable when something happened."""
        return self._reading

    def submit(self, tries: Sequence[TryRequest]) -> None:
        """Start a thread for each."""
        for request in tries:
            held = self._held[request.key, request.epoch] = HeldTry(self, request)
            threading.Thread(target=held.run, daemon=True).start()

    def cancel(self, tries: Sequence[tuple[TaskKey, int]], reason: str) -> None:
        """End tries."""
        for key, epoch in tries:
            if (key, epoch) in self._held:
                self._held[key, epoch].worker.cancel(reason)
            else:
                self.tell(TryFinished(key, epoch, self.context.now(), TryEnd(Outcome.CANCELLED, reason)))

    def reply(self, asked: TryAsked, reply: Reply) -> None:
        """Hand a try its answer."""
        held = self._held.get((asked.key, asked.epoch))
        if held is not None:
            held.replies.put(reply)

    def events(self) -> list[ExecutorEvent]:
        """What happened, and what is still held."""
        with suppress(BlockingIOError):
            os.read(self._reading, 1 << 16)
        told = [self._told.get() for _ in range(self._told.qsize())]
        for event in told:
            if isinstance(event, TryFinished):
                self._held.pop((event.key, event.epoch), None)
        return [*told, Heartbeat(self.name, tuple(self._held), self.context.now())]

    def stop(self, grace_s: float) -> None:
        """End all that run."""
        del grace_s
        for held in self._held.values():
            held.worker.cancel("the scheduler stops")

    def tell(self, event: ExecutorEvent) -> None:
        """Hand over an event, and wake the scheduler."""
        self._told.put(event)
        os.write(self._writing, b"x")
