"""A provider's executor behind a fence: what its code raises costs its own tries, never the scheduler."""

import os
import selectors
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from penstock.errors import ConfigError
from penstock.model.attempt import TryEnd
from penstock.model.run import TaskKey
from penstock.model.state import Outcome
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

T = TypeVar("T")

_EVENTS = (TryStarted, TryRecovered, TryFinished, TryAsked, Heartbeat)


class FencedExecutor:
    """An executor that the scheduler can rely on, made of one that it cannot.

    A call that raises is told on the terminal, each sentence once. A try that could not be handed over is lost, and
    repeated as often as any lost one; what else its executor does not tell of ends with its lease.

    Args:
        inner: The provider's executor.
        name: Its name in the settings.
        now: Gives the present as aware UTC.
    """

    def __init__(self, inner: Executor, name: str, now: Callable[[], datetime]) -> None:
        self.name, self._inner, self._now = name, inner, now
        self._own: list[ExecutorEvent] = []
        self._told: set[str] = set()
        # Wakes the scheduler for what this fence itself has to tell; the executor's descriptor is the executor's.
        self._wake_r, self._wake_w = os.pipe()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_r, selectors.EVENT_READ)

    def start(self) -> None:
        """Start it; raises ConfigError if it raises anything, or tells no descriptor."""
        try:
            self._inner.start()
            self._selector.register(self._inner.fileno(), selectors.EVENT_READ)
        except Exception as error:
            raise ConfigError(f"executor {self.name!r} cannot be started: {_words(error)}") from error

    def recover(self, tries: Sequence[TryRequest]) -> list[TryStarted | TryRecovered | TryFinished]:
        """What it knows of open tries; those that it does not tell of are lost."""
        known = {(request.key, request.epoch) for request in tries}
        nothing: Sequence[object] = ()
        told = self._fenced("recover", lambda: list[object](self._inner.recover(tries)), nothing)
        return [
            event
            for event in told
            if isinstance(event, TryStarted | TryRecovered | TryFinished) and (event.key, event.epoch) in known
        ]

    def capacity(self) -> int:
        """Number of tries it wants to hold at once; 0 if it cannot say."""
        return self._fenced("capacity", lambda: max(0, int(self._inner.capacity())), 0)

    def fileno(self) -> int:
        """A descriptor that is readable whenever `events` has something to tell."""
        return self._selector.fileno()

    def submit(self, tries: Sequence[TryRequest]) -> None:
        """Hand it tries; if it raises, all of them are lost."""

        def submit() -> bool:
            self._inner.submit(tries)
            return True

        if self._fenced("submit", submit, otherwise=False):
            return
        for request in tries:
            reason = f"executor {self.name!r} could not take it: see the scheduler's terminal"
            self._own.append(TryFinished(request.key, request.epoch, self._now(), TryEnd(Outcome.LOST, reason)))
        os.write(self._wake_w, b"x")

    def cancel(self, tries: Sequence[tuple[TaskKey, int]], reason: str) -> None:
        """Have it end tries."""
        self._fenced("cancel", lambda: self._inner.cancel(tries, reason), None)

    def reply(self, asked: TryAsked, reply: Reply) -> None:
        """Hand it the answer to a question."""
        self._fenced("reply", lambda: self._inner.reply(asked, reply), None)

    def events(self) -> list[ExecutorEvent]:
        """What it tells; anything that is no event is left out, and told on the terminal."""
        events: list[ExecutorEvent] = []
        nothing: Sequence[object] = ()
        for event in self._fenced("events", lambda: list[object](self._inner.events()), nothing):
            if isinstance(event, _EVENTS):
                events.append(event)
            else:
                self._tell(f"events() gave {event!r:.200}, which is no event of an executor")
        if self._own:
            os.read(self._wake_r, 1 << 12)
            events += self._own
            self._own = []
        return events

    def stop(self, grace_s: float) -> None:
        """Have it let go."""
        self._fenced("stop", lambda: self._inner.stop(grace_s), None)
        self._selector.close()
        os.close(self._wake_r)
        os.close(self._wake_w)

    def _fenced(self, method: str, call: Callable[[], T], otherwise: T) -> T:
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - a provider's code, in the process of everybody's scheduler
            self._tell(f"{method}() raised {_words(error)}")
            return otherwise

    def _tell(self, fault: str) -> None:
        if fault not in self._told and len(self._told) < 100:
            self._told.add(fault)
            print(f"executor {self.name!r}: {fault}. Report it to the provider's author.", file=sys.stderr, flush=True)  # noqa: T201 - the scheduler's terminal


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
