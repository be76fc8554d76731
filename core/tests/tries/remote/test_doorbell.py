"""The doorbell carries every ticket that can be carried, whatever one of them does to its engine."""

import queue
import threading
from pathlib import Path

from penstock.clock import SystemClock
from penstock.spec.remote import RemoteContext, RemoteExecutor, Ticket
from penstock.testing import FakeClock
from penstock.tries.remote import doorbell
from penstock.tries.remote.doorbell import HANGS_S, Doorbell

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
    assert inner.done.wait(60)
    bell.stop(5)
    assert "t-4" not in inner.carried
    notes = {}
    while not messages.empty():
        message = messages.get()
        notes[message.name] = message.note
    assert "t-4 is odd" in notes.pop("t-4")
    assert set(notes.values()) == {""}
    again = "ring() has succeeded after it had failed"
    assert again in faults
    assert all("t-4 is odd" in each or each == again for each in faults)


class Hanging(RemoteExecutor):
    """Does not return from its first ring until it is let go."""

    def __init__(self, context):
        super().__init__(context)
        self.rings, self.let_go = threading.Semaphore(0), threading.Event()

    def ring(self, tickets):
        self.rings.release()
        self.let_go.wait(60)
        return ()


def test_a_call_that_does_not_return_is_told_with_its_instant_and_so_is_its_end():
    messages, faults, clock = queue.SimpleQueue(), [], FakeClock()
    bell = Doorbell("far", messages.put, faults.append, str, list, clock)
    inner = Hanging(RemoteContext("far", {}, "", "i", Path(), clock.now, bell.waiting, bell.gone))
    bell.start(inner)
    bell.ring([Ticket("t-1", "secret", "default", 1, 1, "d", "r", "t")])
    assert inner.rings.acquire(timeout=60)
    bell.ring([Ticket("t-2", "secret", "default", 1, 1, "d", "r", "t")])
    clock.advance(HANGS_S - 1)
    bell.watch()
    assert (faults, messages.empty()) == ([], True)
    clock.advance(2)
    bell.watch()
    bell.watch()
    assert faults == ["ring() has not returned since 2026-01-01 00:00:00 UTC: until it does, nothing is carried"]
    told = {(message := messages.get(timeout=60)).name: message.note for _ in range(2)}
    hangs = "executor 'far' hangs: its ring() has not returned since 2026-01-01 00:00:00 UTC"
    assert told == {"t-1": hangs, "t-2": hangs}
    assert messages.empty()
    inner.let_go.set()
    told = {(message := messages.get(timeout=60)).name: message.note for _ in range(2)}
    assert told == {"t-1": "", "t-2": ""}
    assert faults[1:] == ["ring() has returned after 31 s"]
    bell.stop(5)
