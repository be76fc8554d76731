"""The executor that the scheduler sees of a provider's remote executor: it offers tries in the database, and hears there of their ends.

Three things renew the lease of a try: that it is offered, and waits; that the worker which has claimed it was heard of by a server
within `penstock.spec.remote.RemoteOptions.worker_lease_s`; and nothing else. What the provider's executor tells ends a try
only if no end of it is stored. Whatever the database does not take at once is written later: no call raises because it is away.
"""

import os
import threading
from collections.abc import Callable, Collection, Iterable, Sequence

import msgspec

from penstock.clock import Clock
from penstock.decoders import msgpack_decoder
from penstock.errors import DataRefusedError, InternalError, StoreUnavailableError
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
from penstock.spec.remote import RemoteExecutor, RemoteOptions
from penstock.spec.wire import Reply
from penstock.store import Store, Transaction
from penstock.tries.remote.doorbell import Doorbell, ExecutorReports, TicketMessage, newest
from penstock.tries.remote.left_rows import SWEEP_S, LeftRows
from penstock.tries.remote.live_workers import LiveWorkers
from penstock.tries.remote.open_tries import OpenTries, OpenTry
from penstock.tries.remote.received_news import ReceivedNews
from penstock.tries.remote.remote_wakeup import RemoteWakeup
from penstock.tries.remote.tickets import ticket, ticket_name
from penstock.tries.remote.wanted_tries import WantedTries

NEWS_S = 2.0
"""Seconds between two looks for news while nothing wakes: a wakeup is lost if its sender is killed."""
GLANCE_S = 0.25
"""Seconds at least between two looks at the workers where something wakes again and again."""

_encode = msgspec.msgpack.Encoder().encode
_decode_end = msgpack_decoder(TryEnd).decode


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
        self._installation, self._owner = store.logs.identity(), os.urandom(8).hex()
        self._held = OpenTries()
        self._unwritten: dict[str, TryRequest] = {}
        self._cancels: list[tuple[list[str], str]] = []
        self._own: list[ExecutorEvent] = []
        self._received = ReceivedNews()
        self._notes: dict[str, str] = {}
        self._workers = LiveWorkers(store.remote_workers, name, options.worker_lease_s)
        self._wanted = WantedTries(options, self._workers, self._held, reports.keep_capacity)
        self._look_s = self._news_s = self._glance_s = 0.0
        self._sweep_s = self._now_s() + SWEEP_S
        self._left_rows = LeftRows(self._tries, self._owner, name)
        self._messages: list[TicketMessage] = []
        self._lock = threading.Lock()
        self._doorbell = Doorbell(
            name, self._receive, reports.fault, reports.hide, lambda: [held.ticket for _, held in self._held], clock
        )
        self._inner = make(self._doorbell)
        self._wakeup = RemoteWakeup(store)

    def start(self) -> None:
        """Listen for what servers store, and begin to ring."""
        self._wakeup.listen()
        self._doorbell.start(self._inner)

    def recover(self, tries: Sequence[TryRequest]) -> list[TryStarted | TryRecovered | TryFinished]:
        """Take up open tries of a scheduler that is no more: all that was offered is stored."""
        requests = self._hold(tries)
        events: list[TryStarted | TryRecovered | TryFinished] = []
        try:
            ended = self._take_up(requests)
        except StoreUnavailableError:  # until it is back, they are as they were
            self._unwritten |= requests
        else:
            for news in ended:
                events += self._ended(news)
        events += [TryRecovered(each.key, each.epoch) for name, each in requests.items() if name in self._held]
        self._look_s = 0.0
        return events

    def capacity(self) -> int:
        """Tries that it wants to hold at once."""
        return self._wanted.number(self._doorbell.slots, self._now_s())

    def fileno(self) -> int:
        """Readable when `events` has something to tell."""
        return self._wakeup.fileno()

    def submit(self, tries: Sequence[TryRequest]) -> None:
        """Offer tries, and have the doorbell rung for them."""
        requests = self._hold(tries)
        try:
            self._offer(requests)
        except StoreUnavailableError:
            # Whether they are stored may be unknown: that is looked up before they are offered again.
            self._unwritten |= requests
        self._ring(requests)

    def offer(self, tx: Transaction, tries: Sequence[TryRequest]) -> None:
        """Offer tries in the transaction that decides them."""
        offers = [self._offered(ticket_name(self._installation, each), each) for each in tries]
        self._tries.offer_in(tx, offers, self._owner, self._clock.now())

    def offered(self, tries: Sequence[TryRequest]) -> None:
        """Have the doorbell rung for tries whose offers are durable by now."""
        self._ring(self._hold(tries))

    def cancel(self, tries: Sequence[tuple[TaskKey, int]], reason: str) -> None:
        """End tries: one that nobody has claimed is withdrawn, of any other its worker is told; at the next `events`."""
        known = []
        for key, epoch in tries:
            name = self._held.name_of(key, epoch)
            if name is None:
                self._own.append(TryFinished(key, epoch, self._clock.now(), TryEnd(Outcome.CANCELLED, reason)))
            else:
                known.append(name)
        if self._cancels and self._cancels[-1][1] == reason:
            self._cancels[-1][0].extend(known)
        elif known:
            self._cancels.append((known, reason))
        self._wakeup.wake()

    def reply(self, asked: TryAsked, reply: Reply) -> None:
        """Nothing: servers answer what its tries ask."""

    def events(self) -> list[ExecutorEvent]:
        """What has become of its tries since the last call."""
        woken = self._wakeup.woken()
        now_s = self._now_s()
        try:
            # Being called again means that what was told last is stored.
            self._received.stored(self._tries, self._owner, now_s)
            self._write()
            self._take_messages()
            if self._held and (woken or now_s >= self._news_s):
                self._news_s = now_s + NEWS_S
                self._take_news()
            if now_s >= self._look_s or (woken and now_s >= self._glance_s):
                self._glance_s = now_s + GLANCE_S
                self._look(now_s)
            if now_s >= self._sweep_s:
                self._sweep_s = now_s + SWEEP_S
                self._sweep()
        except StoreUnavailableError:
            self._news_s = self._look_s = now_s + 1.0
            self._workers.missed()
        own, self._own = self._own, []
        return own

    def stop(self, grace_s: float) -> None:
        """Let go: what is offered stays offered, and what runs goes on; the next scheduler hears of it."""
        try:
            self._write()
        except StoreUnavailableError:  # the next scheduler offers what is not stored, and cancels what is to be
            self._cancels = []
        self._doorbell.stop(min(grace_s, 5.0))
        self._wakeup.close()

    def _now_s(self) -> float:
        return self._clock.read().monotonic_s

    def _hold(self, tries: Sequence[TryRequest]) -> dict[str, TryRequest]:
        requests = {ticket_name(self._installation, request): request for request in tries}
        for name, request in requests.items():
            if name not in self._held:
                self._held.add(name, OpenTry(ticket(self._store.keyring, name, request), request, self._now_s()))
        return requests

    def _ring(self, names: Iterable[str]) -> None:
        found = [held for name in names if (held := self._held.get(name)) is not None]
        self._doorbell.ring([held.ticket for held in found if not held.worker])

    def _take_up(self, requests: dict[str, TryRequest]) -> list[RemoteNews]:
        """Have what is stored of tries told here, and offer the others; returns those that have ended."""
        stored = self._tries.adopt(requests, self._owner)
        ended = []
        for name, news in stored.items():
            held = self._held.get(name)
            if news.state is RemoteState.ENDED:
                ended.append(news)
            elif held is not None and news.worker:
                self._held.claimed(held, news.worker)
                held.start_reported = news.claim_stored
        self._offer({name: each for name, each in requests.items() if name not in stored})
        self._ring(requests)
        return ended

    def _offer(self, requests: dict[str, TryRequest]) -> None:
        offered = [self._offered(name, each) for name, each in requests.items()]
        try:
            self._tries.offer(offered, self._owner, self._clock.now())
        except (DataRefusedError, InternalError) as error:  # such as of a run that was deleted
            if len(offered) > 1:  # one that cannot be stored must not hold up the others
                for name, each in requests.items():
                    self._offer({name: each})
            elif not self._tries.adopt(requests, self._owner):
                self._drop(requests, TryEnd(Outcome.FAILED, f"it cannot be offered: {error}", retryable=False))

    def _write(self) -> None:
        """Write what the database did not take, and what is to be cancelled."""
        if self._unwritten:
            requests = {name: each for name, each in self._unwritten.items() if name in self._held}
            self._take_up(requests)  # what has ended is news
            self._unwritten = {}
        while self._cancels:
            names, reason = self._cancels[0]
            self._cancel([name for name in names if name in self._held], reason)
            del self._cancels[0]

    def _cancel(self, names: Collection[str], reason: str) -> None:
        withdrawn, asked = self._tries.cancel(names, reason, self._owner)
        for name in asked:
            if (held := self._held.get(name)) is not None:
                held.cancelled_s = self._now_s()
        left = set(names) - asked - withdrawn
        # Where this has been done before, though its answer was lost, nothing is there; what has ended is news.
        self._drop(left - self._tries.owners(left).keys() | withdrawn, TryEnd(Outcome.CANCELLED, reason))

    def _offered(self, name: str, request: TryRequest) -> OfferedTry:
        run, lease_s = (request.facts.dag_id, request.facts.run_id), self._options.worker_lease_s
        return OfferedTry(name, request.key, request.epoch, *run, self.name, request.queue, _encode(request), lease_s)

    def _take_news(self) -> None:
        again = []
        for news in self._received.new(self._tries.news(self._owner, self.name)):
            held = self._held.get(news.name)
            if news.state is RemoteState.ENDED:
                self._own += self._ended(news)
            elif held is None:  # given up, and told so
                self._received.ended(news.name)
            elif news.state is RemoteState.OFFERED:
                self._received.offered(news.name)
                self._held.given_back(held, self._now_s())
                again.append(news.name)
            else:
                self._received.claimed(news.name, news.worker)
                if not held.start_reported or held.worker != news.worker:  # it may have been given back
                    held.start_reported = True
                    self._own.append(self._started(held, news))
                self._held.claimed(held, news.worker)
        if again:
            self._ring(again)

    def _started(self, held: OpenTry, news: RemoteNews) -> TryStarted:
        now = self._clock.now()
        return TryStarted(*held.try_name, 0, min(news.claimed_at or now, now), news.worker)

    def _ended(self, news: RemoteNews) -> list[TryStarted | TryFinished]:
        """What is to be told of a try that has ended."""
        self._received.ended(news.name)
        held = self._held.get(news.name)
        if held is None:
            return []
        if news.claimed_at is not None and news.ended_at is not None:
            self._wanted.ended(self._now_s(), (news.ended_at - news.claimed_at).total_seconds())
        now = self._clock.now()
        try:
            end = _decode_end(news.ended or b"")
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            end = TryEnd(Outcome.FAILED, f"its worker sent an unreadable answer: {error}", retryable=False)
        self._forget(news.name)
        self._doorbell.release([held.ticket])
        finished = TryFinished(*held.try_name, min(news.ended_at or now, now), end)
        if news.claim_stored or (held.start_reported and held.worker == news.worker):
            return [finished]
        return [self._started(held, news), finished]

    def _drop(self, names: Iterable[str], end: TryEnd | None) -> None:
        """Forget tries that are not stored any more, and tell how they ended, if somebody waits for that."""
        tickets = []
        for name in [each for each in names if each in self._held]:
            held = self._forget(name)
            tickets.append(held.ticket)
            if end is not None:
                self._own.append(TryFinished(*held.try_name, self._clock.now(), end))
        if tickets:
            self._doorbell.silence(tickets, "nobody waits for it any more" if end is None else end.error)
            self._wakeup.wake()

    def _forget(self, name: str) -> OpenTry:
        self._notes.pop(name, None)
        self._unwritten.pop(name, None)
        return self._held.pop(name)

    def _give_up(self, names: Collection[str]) -> set[str]:
        """Give tries up that have not ended; returns which are given up, at an earlier attempt or now."""
        if not names:
            return set()
        given_up = self._tries.abandon(names, self._owner)
        left = set(names) - given_up
        return given_up | (left - self._tries.owners(left).keys())

    def _take_messages(self) -> None:
        """Carry out what the provider's executor has told."""
        with self._lock:
            messages, self._messages = self._messages, []
        try:
            newest_of = {name: each for name, each in newest(messages).items() if name in self._held}
            for name in self._give_up([name for name, each in newest_of.items() if each.gone]):
                gone = newest_of[name]
                outcome = Outcome.FAILED if gone.failed or not gone.retryable else Outcome.LOST
                self._drop([name], TryEnd(outcome, gone.gone, retryable=gone.retryable))
            notes = {
                name: each.note for name, each in newest_of.items() if each.note is not None and name in self._held
            }
            notes = {name: note for name, note in notes.items() if self._notes.get(name, "") != note}
            self._tries.note(notes)
        except StoreUnavailableError:
            with self._lock:
                self._messages = messages + self._messages
            raise
        self._notes |= notes

    def _look(self, now_s: float) -> None:
        """Renew the leases of what waits and of what living workers have; give up what silent ones had; ring again."""
        due = now_s >= self._look_s
        self._doorbell.watch()
        self._workers.look(now_s, self._held.workers())
        if not due:
            return
        silent = {name: held for name, held in self._held if held.worker and self._workers.silent(held.worker)}
        for name in self._give_up(silent):
            why = f"its worker {silent[name].worker!r} has not been heard of for {self._options.worker_lease_s:g} s"
            self._drop([name], TryEnd(Outcome.LOST, why))
        alive = tuple(held.try_name for name, held in self._held if name not in silent)
        if alive:
            self._own.append(Heartbeat(self.name, alive, self._clock.now()))
        self._ring_again(now_s)
        self._look_s = now_s + self._look_every_s

    def _ring_again(self, now_s: float) -> None:
        """Ring for what nobody has claimed for a while; for a pool only where somebody could have."""
        again: list[OpenTry] = []
        for _, held in self._held:
            if not held.worker and now_s - held.rung_s >= self._options.doorbell_s:
                again.append(held)
            elif held.cancelled_s is not None and now_s - held.cancelled_s > held.request.grace_s + NEWS_S:
                held.cancelled_s = None
                self._doorbell.silence([held.ticket], "it was told to end, and has not")
        if self._doorbell.slots is None:
            # A ticket lies in the broker while all are at work, or nobody is there: to ring again would only fill that.
            idle = {queue: self._workers.idle(queue) for queue in {held.ticket.queue for held in again}}
            again, waiting = [], sorted(again, key=lambda held: held.rung_s)
            for held in waiting:
                if idle[held.ticket.queue] > 0:
                    idle[held.ticket.queue] -= 1
                    again.append(held)
        for held in again:
            held.rung_s = now_s
        if again:
            self._doorbell.ring([held.ticket for held in again])

    def _sweep(self) -> None:
        """Remove what nothing else would: rows for which nobody waits, and tries here whose rows are another scheduler's or gone."""
        swept = self._left_rows.sweep({name: held.try_name for name, held in self._held}, self._unwritten)
        self._drop(swept.lost, TryEnd(Outcome.LOST, "what was stored of it is gone"))
        self._drop(swept.over, None)
        for name in swept.elsewhere:
            self._forget(name)

    def _receive(self, message: TicketMessage) -> None:
        with self._lock:
            self._messages.append(message)
        self._wakeup.wake()
