"""The doorbell: a provider's remote executor in a thread of its own, which the scheduler never waits for."""

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from penstock.clock import Clock
from penstock.model.names import error_sentence
from penstock.model.text import shortened, visible
from penstock.spec.remote import RemoteExecutor, Ticket

LOOK_S = 20.0
"""Seconds between two comparisons of the open tickets with what the engine has."""
PAUSES_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before each further attempt to ring where one has failed; the last one again and again."""
HANGS_S = 30.0
"""Seconds after which a call that has not returned is told."""
RAISED = "() raised "
"""What stands between the method of an executor that fails and the reason."""
WORKS = "() has succeeded after it had failed"
"""What stands behind one that has raised before and did not now."""
HANGS = "() has not returned since "
"""What stands between one that hangs and the instant, with what comes of it."""
RETURNED = "() has returned after "
"""What stands between one that has hung and how long."""
_MOST_AT_ONCE = 500
_LONGEST = 500


class TicketMessage(NamedTuple):
    """What is to be known of a ticket.

    Attributes:
        name: Of the ticket.
        note: What it waits for; None to leave that as it is.
        gone: Why it runs no more; "" if it does.
        retryable: Whether its try is to be repeated.
        failed: Whether its try failed by its own doing, and is not only lost.
    """

    name: str
    note: str | None = None
    gone: str = ""
    retryable: bool = True
    failed: bool = False


class ExecutorReports(NamedTuple):
    """Where it goes what an executor tells beside its tries.

    Attributes:
        fault: Takes a fault of it as a sentence.
        keep_capacity: Takes its capacity whenever that has changed.
        hide: Takes the secrets of its options out of a text.
    """

    fault: Callable[[str], None]
    keep_capacity: Callable[[int], None]
    hide: Callable[[str], str]


@dataclass
class _Call:
    method: str
    began_s: float
    since: str
    reported: bool = False


class Doorbell:
    """Rings for tickets, again after a pause where that fails, and hands on what the executor tells.

    Args:
        name: The executor's name in the settings.
        send: Takes what is to be known of a ticket; called from any thread.
        report: Takes a fault of the executor as a sentence.
        hide: Takes secrets out of a text.
        open_tickets: Tells, in any thread, all tickets that are open.
        clock: Tells the monotonic instant.
    """

    def __init__(
        self,
        name: str,
        send: Callable[[TicketMessage], None],
        report: Callable[[str], None],
        hide: Callable[[str], str],
        open_tickets: Callable[[], Sequence[Ticket]],
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._name, self._send, self._report, self._hide, self._open = name, send, report, hide, open_tickets
        self._calls: queue.SimpleQueue[tuple[str, Sequence[Ticket], str]] = queue.SimpleQueue()
        self._waiting: dict[str, Ticket] = {}
        self._failures, self._most_at_once = 0, _MOST_AT_ONCE
        self._noted: set[str] = set()
        self._failing: set[str] = set()
        self._ring_s = self._look_s = 0.0
        self._stopping = self._started = False
        self._not_carried: set[str] = set()
        self._call: _Call | None = None
        self.slots: int | None = None
        self._inner: RemoteExecutor | None = None
        self._thread: threading.Thread | None = None

    def waiting(self, name: str, reason: str) -> None:
        """Say what a ticket waits for; may be called from any thread."""
        self._send(TicketMessage(name, note=self._shown(reason)))

    def gone(self, name: str, reason: str, *, retryable: bool = True, failed: bool = False) -> None:
        """Say that what was to run a ticket is gone; may be called from any thread."""
        reason = self._shown(reason) or "it is gone"
        self._send(TicketMessage(name, gone=reason, retryable=retryable, failed=failed))

    def start(self, inner: RemoteExecutor) -> None:
        """Begin to ring with a provider's executor."""
        self._inner = inner
        # A daemon: a call that never returns must not keep the scheduler's process alive.
        self._thread = threading.Thread(target=self._run, args=(inner,), name=f"executor {self._name}", daemon=True)
        self._thread.start()

    def ring(self, tickets: Sequence[Ticket]) -> None:
        """Have tickets carried; returns at once."""
        self._not_carried.update(ticket.name for ticket in tickets)
        self._calls.put(("ring", tickets, ""))

    def silence(self, tickets: Sequence[Ticket], reason: str) -> None:
        """Have tickets taken back; returns at once."""
        self._calls.put(("silence", tickets, reason))

    def release(self, tickets: Sequence[Ticket]) -> None:
        """Have what is left of tickets removed; returns at once."""
        self._calls.put(("release", tickets, ""))

    def watch(self) -> None:
        """Tell of a call that does not return, once, and what waits for it; called by whoever does not wait for it."""
        call = self._call
        if call is None or self._now_s() - call.began_s < HANGS_S:
            return
        if not call.reported:
            call.reported = True
            self._report(f"{call.method}{HANGS}{call.since}: until it does, nothing is carried")
        for name in self._not_carried - self._noted:
            self._noted.add(name)
            why = f"executor {self._name!r} hangs: its {call.method}() has not returned since {call.since}"
            self._send(TicketMessage(name, note=why))

    def stop(self, grace_s: float) -> None:
        """Let go once what is under way has ended, or so many seconds have passed."""
        self._stopping = True
        self._calls.put(("", (), ""))
        if self._thread is not None:
            self._thread.join(grace_s)

    def _now_s(self) -> float:
        return self._clock.read().monotonic_s

    def _run(self, inner: RemoteExecutor) -> None:
        while not self._stopping:
            for method, tickets, reason in self._taken():
                self._take(inner, method, tickets, reason)
            now_s = self._now_s()
            if not self._started and now_s >= self._ring_s:
                self._started = self._guarded("start", inner.start, list(self._waiting.values()))
            if self._started and self._waiting and now_s >= self._ring_s:
                self._ring(inner)
            if self._started and now_s >= self._look_s:
                self._look_s = now_s + LOOK_S
                self._look(inner)
        self._guarded("stop", inner.stop, ())

    def _taken(self) -> list[tuple[str, Sequence[Ticket], str]]:
        """What has been asked for since, waiting for it until something else is due."""
        now_s = self._now_s()
        due_s = self._look_s if self._started else self._ring_s
        if self._waiting:
            due_s = min(due_s, self._ring_s)
        found = []
        try:
            found.append(self._calls.get(timeout=max(0.0, due_s - now_s)))
            while True:
                found.append(self._calls.get_nowait())
        except queue.Empty:
            return found

    def _take(self, inner: RemoteExecutor, method: str, tickets: Sequence[Ticket], reason: str) -> None:
        if method == "ring":
            self._waiting |= {ticket.name: ticket for ticket in tickets}
            return
        for ticket in tickets:
            self._waiting.pop(ticket.name, None)
            self._noted.discard(ticket.name)
            self._not_carried.discard(ticket.name)
        if method == "silence":
            self._guarded(method, lambda: inner.silence(tickets, reason), ())
        elif method == "release":
            self._guarded(method, lambda: inner.release(tickets), ())

    def _ring(self, inner: RemoteExecutor) -> None:
        names = list(self._waiting)[: self._most_at_once]
        tickets = [self._waiting[name] for name in names]

        def ring() -> None:
            for refused in inner.ring(tickets):
                self.gone(refused.name, refused.reason, retryable=False)

        if self._guarded("ring", ring, tickets):
            self._most_at_once = min(2 * self._most_at_once, _MOST_AT_ONCE)
            for name in names:
                self._waiting.pop(name, None)
                self._not_carried.discard(name)
        else:
            # One that its engine cannot bear must not hold up the others: they come first, and it comes to be alone.
            self._most_at_once = max(1, len(names) // 2)
            for name in names:
                self._waiting[name] = self._waiting.pop(name)

    def _look(self, inner: RemoteExecutor) -> None:
        def look() -> None:
            self.slots = inner.slots()
            inner.look(self._open())

        self._guarded("look", look, ())

    def _guarded(self, method: str, call: Callable[[], None], tickets: Sequence[Ticket]) -> bool:
        """Whether a call returned; where it raised, what it said is what these tickets wait for."""
        now = self._clock.read()
        self._call = begun = _Call(method, now.monotonic_s, f"{now.wall:%Y-%m-%d %H:%M:%S} UTC")
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - a provider's code, in the process of everybody's scheduler
            why = self._shown(error_sentence(error))
            self._failing.add(method)
            self._report(f"{method}{RAISED}{why}")
            if method in {"start", "ring"}:
                self._failures += 1
                pause_s = PAUSES_S[min(self._failures, len(PAUSES_S)) - 1]
                self._ring_s = self._now_s() + pause_s
                self._noted |= {ticket.name for ticket in tickets}
                for ticket in tickets:
                    self._send(TicketMessage(ticket.name, note=f"executor {self._name!r} cannot be reached: {why}"))
            return False
        finally:
            self._call = None
            if begun.reported:
                self._report(f"{method}{RETURNED}{self._now_s() - begun.began_s:.0f} s")
        if method in self._failing:
            self._failing.discard(method)
            self._report(f"{method}{WORKS}")
        if method == "ring":
            self._failures = 0
            for ticket in tickets:
                if ticket.name in self._noted:
                    self._noted.discard(ticket.name)
                    self._send(TicketMessage(ticket.name, note=""))
        return True

    def _shown(self, text: str) -> str:
        return shortened(visible(self._hide(text)), _LONGEST)


def newest(messages: Sequence[TicketMessage]) -> Mapping[str, TicketMessage]:
    """What was said last of each ticket; that one is gone outlasts everything."""
    found: dict[str, TicketMessage] = {}
    for each in messages:
        if not (each.name in found and found[each.name].gone):
            found[each.name] = each
    return found
