"""The notifier's loop: waits for notices, has couriers tell them, and notes in the store how far they have come."""

import select
from collections.abc import Mapping, Sequence
from pathlib import Path

from penstock.notify.courier import Courier, World
from penstock.store import NOTICES, Store

BATCH = 100
"""Notices that are read for one provider at a time."""

NOTE_S = 0.25
"""Seconds between two notes of progress: what was heard since the last is told again after a kill."""

LOOK_S = 30.0
"""Seconds after which it looks for notices although nothing has woken it."""

STOP_S = 5.0
"""Seconds that impls at work may take to finish when it is told to stop."""


class Notifier:
    """Tells providers what has changed, each at its own pace.

    Args:
        store: The open database.
        commands: By provider id, what starts its process.
        log: File that receives what these processes print.
        world: What couriers see of the world.
    """

    def __init__(self, store: Store, commands: Mapping[str, Sequence[str]], log: Path, world: World) -> None:
        self._store, self._world = store, world
        rows = store.outbox.register(sorted(commands))
        self._couriers = {row.provider: Courier(row, commands[row.provider], log, world) for row in rows}
        self._missed = dict.fromkeys(self._couriers, 0)
        self._stale = dict.fromkeys(self._couriers, True)
        self._noted = self._looked = world.monotonic()

    def run(self, stop: int) -> None:
        """Work until ``stop`` is readable.

        Raises:
            StoreError: The database failed. A new notifier on the same database goes on from what was noted.
        """
        wakeup = self._store.wakeups.listen(NOTICES)
        try:
            self._note(list(self._couriers.values()))
            while True:
                self._work()
                ready = self._wait([stop, wakeup.fileno()])
                if stop in ready:
                    break
                if wakeup.fileno() in ready:
                    wakeup.drain()
                    self._stale = dict.fromkeys(self._couriers, True)
            self._finish()
        finally:
            for courier in self._couriers.values():
                courier.close()
            wakeup.close()

    def _work(self, *, more: bool = True) -> None:
        now = self._world.monotonic()
        if now >= self._looked + LOOK_S:
            self._looked, self._stale = now, dict.fromkeys(self._couriers, True)
        for provider, courier in self._couriers.items():
            if more and courier.hungry and self._stale[provider]:
                found = self._store.outbox.notices(courier.read, BATCH)
                self._stale[provider] = len(found) == BATCH
                courier.give(found)
            courier.work(more=more)
        if now >= self._noted + NOTE_S:
            self._note([courier for courier in self._couriers.values() if courier.changed])

    def _wait(self, others: Sequence[int]) -> list[int]:
        """Wait until something happens or is due; returns the descriptors that can be read."""
        couriers = self._couriers.values()
        due = [self._looked + LOOK_S, *(courier.due for courier in couriers if courier.due is not None)]
        if any(courier.changed for courier in couriers):
            due.append(self._noted + NOTE_S)
        if any(courier.hungry and self._stale[provider] for provider, courier in self._couriers.items()):
            due.append(0.0)
        reading = [*others, *(each for courier in couriers for each in courier.readable)]
        writing = [each for courier in couriers for each in courier.writable]
        ready, _, _ = select.select(reading, writing, [], max(0.0, min(due) - self._world.monotonic()))
        return ready

    def _finish(self) -> None:
        """Let impls that are at work finish, so that what they heard is not told again."""
        until = self._world.monotonic() + STOP_S
        while any(courier.telling for courier in self._couriers.values()) and self._world.monotonic() < until:
            reading = [each for courier in self._couriers.values() for each in courier.readable]
            select.select(reading, [], [], NOTE_S)
            self._work(more=False)
        self._note([courier for courier in self._couriers.values() if courier.changed])

    def _note(self, couriers: Sequence[Courier]) -> None:
        self._noted = self._world.monotonic()
        if not couriers:
            return
        missed = self._store.outbox.acknowledge([courier.row for courier in couriers])
        for courier in couriers:
            courier.noted()
        for provider in self._missed.keys() & missed.keys():
            if missed[provider] > self._missed[provider]:
                self._world.tell(f"the provider {provider!r} has missed {missed[provider]} state changes so far")
            self._missed[provider] = missed[provider]
