"""A provider's executor behind a fence: what its code does costs its own tries, never the scheduler."""

import contextlib
import selectors
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from penstock.decoders import msgpack_decoder
from penstock.errors import as_sentence
from penstock.model.attempt import TryEnd
from penstock.model.names import error_sentence
from penstock.model.run import UNMAPPED, TaskKey
from penstock.model.state import Outcome
from penstock.model.text import shortened, visible
from penstock.scheduler.executor_thread import ExecutorThread
from penstock.spec.executor import (
    Executor,
    ExecutorEvent,
    Heartbeat,
    TryAsked,
    TryFinished,
    TryRecovered,
    TryRequest,
    TryStarted,
)
from penstock.spec.wire import Reply
from penstock.terminal import write_line

T = TypeVar("T")

PATIENCE_S = 1.0
"""Seconds that the scheduler waits for a call; a call that takes longer goes on, and the scheduler does, too."""

START_PATIENCE_S = 30.0
"""Seconds for `start` and for `recover`, before which nothing of the executor runs."""

_EVENTS = (TryStarted, TryRecovered, TryFinished, TryAsked, Heartbeat)
_LARGEST_INT, _LARGEST_RUN = 2**31 - 1, 2**63 - 1
_LONGEST_FAULT, _LONGEST_NAME = 500, 250

_encode = msgspec.msgpack.Encoder().encode
_decode = msgpack_decoder(ExecutorEvent).decode


class FencedExecutor:
    """An executor that the scheduler can rely on, made of one that it cannot.

    Its calls run in a thread of their own. A call that raises or hangs is told on the terminal, each sentence once; while
    one hangs, the executor is given no try, and nobody else waits. A try that could not be handed over is lost, and
    repeated as often as any lost one; what else the executor does not tell of ends with its lease. Events are read as if
    they came over a wire: plain values, each of its type and within its bounds.

    Args:
        inner: The provider's executor.
        name: Its name in the settings.
        now: Gives the present as aware UTC.
        patience_s: Seconds that the scheduler waits for a call.
        keep: Takes each fault, for `penstock doctor`.
        keep_capacity: Takes its capacity whenever that has changed, for `penstock executors`.
        hide: Takes the secrets of its options out of a text.
    """

    def __init__(
        self,
        inner: Executor,
        name: str,
        now: Callable[[], datetime],
        *,
        patience_s: float = PATIENCE_S,
        keep: Callable[[str], None] = lambda _: None,
        keep_capacity: Callable[[int], None] = lambda _: None,
        hide: Callable[[str], str] = str,
    ) -> None:
        self.name, self._inner, self._now, self._patience_s, self._keep = name, inner, now, patience_s, keep
        self._keep_capacity, self._capacity = keep_capacity, -1
        self._thread, self._hide = ExecutorThread(name), hide
        self._own: list[ExecutorEvent] = []
        self._reported: set[str] = set()
        self._overdue: Future[list[object]] | None = None
        self._watched: int | None = None
        self._broken = False
        # Wakes the scheduler for what this fence itself has to tell; the executor's descriptor is the executor's.
        self._wake_r, self._wake_w = socket.socketpair()
        self._wake_r.setblocking(False)
        self._wake_w.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_r, selectors.EVENT_READ)

    def start(self) -> None:
        """Start it; one that raises anything, hangs, or tells no descriptor is told on the terminal and given no try."""
        future = self._thread.call(self._started)
        try:
            problem = future.result(START_PATIENCE_S)
        except TimeoutError:
            problem = f"start() has not returned for {START_PATIENCE_S:g} s"
        if problem:
            # A provider that is broken keeps its own queues waiting, and nobody else.
            self._broken, self._watched = True, None
            self._report(f"it cannot be started: {as_sentence(problem)} Tries of its queues wait")
        else:
            self._watch()

    def recover(self, tries: Sequence[TryRequest]) -> list[TryStarted | TryRecovered | TryFinished]:
        """What it knows of open tries; those that it does not tell of are lost."""
        known = {(request.key, request.epoch) for request in tries}
        nothing: list[object] = []
        events = self._ask("recover", lambda: list(self._inner.recover(tries)), nothing, patience_s=START_PATIENCE_S)
        if not self._thread.idle:
            self._post("cancel", lambda: self._inner.cancel(list(known), "recover() took too long, so it was lost"))
        return [
            event
            for event in self._checked("recover", events)
            if isinstance(event, TryStarted | TryRecovered | TryFinished) and (event.key, event.epoch) in known
        ]

    def capacity(self) -> int:
        """Number of tries it wants to hold at once; 0 if it cannot say."""
        found = self._ask("capacity", lambda: min(_LARGEST_INT, max(0, int(self._inner.capacity()))), 0)
        if found != self._capacity:
            self._capacity = found
            self._keep_capacity(found)
        return found

    def fileno(self) -> int:
        """A descriptor that is readable whenever `events` has something to tell."""
        return self._selector.fileno()

    def submit(self, tries: Sequence[TryRequest]) -> None:
        """Hand it tries; if it raises, or hangs in an earlier call, all of them are lost."""

        def submit() -> bool:
            self._inner.submit(tries)
            return True

        # One that takes long over them may have them: until their leases are over, nobody else may be given them.
        if self._ask("submit", submit, otherwise=False, overdue=True):
            return
        for request in tries:
            reason = f"executor {self.name!r} could not take it: see the scheduler's terminal"
            self._own.append(TryFinished(request.key, request.epoch, self._now(), TryEnd(Outcome.LOST, reason)))
        self._wake()

    def cancel(self, tries: Sequence[tuple[TaskKey, int]], reason: str) -> None:
        """Have it end tries, once it has returned from an earlier call."""
        self._post("cancel", lambda: self._inner.cancel(tries, reason))

    def reply(self, asked: TryAsked, reply: Reply) -> None:
        """Hand it the answer to a question, once it has returned from an earlier call."""
        self._post("reply", lambda: self._inner.reply(asked, reply))

    def events(self) -> list[ExecutorEvent]:
        """What it tells; anything that is no event is left out, and told on the terminal."""
        with contextlib.suppress(BlockingIOError):
            self._wake_r.recv(1 << 12)
        events: list[object] = []
        if self._overdue is not None and self._overdue.done():
            # What it told when it returned at last is as good as if it had come in time.
            events, self._overdue = self._overdue.result(), None
        if self._thread.idle:
            self._watch()
            nothing: list[object] = []
            events += self._ask("events", lambda: list(self._inner.events()), nothing)
        own, self._own = self._own, []
        return [*own, *self._checked("events", events)]

    def stop(self, grace_s: float) -> None:
        """Have it let go."""
        self._post("stop", lambda: self._inner.stop(grace_s), patience_s=grace_s + self._patience_s)
        self._thread.end()
        self._selector.close()
        self._wake_r.close()
        self._wake_w.close()

    def _started(self) -> str:
        """Start it in its thread; what is wrong with it, "" for nothing."""
        try:
            self._inner.start()
            self._watched = int(self._inner.fileno())
            with selectors.DefaultSelector() as trial:
                trial.register(self._watched, selectors.EVENT_READ)
        except BaseException as error:  # noqa: BLE001 - a provider's code, in the process of everybody's scheduler
            return _words(error)
        return ""

    def _ask(
        self, method: str, call: Callable[[], T], otherwise: T, *, overdue: T | None = None, patience_s: float = 0.0
    ) -> T:
        """What a call gives; ``otherwise`` if it raises or an earlier one hangs, ``overdue`` if it hangs itself."""
        if self._broken or not self._thread.idle:
            return otherwise
        future = self._thread.call(lambda: self._guarded(method, call, otherwise))
        try:
            return future.result(patience_s or self._patience_s)
        except TimeoutError:
            self._hangs(method, future)
            return otherwise if overdue is None else overdue

    def _post(self, method: str, call: Callable[[], None], *, patience_s: float = 0.0) -> None:
        """Have a call made, now or once an earlier one has returned."""
        if self._broken:
            return
        idle = self._thread.idle
        future = self._thread.call(lambda: self._guarded(method, call, None))
        if idle:
            try:
                future.result(patience_s or self._patience_s)
            except TimeoutError:
                self._hangs(method, future)

    def _guarded(self, method: str, call: Callable[[], T], otherwise: T) -> T:
        try:
            return call()
        except BaseException as error:  # noqa: BLE001 - a provider's code, in the process of everybody's scheduler
            self._report(f"{method}() raised {_words(error)}")
            return otherwise

    def _hangs(self, method: str, future: Future[T]) -> None:
        """Go on without a call, and without its executor's descriptor: it may be readable all the while."""
        self._report(
            f"{method}() has not returned in {self._patience_s:g} s; until it does, the executor is given no try"
        )
        if method == "events":
            self._overdue = future  # type: ignore[assignment]  # what events() gives is a list
        if self._watched is not None and self._watched in self._selector.get_map():
            self._selector.unregister(self._watched)
        future.add_done_callback(lambda _: self._wake())

    def _watch(self) -> None:
        """Watch its descriptor, unless that is being done."""
        if self._watched is not None and self._watched not in self._selector.get_map():
            try:
                self._selector.register(self._watched, selectors.EVENT_READ)
            except (OSError, ValueError) as error:
                self._report(f"its descriptor cannot be watched any more: {_words(error)}")

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # it is awake, or it has stopped
            self._wake_w.send(b"x")

    def _checked(self, method: str, events: Iterable[object]) -> Iterator[ExecutorEvent]:
        """Yield what is an event, as a plain value; whatever else there is, is told on the terminal."""
        now = self._now()
        for each in events:
            if not isinstance(each, _EVENTS):
                self._report(f"{method}() gave {_shown(each)}, which is no event of an executor")
                continue
            try:
                event = _decode(_encode(each))
            except Exception as error:  # noqa: BLE001 - a provider's value may hold anything
                self._report(f"{method}() gave a {type(each).__name__} that cannot be read: {_words(error)}")
                continue
            if problem := _problem(event):
                self._report(f"{method}() gave a {type(event).__name__} {problem}")
                continue
            yield _bounded(event, now)

    def _report(self, fault: str) -> None:
        fault = self._hide(fault)
        if fault not in self._reported and len(self._reported) < 100:
            self._reported.add(fault)
            self._keep(fault)
            message = f"executor {self.name!r}: {as_sentence(fault)} Report it to the provider's author."
            write_line(message)


def _problem(event: ExecutorEvent) -> str:
    """Say what is wrong with the names of an event, which no database could look up; "" for nothing."""
    for key, epoch in event.tries if isinstance(event, Heartbeat) else ((event.key, event.epoch),):
        within = 0 <= key.run <= _LARGEST_RUN and UNMAPPED <= key.map_index <= _LARGEST_INT
        if not within or not 0 <= epoch <= _LARGEST_INT or "\0" in key.task_id:
            return f"of the try {key!r:.200}, epoch {epoch}, which cannot exist"
    return ""


def _bounded(event: ExecutorEvent, now: datetime) -> ExecutorEvent:
    """The event with an instant that has been, and a process id and a worker's name that can be."""
    if isinstance(event, TryStarted):
        pid = event.pid if 0 <= event.pid <= _LARGEST_INT else 0
        event = replace(event, pid=pid, worker=visible(event.worker[:_LONGEST_NAME]))
    if isinstance(event, TryStarted | TryFinished | Heartbeat) and (event.at.tzinfo is None or event.at > now):
        event = replace(event, at=now)
    return event


def _words(error: BaseException) -> str:
    return shortened(visible(error_sentence(error)), _LONGEST_FAULT)


def _shown(value: object) -> str:
    try:
        return shortened(visible(repr(value)), _LONGEST_FAULT)
    except Exception:  # noqa: BLE001 - its own text may raise
        return f"a {type(value).__name__}"
