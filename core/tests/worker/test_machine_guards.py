"""The machine of a worker is kept before its first try runs, as long as it has one, and no try fails by what keeps it."""

import threading

import pytest

from penstock.clock import SystemClock
from penstock.errors import ErrorKind, ProviderError
from penstock.model.attempt import TryEnd
from penstock.model.state import Outcome
from penstock.worker import machine_guards
from penstock.worker.machine_guards import MachineGuards

from .conftest import until

NEVER_S = 1000.0


class Guard:
    """Whoever runs the machine: notes what is asked, and answers as a test wants.

    Attributes:
        calls: What was asked.
        fault: Called at each; what it raises, the guard raises.
    """

    def __init__(self, lasts_s=0.0):
        self.calls, self.lasts_s, self.fault = [], lasts_s, lambda: None

    def busy(self):
        self.fault()
        self.calls.append("busy")

    def idle(self):
        self.fault()
        self.calls.append("idle")


class Machine:
    """A worker's machine with a guard."""

    def __init__(self, guard, linger_s):
        self.guard, self.tries, self.said = guard, 0, []
        self.guards = MachineGuards(
            [("ours", guard)], lambda: self.tries > 0, self.said.append, SystemClock(), linger_s
        )
        self.guards.start()

    def begin(self):
        self.tries += 1
        self.guards.wake()

    def end(self):
        self.tries -= 1
        self.guards.wake()


@pytest.fixture
def machine():
    made = []

    def make(guard, linger_s=NEVER_S):
        made.append(Machine(guard, linger_s))
        return made[-1]

    yield make
    for each in made:
        each.guards.stop()


def refused(kind=ErrorKind.PERMISSION):
    raise ProviderError("no", service="ours", operation="keep", kind=kind)


def test_what_a_worker_before_has_left_is_taken_back_at_the_start(machine):
    found = machine(Guard())
    until(lambda: found.guard.calls == ["idle"], "it is let go")


def test_the_machine_is_kept_before_a_try_runs_and_let_go_when_none_has_run_for_a_while(machine):
    found = machine(Guard(), linger_s=0.05)
    until(lambda: found.guard.calls == ["idle"], "it is let go")
    found.begin()
    found.guards.wait()
    assert found.guard.calls == ["idle", "busy"]
    found.end()
    until(lambda: found.guard.calls == ["idle", "busy", "idle"], "it is let go again")


def test_pauses_between_tries_ask_for_nothing(machine):
    found = machine(Guard())
    until(lambda: found.guard.calls == ["idle"], "it is let go")
    for _ in range(20):
        found.begin()
        found.guards.wait()
        found.end()
    assert found.guard.calls == ["idle", "busy"]
    found.guards.stop()
    assert found.guard.calls == ["idle", "busy", "idle"], "a worker that leaves takes it back"


def test_what_lasts_for_a_while_is_asked_for_again_before_it_is_over(machine):
    found = machine(Guard(lasts_s=0.1))
    found.begin()
    until(lambda: found.guard.calls.count("busy") >= 3, "it is renewed")


def test_a_guard_that_hangs_holds_the_first_try_up_for_a_moment_and_no_other(machine, monkeypatch):
    monkeypatch.setattr(machine_guards, "PATIENCE_S", 0.2)
    hangs, guard = threading.Event(), Guard()
    guard.fault = hangs.wait
    found = machine(guard)
    found.begin()
    clock = SystemClock()
    began_s = clock.read().monotonic_s
    for _ in range(50):
        found.guards.wait()
    assert clock.read().monotonic_s - began_s < 5
    assert guard.calls == []
    hangs.set()
    until(lambda: "busy" in guard.calls, "it is kept in the end")


def test_a_guard_that_fails_is_told_and_asked_again_and_holds_no_try_up(machine, monkeypatch):
    monkeypatch.setattr(machine_guards, "FIRST_PAUSE_S", 0.05)
    guard = Guard()
    guard.fault = refused
    found = machine(guard)
    found.begin()
    found.guards.wait()
    assert "ours: this machine cannot be kept: ours keep: no; it is asked again later" in " ".join(found.said)
    guard.fault = lambda: None
    until(lambda: "busy" in guard.calls, "it is kept")


def test_what_can_never_be_kept_is_not_asked_again(machine):
    guard = Guard()
    guard.fault = lambda: refused(ErrorKind.INVALID)
    found = machine(guard)
    until(lambda: found.said, "it is told")
    assert "it is not asked again" in found.said[0]
    found.begin()
    found.guards.wait()
    assert len(found.said) == 1


def test_a_guard_that_raises_what_nobody_knows_ends_nothing(machine, monkeypatch):
    monkeypatch.setattr(machine_guards, "FIRST_PAUSE_S", 0.01)
    guard, left = Guard(), [True, True, True]
    guard.fault = lambda: 1 / 0 if left and left.pop() else None
    found = machine(guard)
    found.begin()
    until(lambda: "busy" in guard.calls, "it is kept")


def test_a_try_of_a_worker_waits_until_its_machine_is_kept(site, pool):
    kept, guard = threading.Event(), Guard()
    guard.fault = kept.wait
    worker, ticket = pool(guards=(("ours", guard),)), site.offer()
    worker.bring(ticket.secret)
    until(lambda: worker.told == [True], "it is claimed")
    assert worker.tries.submitted == {}
    kept.set()
    worker.runs()
    assert "busy" in guard.calls


def test_a_try_that_is_cancelled_while_it_is_prepared_never_begins(site, pool):
    kept, guard = threading.Event(), Guard()
    guard.fault = kept.wait
    worker, ticket = pool(guards=(("ours", guard),)), site.offer()
    worker.bring(ticket.secret)
    until(lambda: worker.told == [True], "it is claimed")
    site.store.remote_tries.cancel([ticket.name], "you said so", "scheduler")
    until(lambda: any(each.cancel_reason for each in worker.worker.tries.all()), "its worker is told")
    kept.set()
    assert until(lambda: site.ends().get(ticket.name), "it ends") == TryEnd(Outcome.CANCELLED, "you said so")
    assert worker.tries.submitted == {}
