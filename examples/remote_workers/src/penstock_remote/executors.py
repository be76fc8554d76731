"""The executor: listens for workers, hands them tries, and takes their tries up again after a restart of the scheduler.

It lives in the scheduler's one thread. Whatever it waits for is registered with its own selector, whose descriptor the
scheduler watches; no call of it blocks. Which worker was handed which try is noted in a database of its own before the
try is sent, and forgotten after the try's end is stored.
"""

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import UTC
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from penstock.errors import ConfigError, PenstockError, RequestError
from penstock.spec.executor import (
    ExecutorContext,
    ExecutorEvent,
    Heartbeat,
    Outcome,
    TaskKey,
    TryAsked,
    TryEnd,
    TryFinished,
    TryRecovered,
    TryRequest,
    TryStarted,
)
from penstock.spec.wire import Reply
from penstock_remote.connections import Connection, Workers
from penstock_remote.logs import write_log
from penstock_remote.messages import (
    Beat,
    Cancel,
    Fetch,
    FromWorker,
    Hello,
    Printed,
    Report,
    Run,
    TryName,
    read_address,
    read_token,
)
from penstock_remote.notes import Notes


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options of the executor; the manifest says what they mean."""

    listen: str
    token_file: str


class _Placed(NamedTuple):
    """A try that was handed to a worker."""

    request: TryRequest
    worker: str


class RemoteExecutor:
    """Runs tries on the workers that are connected.

    Args:
        context: What the scheduler makes it with.

    Raises:
        ConfigError: Its options are wrong.
    """

    def __init__(self, context: ExecutorContext) -> None:
        self.name, self._context = context.name, context
        try:
            options = msgspec.convert(context.options, Options)
            address, token = read_address(options.listen), read_token(Path(options.token_file))
        except (msgspec.ValidationError, RequestError) as error:
            raise ConfigError(f"[executors.{context.name}]: {error}") from None
        self._workers = Workers(context.name, address, token, context.lease_s)
        self._waiting: dict[TryName, TryRequest] = {}
        self._placed: dict[TryName, _Placed] = {}
        self._ending: set[TryName] = set()
        self._told: list[ExecutorEvent] = []
        self._ended: list[TryName] = []
        self._fetched: list[tuple[Connection, int, Future[bytes]]] = []
        self._renewed_s = 0.0

    def start(self) -> None:
        """Listen; raises ConfigError if the address or the folder cannot be used."""
        self._notes = Notes(self._context.folder)
        self._workers.start()

    def recover(self, tries: Sequence[TryRequest]) -> list[TryStarted | TryRecovered | TryFinished]:
        """Take up open tries: one that was handed to a worker waits for it to come back, any other for a free worker."""
        workers = self._notes.read()
        for request in tries:
            name = (request.key, request.epoch)
            if name in workers:
                self._placed[name] = _Placed(request, workers.pop(name))
            else:
                self._waiting[name] = request
        self._notes.remove(workers)
        return [TryRecovered(request.key, request.epoch) for request in tries]

    def capacity(self) -> int:
        """Slots of the workers that are here."""
        return sum(worker.slots for worker in self._workers.lively())

    def fileno(self) -> int:
        """Readable when `events` has something to tell."""
        return self._workers.fileno()

    def submit(self, tries: Sequence[TryRequest]) -> None:
        """Hand tries to workers; those that no worker has room for wait here."""
        self._waiting |= {(request.key, request.epoch): request for request in tries}
        self._place()

    def cancel(self, tries: Sequence[tuple[TaskKey, int]], reason: str) -> None:
        """End tries: the worker of one is told, and answers; for one whose worker is not here, the answer is given at once.

        A worker that comes back with a try that was given up meanwhile is told to end it.
        """
        for name in tries:
            if (worker := self._worker_of(name)) is not None:
                self._ending.add(name)
                worker.send(Cancel((name,), reason))
            else:
                outcome = Outcome.LOST if name in self._placed else Outcome.CANCELLED
                self._waiting.pop(name, None)
                self._end(name, TryEnd(outcome, reason))

    def reply(self, asked: TryAsked, reply: Reply) -> None:
        """Send the answer to the try's worker; one that is not here will ask again."""
        if (worker := self._worker_of((asked.key, asked.epoch))) is not None:
            worker.answer(asked.number, reply)

    def events(self) -> list[ExecutorEvent]:
        """Read what workers have sent."""
        # Being called again means that what was told last is stored: now, and not before, it may be forgotten.
        if self._notes.remove(self._ended):
            self._ended.clear()
        self._workers.acknowledge()
        for worker, message in self._workers.receive():
            self._take(worker, message)
        for name in [name for name in self._ending if self._worker_of(name) is None]:
            self._end(name, TryEnd(Outcome.LOST, "its worker went away before it had ended it"))
        self._answer_fetched()
        self._place()
        self._renew_waiting()
        told, self._told = self._told, []
        return told

    def stop(self, grace_s: float) -> None:  # noqa: ARG002 - nothing here takes time: tries live on at their workers
        """Hang up; the workers go on, and `recover` takes their tries up again."""
        self._workers.close()
        self._notes.close()

    def _worker_of(self, name: TryName) -> Connection | None:
        placed = self._placed.get(name)
        return self._workers.get(placed.worker) if placed is not None else None

    def _take(self, worker: Connection, message: FromWorker) -> None:
        match message:
            case Hello(tries=tries):
                self._compare(worker, tries)
            case Beat(tries=tries):
                worker.owes_word = True
                self._renew(worker, tries)
            case Report(serial=serial, event=event):
                worker.received, worker.owes_word = serial, True
                # What a worker says of a try that was given up is no news to anybody.
                if self._worker_of((event.key, event.epoch)) is worker:
                    self._take_event(event)
            case TryAsked(key=key, epoch=epoch, number=number):
                if self._worker_of((key, epoch)) is worker:
                    self._told.append(message)
                else:
                    worker.answer(number, Reply(error="the try was given up", error_type="RequestError"))
            case Fetch(number=number, snapshot=snapshot):
                packed = self._context.snapshot(snapshot)
                self._fetched.append((worker, number, packed))
                packed.add_done_callback(lambda _: self._workers.wake())

    def _compare(self, worker: Connection, tries: Sequence[TryName]) -> None:
        """Settle what a worker that has come holds, and what it should hold."""
        for name, placed in list(self._placed.items()):
            if placed.worker == worker.worker and name not in tries:
                self._end(name, TryEnd(Outcome.LOST, f"its worker {worker.worker!r} came back without it"))
        if given_up := tuple(name for name in tries if self._worker_of(name) is not worker):
            worker.send(Cancel(given_up, "it was given up while its worker was away"))
        self._renew(worker, tries)

    def _take_event(self, event: TryStarted | Printed | TryFinished) -> None:
        name = (event.key, event.epoch)
        if isinstance(event, Printed):
            write_log(self._placed[name].request.log, event.offset, event.data)
            return
        # A worker's clock may be wrong, and what it says of the future or without a zone is of no use.
        now = self._context.now()
        at = event.at.astimezone(UTC) if event.at.tzinfo is not None else now
        event = replace(event, at=min(at, now))
        if isinstance(event, TryFinished):
            self._finish(event)
        else:
            self._told.append(event)

    def _end(self, name: TryName, end: TryEnd) -> None:
        """Tell how a try ended without word of its worker."""
        key, epoch = name
        self._finish(TryFinished(key, epoch, self._context.now(), end))
        self._workers.wake()

    def _finish(self, event: TryFinished) -> None:
        name = (event.key, event.epoch)
        self._placed.pop(name, None)
        self._ending.discard(name)
        self._ended.append(name)
        self._told.append(event)

    def _answer_fetched(self) -> None:
        """Send the snapshots that have been packed since; who has hung up meanwhile asks again."""
        packed = [each for each in self._fetched if each[2].done()]
        self._fetched = [each for each in self._fetched if each not in packed]
        for worker, number, snapshot in packed:
            if not worker.closed:
                worker.answer(number, _reply(snapshot))

    def _place(self) -> None:
        """Send waiting tries to the workers with the most room, each noted before it goes."""
        used = Counter(placed.worker for placed in self._placed.values())
        room = {each: each.slots - used[each.worker] for each in self._workers.lively()}
        placed: dict[TryName, Connection] = {}
        for name in self._waiting:
            worker = max(room, key=room.__getitem__, default=None)
            if worker is None or room[worker] <= 0:
                break
            room[worker] -= 1
            placed[name] = worker
        if not self._notes.add({name: worker.worker for name, worker in placed.items()}):
            return
        for name, worker in placed.items():
            request = self._waiting.pop(name)
            self._placed[name] = _Placed(request, worker.worker)
            try:
                worker.send(Run(request))
            except RequestError as error:
                self._end(name, TryEnd(Outcome.FAILED, f"it cannot be sent to a worker: {error}", retryable=False))

    def _renew(self, worker: Connection, tries: Sequence[TryName]) -> None:
        held = tuple(name for name in tries if self._worker_of(name) is worker)
        self._told.append(Heartbeat(self.name, held, self._context.now()))

    def _renew_waiting(self) -> None:
        """Renew the leases of tries that no worker had room for: they are not lost, they wait here."""
        if self._waiting and time.monotonic() - self._renewed_s >= self._context.lease_s / 4:
            self._renewed_s = time.monotonic()
            self._told.append(Heartbeat(self.name, tuple(self._waiting), self._context.now()))


def _reply(packed: Future[bytes]) -> Reply:
    error = packed.exception()
    if error is None:
        return Reply(packed.result())
    known = isinstance(error, PenstockError)
    return Reply(error=str(error), error_type=type(error).__name__ if known else RequestError.__name__)
