"""The notifier's loop: waits for notices, has them delivered, and stores how far each listener has come."""

import select
from collections.abc import Mapping, Sequence
from pathlib import Path

from penstock.notify.delivery import Delivery, Ports
from penstock.store import NOTICES, Store

BATCH = 100
"""Notices that are read for one provider at a time."""

STORE_S = 0.25
"""Seconds between two stores of progress: what was delivered since the last is delivered again after a kill."""

POLL_S = 30.0
"""Seconds after which it looks for notices although nothing has woken it."""

STOP_S = 5.0
"""Seconds that impls at work may take to finish after it was asked to stop."""


class Notifier:
    """Delivers state changes to the listeners of providers, each at its own pace.

    Args:
        store: The open database.
        commands: By provider id, what starts its process.
        log: File that receives what these processes print.
        ports: What deliveries need from outside.
    """

    def __init__(self, store: Store, commands: Mapping[str, Sequence[str]], log: Path, ports: Ports) -> None:
        self._store, self._ports = store, ports
        rows = store.outbox.register(sorted(commands))
        self._deliveries = {row.provider: Delivery(row, commands[row.provider], log, ports) for row in rows}
        self._missed = dict.fromkeys(self._deliveries, 0)
        self._stale = dict.fromkeys(self._deliveries, True)
        self._stored_at = self._polled_at = ports.monotonic()

    def run(self, stop: int) -> None:
        """Work until ``stop`` is readable.

        Raises:
            StoreError: The database failed. A new notifier on the same database goes on from what was stored.
        """
        wakeup = self._store.wakeups.listen(NOTICES)
        try:
            self._store_progress(list(self._deliveries.values()))
            while True:
                self._step()
                ready = self._wait([stop, wakeup.fileno()])
                if stop in ready:
                    break
                if wakeup.fileno() in ready:
                    wakeup.drain()
                    self._stale = dict.fromkeys(self._deliveries, True)
            self._finish()
        finally:
            for delivery in self._deliveries.values():
                delivery.close()
            wakeup.close()

    def _step(self, *, more: bool = True) -> None:
        now = self._ports.monotonic()
        if now >= self._polled_at + POLL_S:
            self._polled_at, self._stale = now, dict.fromkeys(self._deliveries, True)
        for provider, delivery in self._deliveries.items():
            if more and delivery.idle and self._stale[provider]:
                found = self._store.outbox.notices(delivery.last_enqueued, BATCH)
                self._stale[provider] = len(found) == BATCH
                delivery.enqueue(found)
            delivery.step(more=more)
        if now >= self._stored_at + STORE_S:
            self._store_progress([delivery for delivery in self._deliveries.values() if delivery.changed])

    def _wait(self, others: Sequence[int]) -> list[int]:
        """Wait until something happens or is due; returns the descriptors that can be read."""
        deliveries = self._deliveries.values()
        due = [self._polled_at + POLL_S, *(delivery.due for delivery in deliveries if delivery.due is not None)]
        if any(delivery.changed for delivery in deliveries):
            due.append(self._stored_at + STORE_S)
        if any(delivery.idle and self._stale[provider] for provider, delivery in self._deliveries.items()):
            due.append(0.0)
        reading = [*others, *(each for delivery in deliveries for each in delivery.readable)]
        writing = [each for delivery in deliveries for each in delivery.writable]
        ready, _, _ = select.select(reading, writing, [], max(0.0, min(due) - self._ports.monotonic()))
        return ready

    def _finish(self) -> None:
        """Let impls that are at work finish, so that nothing is delivered twice."""
        until = self._ports.monotonic() + STOP_S
        while any(delivery.busy for delivery in self._deliveries.values()) and self._ports.monotonic() < until:
            reading = [each for delivery in self._deliveries.values() for each in delivery.readable]
            select.select(reading, [], [], STORE_S)
            self._step(more=False)
        self._store_progress([delivery for delivery in self._deliveries.values() if delivery.changed])

    def _store_progress(self, deliveries: Sequence[Delivery]) -> None:
        self._stored_at = self._ports.monotonic()
        if not deliveries:
            return
        missed = self._store.outbox.acknowledge([delivery.row for delivery in deliveries])
        for delivery in deliveries:
            delivery.stored()
        for provider in self._missed.keys() & missed.keys():
            if missed[provider] > self._missed[provider]:
                self._ports.log(f"the provider {provider!r} has missed {missed[provider]} state changes so far")
            self._missed[provider] = missed[provider]
