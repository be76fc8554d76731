"""Delivers changes of states to the listeners of providers, and stores how far each has come."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from penstock.notify.delivery import Delivery, Ports
from penstock.store import Store

BATCH = 100
"""Notices that are read for one provider at a time."""

STORE_S = 0.25
"""Seconds between two stores of progress: what was delivered since the last is delivered again after a kill."""


class Listeners:
    """Delivers state changes to the listeners of providers, each at its own pace; a part of the notifier.

    Args:
        store: The open database.
        commands: By provider id, what starts its process.
        log: File that receives what these processes print.
        ports: What deliveries need from outside.
    """

    def __init__(self, store: Store, commands: Mapping[str, Sequence[str]], log: Path, ports: Ports) -> None:
        self._store, self._ports = store, ports
        rows = [row for row in store.outbox.listeners() if row.provider in commands]
        self._deliveries = {row.provider: Delivery(row, commands[row.provider], log, ports) for row in rows}
        self._missed = dict.fromkeys(self._deliveries, 0)
        self._stale = dict.fromkeys(self._deliveries, True)
        self._stored_at = ports.monotonic()
        self._store_progress(list(self._deliveries.values()))

    @property
    def readable(self) -> Sequence[int]:
        """Descriptors to wait on until they can be read."""
        return [each for delivery in self._deliveries.values() for each in delivery.readable]

    @property
    def writable(self) -> Sequence[int]:
        """Descriptors to wait on until they can be written."""
        return [each for delivery in self._deliveries.values() for each in delivery.writable]

    @property
    def due(self) -> float | None:
        """Monotonic instant at which `step` is due even if nothing arrives; None for never."""
        due = [delivery.due for delivery in self._deliveries.values() if delivery.due is not None]
        if self._changed:
            due.append(self._stored_at + STORE_S)
        if any(delivery.idle and self._stale[provider] for provider, delivery in self._deliveries.items()):
            due.append(0.0)
        return min(due, default=None)

    @property
    def busy(self) -> bool:
        """Whether an impl is at work on a notice."""
        return any(delivery.busy for delivery in self._deliveries.values())

    def woken(self) -> None:
        """Note that there may be new notices."""
        self._stale = dict.fromkeys(self._deliveries, True)

    def step(self, *, more: bool = True) -> None:
        """Take in what has arrived, and go on; without ``more``, no further notice is delivered. Raises StoreError."""
        for provider, delivery in self._deliveries.items():
            if more and delivery.idle and self._stale[provider]:
                found = self._store.outbox.notices(delivery.last_enqueued, BATCH)
                self._stale[provider] = len(found) == BATCH
                delivery.enqueue(found)
            delivery.step(more=more)
        if self._ports.monotonic() >= self._stored_at + STORE_S:
            self._store_progress(self._changed)

    def finish(self) -> None:
        """Store how far each has come; raises StoreError."""
        self._store_progress(self._changed)

    def close(self) -> None:
        """End the processes."""
        for delivery in self._deliveries.values():
            delivery.close()

    @property
    def _changed(self) -> list[Delivery]:
        return [delivery for delivery in self._deliveries.values() if delivery.changed]

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
