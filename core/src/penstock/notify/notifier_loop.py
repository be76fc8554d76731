"""The notifier's loop: waits for notices and for its parts, and has these go on."""

import select
from collections.abc import Callable, Sequence
from typing import Protocol

from penstock.store import NOTICES, Store

POLL_S = 30.0
"""Seconds after which it looks for notices although nothing has woken it."""

STOP_S = 5.0
"""Seconds that foreign code at work may take to finish after it was asked to stop."""

_FINISH_STEP_S = 0.25


class Part(Protocol):
    """One of the notifier's tasks, with processes of its own; each method may raise `penstock.errors.StoreError`."""

    @property
    def readable(self) -> Sequence[int]:
        """Descriptors to wait on until they can be read."""

    @property
    def writable(self) -> Sequence[int]:
        """Descriptors to wait on until they can be written."""

    @property
    def due(self) -> float | None:
        """Monotonic instant at which `step` is due even if nothing arrives; None for never."""

    @property
    def busy(self) -> bool:
        """Whether foreign code is at work for it."""

    def woken(self) -> None:
        """Note that there may be new notices."""

    def step(self, *, more: bool = True) -> None:
        """Take in what has arrived, and go on; without ``more``, begin nothing."""

    def finish(self) -> None:
        """Store what is not stored yet."""

    def close(self) -> None:
        """End the processes."""


class NotifierLoop:
    """Tells the world what has changed, by its parts.

    Args:
        store: The open database.
        parts: What it does.
        monotonic: Tells seconds that never go back.
    """

    def __init__(self, store: Store, parts: Sequence[Part], monotonic: Callable[[], float]) -> None:
        self._store, self._parts, self._monotonic = store, parts, monotonic
        self._polled_at = monotonic()

    def run(self, stop: int) -> None:
        """Work until ``stop`` is readable.

        Raises:
            StoreError: The database failed. A new notifier on the same database goes on from what was stored.
        """
        wakeup = self._store.wakeups.listen(NOTICES)
        try:
            while True:
                self._step()
                ready = self._wait([stop, wakeup.fileno()])
                if stop in ready:
                    break
                if wakeup.fileno() in ready:
                    wakeup.drain()
                    self._wake()
            self._finish()
        finally:
            for part in self._parts:
                part.close()
            wakeup.close()

    def _wake(self) -> None:
        self._polled_at = self._monotonic()
        for part in self._parts:
            part.woken()

    def _step(self) -> None:
        if self._monotonic() >= self._polled_at + POLL_S:
            self._wake()
        for part in self._parts:
            part.step()

    def _wait(self, others: Sequence[int]) -> list[int]:
        """Wait until something happens or is due; returns the descriptors that can be read."""
        due = [self._polled_at + POLL_S, *(part.due for part in self._parts if part.due is not None)]
        reading = [*others, *(each for part in self._parts for each in part.readable)]
        writing = [each for part in self._parts for each in part.writable]
        ready, _, _ = select.select(reading, writing, [], max(0.0, min(due) - self._monotonic()))
        return ready

    def _finish(self) -> None:
        """Let foreign code that is at work finish, so that nothing is delivered twice."""
        until = self._monotonic() + STOP_S
        while any(part.busy for part in self._parts) and self._monotonic() < until:
            reading = [each for part in self._parts for each in part.readable]
            select.select(reading, [], [], _FINISH_STEP_S)
            for part in self._parts:
                part.step(more=False)
        for part in self._parts:
            part.finish()
