"""The executor that the scheduler sees of a provider's remote executor: it offers tries in the database, and hears there of their ends.

Three things renew the lease of a try: that it is offered, and waits; that the worker which has claimed it was heard of by a server
within `penstock.spec.remote.RemoteOptions.worker_lease_s`; and nothing else. What the provider's executor tells ends a try
only if no end of it is stored.
"""

import contextlib
import os
import selectors
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from penstock.clock import Clock
from penstock.decoders import msgpack_decoder
from penstock.errors import StoreError, StoreUnavailableError
from penstock.model.attempt import TryEnd
from penstock.model.remote.remote_try import OfferedTry, RemoteNews, RemoteState
from penstock.model.run import TaskKey
from penstock.model.state import Outcome
from penstock.spec.executor import (
    ExecutorEvent,
    Heartbeat,
    TryAsked,
    TryFinished,
    TryRecovered,
    TryRequest,
    TryStarted,
)
from penstock.spec.remote import RemoteExecutor, RemoteOptions, Ticket
from penstock.spec.wire import Reply
from penstock.store import REMOTE, Store, Wakeup
from penstock.tries.remote.doorbell import Doorbell, TicketMessage, newest
from penstock.tries.remote.live_workers import LiveWorkers
from penstock.tries.remote.tickets import ticket, ticket_name

NEWS_S = 2.0
"""Seconds between two looks for news while nothing wakes: a wakeup is lost if its sender is killed."""
GLANCE_S = 0.25
"""Seconds at least between two looks at the workers where something wakes again and again."""
MOST_STUCK = 1_000
"""Tries that wait for workers of a queue which has none, and that are not counted against the places of others."""

_encode = msgspec.msgpack.Encoder().encode
_decode_end = msgpack_decoder(TryEnd).decode


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
class _Held:
    """A try that is offered, or that a worker has."""

    ticket: Ticket
    request: TryRequest
    rung_s: float
    worker: str = ""
    cancelled_s: float | None = None

    @property
    def name(self) -> tuple[TaskKey, int]:
        return (self.request.key, self.request.epoch)


class RemoteTryExecutor:
    """Offers tries, has the doorbell rung for them, and tells what becomes of them; implements `penstock.spec.executor.Executor`.

    Args:
        name: Of the executor in the settings.
        store: The database, which all schedulers and servers share.
        options: What holds for every remote executor.
        lease_s: Seconds of a try's lease in the scheduler.
        clock: Tells the present.
        make: Makes the provider's executor, told how it tells of tickets.
        reports: Where its faults and its capacity go.
    """

    def __init__(
        self,
        name: str,
        store: Store,
        options: RemoteOptions,
        lease_s: float,
        clock: Clock,
        make: Callable[[Doorbell], RemoteExecutor],
        reports: ExecutorReports,
    ) -> None:
        self.name, self._store, self._tries, self._clock = name, store, store.remote_tries, clock
        self._options, self._look_every_s = options, min(lease_s, options.worker_lease_s) / 6
        self._keep_capacity, self._capacity = reports.keep_capacity, -1
        self._installation, self._owner = store.logs.identity(), os.urandom(8).hex()
        self._held: dict[str, _Held] = {}
        self._names: dict[tuple[TaskKey, int], str] = {}
        self._unwritten: dict[str, TryRequest] = {}
        self._own: list[ExecutorEvent] = []
        self._received_claims: list[str] = []
        self._received_ends: list[str] = []
        self._notes: dict[str, str] = {}
        self._workers = LiveWorkers(store.remote_workers, name, options.worker_lease_s)
        self._look_s = self._news_s = self._glance_s = 0.0
        self._messages: list[TicketMessage] = []
        self._lock = threading.Lock()
        self._doorbell = Doorbell(name, self._receive, reports.fault, reports.hide, self._open_tickets, clock)
        self._inner = make(self._doorbell)
        self._wakeup: Wakeup | None = None
        self._selector = selectors.DefaultSelector()
        self._wake_r, self._wake_w = os.pipe()
        os.set_blocking(self._wake_r, False)
        os.set_blocking(self._wake_w, False)
        self._selector.register(self._wake_r, selectors.EVENT_READ)

    def start(self) -> None:
        """Listen for what servers store, and begin to ring."""
        self._listen()
        self._doorbell.start(self._inner)

    def recover(self, tries: Sequence[TryRequest]) -> list[TryStarted | TryRecovered | TryFinished]:
        """Take up open tries of a scheduler that is no more: all that was offered is stored."""
        requests = {ticket_name(self._installation, request): request for request in tries}
        stored = self._tries.adopt(requests, self._owner)
        events: list[TryStarted | TryRecovered | TryFinished] = []
        missing: dict[str, TryRequest] = {}
        for name, request in requests.items():
            held = self._hold(name, request)
            news = stored.get(name)
            if news is None:
                missing[name] = request
            elif news.state is RemoteState.ENDED:
                events.append(self._finished(name, held, news))
                continue
            else:
                held.worker = news.worker
            events.append(TryRecovered(request.key, request.epoch))
        self._offer(missing)
        waiting = [self._held[name] for name in requests if name in self._held]
        self._doorbell.ring([each.ticket for each in waiting if not each.worker])
        self._look_s = 0.0
        return events

    def capacity(self) -> int:
        """Tries that it wants to hold at once."""
        found = self._options.slots or self._doorbell.slots
        if found is None:
            ahead = 1 + max(0.0, self._options.ahead)
            offered = Counter(held.ticket.queue for held in self._held.values() if not held.worker)
            stuck = sum(max(0, number - int(ahead * self._workers.slots(queue))) for queue, number in offered.items())
            # What waits for workers that are not there takes no place of what others could run.
            found = int(ahead * self._workers.slots()) + (min(stuck, MOST_STUCK) if self._workers.slots() else 0)
        if found != self._capacity:
            self._capacity = found
            self._keep_capacity(found)
        return found

    def fileno(self) -> int:
        """Readable when `events` has something to tell."""
        return self._selector.fileno()

    def submit(self, tries: Sequence[TryRequest]) -> None:
        """Offer tries, and have the doorbell rung for them."""
        requests = {ticket_name(self._installation, request): request for request in tries}
        tickets = [self._hold(name, request).ticket for name, request in requests.items()]
        self._offer(requests)
        self._doorbell.ring(tickets)

    def cancel(self, tries: Sequence[tuple[TaskKey, int]], reason: str) -> None:
        """End tries: one that nobody has claimed is withdrawn, of any other its worker is told."""
        known = {self._names[each]: each for each in tries if each in self._names}
        unknown = [each for each in tries if each not in self._names]
        if known:
            withdrawn, asked = self._tries.cancel(known, reason)
            for name in asked:
                self._held[name].cancelled_s = self._clock.read().monotonic_s
            left = set(known) - asked - withdrawn
            ended = self._tries.adopt(left, self._owner) if left else {}
            self._drop(left - set(ended) | withdrawn, TryEnd(Outcome.CANCELLED, reason))
        for key, epoch in unknown:
            self._own.append(TryFinished(key, epoch, self._clock.now(), TryEnd(Outcome.CANCELLED, reason)))
        self._wake()

    def reply(self, asked: TryAsked, reply: Reply) -> None:
        """Nothing: servers answer what its tries ask."""

    def events(self) -> list[ExecutorEvent]:
        """What has become of its tries since the last call."""
        woken = self._woken()
        now_s = self._clock.read().monotonic_s
        try:
            # Being called again means that what was told last is stored.
            self._tries.received(self._received_claims, self._received_ends)
            self._received_claims, self._received_ends = [], []
            if self._unwritten:
                self._offer_again()
            self._take_messages()
            if self._held and (woken or now_s >= self._news_s):
                self._news_s = now_s + NEWS_S
                self._take_news()
            if now_s >= self._look_s or (woken and now_s >= self._glance_s):
                self._glance_s = now_s + GLANCE_S
                self._look(now_s)
        except StoreUnavailableError:
            self._news_s = self._look_s = now_s + 1.0
            self._workers.missed()
        own, self._own = self._own, []
        return own

    def stop(self, grace_s: float) -> None:
        """Let go: what is offered stays offered, and what runs goes on; the next scheduler hears of it."""
        self._doorbell.stop(min(grace_s, 5.0))
        if self._wakeup is not None:
            self._wakeup.close()
        self._selector.close()
        os.close(self._wake_r)
        os.close(self._wake_w)

    def _hold(self, name: str, request: TryRequest) -> _Held:
        held = _Held(ticket(self._store.keyring, name, request), request, self._clock.read().monotonic_s)
        self._held[name] = held
        self._names[held.name] = name
        return held

    def _offer(self, requests: dict[str, TryRequest]) -> None:
        try:
            self._tries.offer(
                [self._offered(name, each) for name, each in requests.items()], self._owner, self._clock.now()
            )
        except (
            StoreUnavailableError
        ):  # whether it is stored may be unknown: that is looked up before it is offered again
            self._unwritten |= requests

    def _offer_again(self) -> None:
        stored = self._tries.adopt(self._unwritten, self._owner)
        missing = [self._offered(name, each) for name, each in self._unwritten.items() if name not in stored]
        self._tries.offer(missing, self._owner, self._clock.now())
        self._unwritten = {}

    def _offered(self, name: str, request: TryRequest) -> OfferedTry:
        facts, lease_s = request.facts, self._options.worker_lease_s
        return OfferedTry(
            name, request.key, request.epoch, facts.dag_id, facts.run_id, self.name, request.queue, _encode(request), lease_s
        )  # fmt: skip

    def _take_news(self) -> None:
        for news in self._tries.news(self._owner, self.name):
            held = self._held.get(news.name)
            if held is None:  # given up, and told so
                self._received_ends.append(news.name)
            elif news.state is RemoteState.ENDED:
                if not held.worker:
                    self._own.append(self._started(held, news))
                self._own.append(self._finished(news.name, held, news))
            elif not held.worker:
                self._received_claims.append(news.name)
                held.worker = news.worker
                self._own.append(self._started(held, news))

    def _started(self, held: _Held, news: RemoteNews) -> TryStarted:
        now = self._clock.now()
        return TryStarted(*held.name, 0, min(news.claimed_at or now, now))

    def _finished(self, name: str, held: _Held, news: RemoteNews) -> TryFinished:
        now = self._clock.now()
        try:
            end = _decode_end(news.ended or b"")
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            end = TryEnd(Outcome.FAILED, f"its worker sent an unreadable answer: {error}", retryable=False)
        self._received_ends.append(name)
        self._forget(name)
        self._doorbell.release([held.ticket])
        return TryFinished(*held.name, min(news.ended_at or now, now), end)

    def _drop(self, names: Iterable[str], end: TryEnd) -> None:
        """Tell of tries that are not stored any more how they ended."""
        tickets = []
        for name in names:
            held = self._forget(name)
            tickets.append(held.ticket)
            self._own.append(TryFinished(*held.name, self._clock.now(), end))
        if tickets:
            self._doorbell.silence(tickets, end.error)
            self._wake()

    def _forget(self, name: str) -> _Held:
        held = self._held.pop(name)
        del self._names[held.name]
        self._notes.pop(name, None)
        self._unwritten.pop(name, None)
        return held

    def _take_messages(self) -> None:
        """Carry out what the provider's executor has told."""
        with self._lock:
            messages, self._messages = self._messages, []
        notes = {}
        for each in newest(messages).values():
            if each.name not in self._held:
                continue
            if each.gone and self._tries.abandon([each.name]):
                outcome = Outcome.LOST if each.retryable else Outcome.FAILED
                self._drop([each.name], TryEnd(outcome, each.gone, retryable=each.retryable))
            elif each.note is not None and self._notes.get(each.name, "") != each.note:
                notes[each.name] = each.note
        self._tries.note(notes)
        self._notes |= notes

    def _look(self, now_s: float) -> None:
        """Renew the leases of what waits and of what living workers have; give up what silent ones had; ring again."""
        due = now_s >= self._look_s
        self._workers.look(now_s, {held.worker for held in self._held.values() if held.worker})
        if not due:
            return
        self._look_s = now_s + self._look_every_s
        silent = {name: held for name, held in self._held.items() if held.worker and self._workers.silent(held.worker)}
        for name in self._tries.abandon(silent) if silent else ():
            why = f"its worker {silent[name].worker!r} has not been heard of for {self._options.worker_lease_s:g} s"
            self._drop([name], TryEnd(Outcome.LOST, why))
        alive = tuple(held.name for name, held in self._held.items() if name not in silent)
        if alive:
            self._own.append(Heartbeat(self.name, alive, self._clock.now()))
        self._ring_again(now_s)

    def _ring_again(self, now_s: float) -> None:
        again = []
        for held in self._held.values():
            if not held.worker and now_s - held.rung_s >= self._options.doorbell_s:
                held.rung_s = now_s
                again.append(held.ticket)
            elif held.cancelled_s is not None and now_s - held.cancelled_s > held.request.grace_s + NEWS_S:
                held.cancelled_s = None
                self._doorbell.silence([held.ticket], "it was told to end, and has not")
        if again:
            self._doorbell.ring(again)

    def _open_tickets(self) -> list[Ticket]:
        return [held.ticket for held in list(self._held.values())]

    def _receive(self, message: TicketMessage) -> None:
        with self._lock:
            self._messages.append(message)
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # it is awake, or it has stopped
            os.write(self._wake_w, b"x")

    def _listen(self) -> None:
        try:
            self._wakeup = self._store.wakeups.listen(REMOTE)
            self._selector.register(self._wakeup.fileno(), selectors.EVENT_READ)
        except StoreError:  # looked for without, until the database is back
            self._wakeup = None

    def _woken(self) -> bool:
        """Whether somebody has stored something since; the descriptor is quiet then until the next time."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_r, 4096)
        if self._wakeup is None:
            self._listen()
            return self._wakeup is not None
        woken = bool([key for key, _ in self._selector.select(0) if key.fd != self._wake_r]) or self._wakeup.cut
        if woken:
            for key in [key for key in self._selector.get_map().values() if key.fd != self._wake_r]:
                self._selector.unregister(key.fileobj)
            try:
                self._wakeup.drain()
                self._selector.register(self._wakeup.fileno(), selectors.EVENT_READ)
            except StoreError:
                self._wakeup.close()
                self._wakeup = None
        return woken
