"""The notifier's loop: waits for notices and for its parts, and has these go on."""

import select
from collections.abc import Callable, Sequence
from typing import Protocol

from penstock.errors import StoreUnavailableError
from penstock.processes.supervise import Backoff
from penstock.store import NOTICES, Store

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
"""Seconds between two attempts while the database cannot be had."""

POLL_S = 30.0
"""Seconds after which it looks for notices although nothing has woken it."""

STOP_S = 5.0
"""Seconds that foreign code at work may take to finish after it was asked to stop."""

_FINISH_STEP_S = 0.25


class Part(Protocol):
    """One of the notifier's tasks, with processes of its own.

    Each method may raise `penstock.errors.StoreError`; after a `penstock.errors.StoreUnavailableError` it is called again.
    """

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
        report: Takes what the user should know, a line each.
    """

    def __init__(
        self, store: Store, parts: Sequence[Part], monotonic: Callable[[], float], report: Callable[[str], None]
    ) -> None:
        self._store, self._parts, self._monotonic, self._report = store, parts, monotonic, report
        self._backoff, self._away = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S), False
        self._polled_at = monotonic()

    def run(self, stop: int) -> None:
        """Work until ``stop`` is readable.

        A database that cannot be had is waited for: what was sent meanwhile is known here alone, and would be sent again by another
        notifier.

        Raises:
            StoreError: The database failed for good. A new notifier on the same database goes on from what was stored.
        """
        try:
            while True:
                try:
                    self._listen(stop)
                except StoreUnavailableError as error:
                    self._wait_for_store(error, stop)
                else:
                    return
        finally:
            for part in self._parts:
                part.close()

    def _listen(self, stop: int) -> None:
        wakeup = self._store.wakeups.listen(NOTICES)
        try:
            self._wake()
            while True:
                self._step()
                self._store_is_back()
                ready = self._wait([stop, wakeup.fileno()])
                if stop in ready:
                    break
                if wakeup.fileno() in ready or wakeup.cut:
                    wakeup.drain()
                    self._wake()
            self._finish()
        finally:
            wakeup.close()

    def _wait_for_store(self, error: StoreUnavailableError, stop: int) -> None:
        """Wait a moment, longer from time to time; raises the error if the notifier is to stop."""
        if not self._away:
            self._report(f"{error} Nothing is told until it can be had.")
        self._away = True
        if select.select([stop], [], [], self._backoff.pause())[0]:
            raise error

    def _store_is_back(self) -> None:
        if self._away:
            self._report("the database can be had again.")
            self._away = False
            self._backoff.reset()

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
