"""The doorbell carries every ticket that can be carried, whatever one of them does to its engine."""

import queue
import threading
from pathlib import Path

from penstock.clock import SystemClock
from penstock.spec.remote import RemoteContext, RemoteExecutor, Ticket
from penstock.tries.remote import doorbell
from penstock.tries.remote.doorbell import Doorbell

NAMES = [f"t-{number}" for number in range(9)]


class Fragile(RemoteExecutor):
    """Carries none of the tickets among which is the odd one."""

    def __init__(self, context):
        super().__init__(context)
        self.carried, self.done = set(), threading.Event()

    def ring(self, tickets):
        names = {each.name for each in tickets}
        if "t-4" in names:
            raise ValueError("t-4 is odd")
        self.carried |= names
        if self.carried >= set(NAMES) - {"t-4"}:
            self.done.set()
        return ()


def test_a_ticket_that_its_engine_cannot_bear_holds_up_no_other(monkeypatch):
    monkeypatch.setattr(doorbell, "PAUSES_S", (0.01,))
    messages, faults = queue.SimpleQueue(), []
    bell = Doorbell("far", messages.put, faults.append, str, list, SystemClock())
    context = RemoteContext("far", {}, "", "i", Path(), SystemClock().now, bell.waiting, bell.gone)
    inner = Fragile(context)
    bell.start(inner)
    bell.ring([Ticket(name, "secret", "default", 1, 1, "d", "r", "t") for name in NAMES])
    assert inner.done.wait(20)
    bell.stop(5)
    assert "t-4" not in inner.carried
    notes = {}
    while not messages.empty():
        message = messages.get()
        notes[message.name] = message.note
    assert "t-4 is odd" in notes.pop("t-4")
    assert set(notes.values()) == {""}
    assert all("t-4 is odd" in each for each in faults)
