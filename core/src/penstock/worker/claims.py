"""Exchanges tickets for tries, as many together as there are slots, and asks again until it is told what became of each."""

import queue
import secrets
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from penstock.clock import Clock
from penstock.errors import ServerError
from penstock.model.attempt import TryEnd
from penstock.model.remote.execution_messages import ClaimAnswer, Claimed, ClaimTickets
from penstock.processes.supervise import Backoff
from penstock.worker.execution_client import ExecutionClient, RefusedByServerError

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 3.0
"""Seconds before what was not answered is asked again."""


class Offered(NamedTuple):
    """A ticket that somebody has brought.

    Attributes:
        secret: Of the ticket.
        claimed: Called with whether the try is this worker's now.
        ended: Called with how it ended.
    """

    secret: str
    claimed: Callable[[bool], None]
    ended: Callable[[TryEnd | None], None]

    @property
    def name(self) -> str:
        """Of the ticket."""
        return self.secret.partition(".")[0]


class ClaimPorts(NamedTuple):
    """What surrounds claims.

    Attributes:
        claiming: Takes the names of tickets before they are sent.
        claimed: Takes what was claimed, with the instant of the question, and all that was asked for.
        report: Takes a sentence for people.
    """

    claiming: Callable[[Sequence[str]], None]
    claimed: Callable[[Sequence[tuple[Offered, Claimed]], float, Sequence[Offered]], None]
    report: Callable[[str], None]


class Claims:
    """A thread that claims; it is the worker's `penstock.spec.remote.TicketSink`.

    Args:
        client: The way to the server.
        worker: The worker's name.
        slots: Tries that it runs at once.
        ports: What surrounds claims.
        clock: Tells the monotonic instant.
    """

    def __init__(self, client: ExecutionClient, worker: str, slots: int, ports: ClaimPorts, clock: Clock) -> None:
        self.worker, self.slots, self._client, self._ports = worker, slots, client, ports
        self._clock, self._pause = clock, threading.Event()
        self._offered: queue.SimpleQueue[Offered | None] = queue.SimpleQueue()
        self._slots, self._stopping = threading.Semaphore(slots), False
        self._lock, self._asked = threading.Lock(), 0
        self._backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        self._thread = threading.Thread(target=self._run, name="claims", daemon=True)

    @property
    def free(self) -> int:
        """Slots for which there is no ticket."""
        with self._lock:
            return max(0, self.slots - self._asked)

    @property
    def stopping(self) -> bool:
        """Whether no ticket is to be brought any more."""
        return self._stopping

    def start(self) -> None:
        """Begin to claim."""
        self._thread.start()

    def take(
        self, secret: str, claimed: Callable[[bool], None], ended: Callable[[TryEnd | None], None] | None = None
    ) -> None:
        """Take a ticket; see `penstock.spec.remote.TicketSink.take`."""
        with self._lock:
            self._asked += 1
        self._offered.put(Offered(secret, claimed, ended or _nobody))

    def free_slot(self) -> None:
        """Note that a try has ended."""
        with self._lock:
            self._asked -= 1
        self._slots.release()

    def stop(self) -> None:
        """Claim nothing any more: what was brought and not claimed is somebody else's."""
        self._stopping = True
        self._offered.put(None)

    def _run(self) -> None:
        while (first := self._offered.get()) is not None:
            while not self._slots.acquire(timeout=1.0):
                if self.stopping:
                    return
            if self.stopping:
                return
            batch = [first]
            while self._slots.acquire(blocking=False):
                try:
                    following = self._offered.get_nowait()
                except queue.Empty:
                    following = None
                if following is None:
                    self._slots.release()
                    break
                batch.append(following)
            self._claim(batch)

    def _claim(self, batch: Sequence[Offered]) -> None:
        names = [each.name for each in batch]
        self._ports.claiming(names)
        message = ClaimTickets(self.worker, secrets.token_urlsafe(12), tuple(each.secret for each in batch))
        began_s, got = self._answer(message)
        found = {each.ticket: each for each in got}
        mine = [(each, found[each.secret]) for each in batch if each.secret in found]
        self._ports.claimed(mine, began_s, batch)
        for each in batch:
            if each.secret not in found:
                self.free_slot()
            each.claimed(each.secret in found)

    def _answer(self, message: ClaimTickets) -> tuple[float, Sequence[Claimed]]:
        """What a server status, asked until one says it: by the text of the claim it says the same again."""
        while True:
            began_s = self._clock.read().monotonic_s
            try:
                answer = self._client.ask("claims", message.tickets[0], message, ClaimAnswer)
            except RefusedByServerError as error:
                self._ports.report(str(error))
                return began_s, ()
            except ServerError as error:
                self._ports.report(str(error))
                self._pause.wait(self._backoff.pause())
            else:
                self._backoff.reset()
                return began_s, answer.tries


def _nobody(_end: TryEnd | None) -> None:
    """Nobody wants to know."""
