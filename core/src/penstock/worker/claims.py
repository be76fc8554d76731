"""Exchanges tickets for tries, as many together as there are slots, and asks again until it is told what became of each.

While tries are short, more are claimed than there are slots: each slot would else be idle while the next try is asked for, and each try
would be a transaction of its own. How many follows from how fast they end, so that each has begun a moment later; one that has not is
given back (`penstock.worker.waiting_tries`).
"""

import queue
import re
import secrets
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from penstock.clock import Clock
from penstock.errors import ServerError
from penstock.model.attempt import TryEnd
from penstock.model.names import error_sentence
from penstock.model.remote.execution_messages import MOST_AT_ONCE, ClaimAnswer, Claimed, ClaimTickets
from penstock.model.remote.try_pace import TryPace
from penstock.processes.supervise import Backoff
from penstock.spec.remote import TicketSource
from penstock.worker.execution_client import ExecutionClient, RefusedByServerError
from penstock.worker.message_pace import MessagePace
from penstock.worker.server_outage import ServerOutage

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 3.0
"""Seconds before what was not answered is asked again."""
LAST_S = 10.0
"""Seconds for which a worker that leaves asks what has become of its last claim; what it has got then is lost with its lease."""
MOST_UNTOLD = 1_000
"""Tries beyond the slots that have ended, and that the server has not heard of, with which none is claimed."""
LISTEN_PAUSES_S = (1.0, 30.0)
"""Seconds, the shortest and the longest, before a source that has failed is called again."""
AHEAD_S, MOST_AHEAD = 0.1, 64
"""Seconds within which what is claimed beyond the slots will have begun, as far as can be seen, and how many these are at most."""
NOTHING = ClaimAnswer(())
ADVICE = "the queues of each are to have names of their own at what carries tickets"
_CLAIMS = "claims"
_TICKET = re.compile(r"[a-z0-9-]{1,63}\.[A-Za-z0-9_-]{1,200}")


class Offered(NamedTuple):
    """A ticket that somebody has brought.

    Attributes:
        secret: Of the ticket.
        claimed: Called with whether the try is this worker's now.
        ended: Called with how it ended.
        foreign: Called where the ticket is another installation's.
    """

    secret: str
    claimed: Callable[[bool], None]
    ended: Callable[[TryEnd | None], None]
    foreign: Callable[[], None] | None = None

    @property
    def name(self) -> str:
        """Of the ticket."""
        return self.secret.partition(".")[0]


class ClaimPorts(NamedTuple):
    """What surrounds claims.

    Attributes:
        claiming: Takes the names of tickets before they are sent.
        claimed: Takes what was claimed, with the instant of the question, and all that was asked for.
        held: How many tries there are, those included that have ended and were not told.
        report: Takes a sentence for people.
        outage: Notes that nothing can be claimed now.
    """

    claiming: Callable[[Sequence[str]], None]
    claimed: Callable[[Sequence[tuple[Offered, Claimed]], float, Sequence[Offered]], None]
    held: Callable[[], int]
    report: Callable[[str], None]
    outage: ServerOutage


class WorkerIdentity(NamedTuple):
    """What a worker is known by.

    Attributes:
        worker: Its name.
        key: The text whose digest is in that name.
        shown: What lets it in: a token, or the ticket that it was started for.
    """

    worker: str
    key: str
    shown: str


class Claims:
    """A thread that claims; it is the worker's `penstock.spec.remote.TicketSink`.

    Args:
        client: The way to the server.
        identity: What the worker is known by.
        slots: Tries that it runs at once.
        ports: What surrounds claims.
        clock: Tells the monotonic instant.

    Attributes:
        unanswered: Whether the last claim was refused as a whole, or never answered, so that nothing is known of its tickets.
    """

    def __init__(
        self, client: ExecutionClient, identity: WorkerIdentity, slots: int, ports: ClaimPorts, clock: Clock
    ) -> None:
        self.worker, self.slots, self._client, self._ports = identity.worker, slots, client, ports
        self._identity = identity
        self._clock, self._pause = clock, threading.Event()
        self._offered: queue.SimpleQueue[Offered | None] = queue.SimpleQueue()
        self._stopping, self._stopped_s, self._stop_asked = False, 0.0, threading.Event()
        self.unanswered = False
        self._lock, self._asked, self._used = threading.Lock(), 0, 0
        self._freed, self._pace = threading.Condition(self._lock), TryPace(AHEAD_S, MOST_AHEAD)
        self._backoff, self._message_pace = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S), MessagePace()
        self._thread = threading.Thread(target=self._run, name="claims", daemon=True)

    @property
    def free(self) -> int:
        """Tickets that it could do with now."""
        with self._lock:
            return max(0, self._most() - self._asked)

    @property
    def idle(self) -> bool:
        """Whether it has no ticket, and no try of one."""
        return not self._asked

    @property
    def stopping(self) -> bool:
        """Whether no ticket is to be brought any more."""
        return self._stopping

    def start(self) -> None:
        """Begin to claim."""
        self._thread.start()

    def take(
        self,
        secret: str,
        claimed: Callable[[bool], None],
        ended: Callable[[TryEnd | None], None] | None = None,
        foreign: Callable[[], None] | None = None,
    ) -> None:
        """Take a ticket; see `penstock.spec.remote.TicketSink.take`."""
        if not is_ticket(secret):  # whoever can write to a broker can write anything
            self._ports.report("what was brought is no ticket, and is thrown away")
            claimed(False)
            return
        with self._lock:
            self._asked += 1
        self._offered.put(Offered(secret, claimed, ended or _nobody, foreign))

    def free_slot(self, ran_s: float | None = None) -> None:
        """Note that a ticket has come to nothing, or that its try has ended after so many seconds."""
        with self._freed:
            if ran_s is not None:
                self._pace.ended(self._now_s(), ran_s)
            self._asked -= 1
            self._used -= 1
            self._freed.notify()

    def stop(self) -> None:
        """Claim nothing any more: what was brought and not claimed is somebody else's; a claim that is under way is told as ever."""
        with self._lock:
            self._stopping = True
            self._stop_asked.set()
            self._stopped_s = self._now_s()
        self._offered.put(None)

    def listen(self, source: TicketSource) -> None:
        """Have tickets brought until this is stopped; a broker that is away is waited for."""
        backoff, reported = Backoff(*LISTEN_PAUSES_S), ""
        while not self._stopping:
            began_s = self._now_s()
            try:
                source.listen(self)
            except Exception as error:  # noqa: BLE001 - a provider's code
                if (why := error_sentence(error)) != reported:
                    self._ports.report(f"no tickets come: {why}")
                reported = why
            if self._now_s() - began_s > LISTEN_PAUSES_S[1]:
                backoff.reset()
                reported = ""
            if not self._stopping:
                self._stop_asked.wait(backoff.pause())

    def _run(self) -> None:
        while (first := self._offered.get()) is not None:
            self._pause.wait(self._message_pace.wait_s(self._now_s()))
            while self._ports.held() > self.slots + MOST_UNTOLD or not (room := self._room(1.0)):
                if self.stopping:
                    return
                self._pause.wait(FIRST_PAUSE_S)
            batch = [first]
            while len(batch) < min(room, MOST_AT_ONCE):
                try:
                    following = self._offered.get_nowait()
                except queue.Empty:
                    break
                if following is None:  # it is to stop after these
                    self._offered.put(None)
                    break
                batch.append(following)
            with self._lock:
                self._used += len(batch)
            self._message_pace.sent(len(batch), self._now_s())
            self._claim(batch)

    def _room(self, timeout_s: float) -> int:
        """Tries that may be claimed now, once there is one."""
        with self._freed:
            self._freed.wait_for(lambda: self._most() > self._used, timeout_s)
            return self._most() - self._used if self._most() > self._used else 0

    def _most(self) -> int:
        return self.slots + self._pace.ahead(self._now_s())

    def _now_s(self) -> float:
        return self._clock.read().monotonic_s

    def _claim(self, batch: Sequence[Offered]) -> None:
        with self._lock:  # whoever stops this sees what is being claimed, or it is not
            if self._stopping:
                return
            self._ports.claiming([each.name for each in batch])
        tickets = tuple(dict.fromkeys(each.secret for each in batch))
        message = ClaimTickets(self.worker, self._identity.key, secrets.token_urlsafe(12), tickets)
        began_s, answer = self._answer(message)
        found = {each.ticket: each for each in answer.tries}
        mine: list[tuple[Offered, Claimed]] = []
        others = []
        for each in batch:
            claimed = found.pop(each.secret, None)  # a ticket that was brought twice is one try
            mine += [] if claimed is None else [(each, claimed)]
            others += [each] if claimed is None else []
        self._ports.claimed(mine, began_s, batch)
        for each in others:
            self.free_slot()
            self._report_claim(each, mine=False, foreign=each.secret in answer.foreign)
        for each, _ in mine:
            self._report_claim(each, mine=True)

    def _report_claim(self, offered: Offered, *, mine: bool, foreign: bool = False) -> None:
        if foreign:
            self._ports.report(f"ticket {offered.name} is another installation's, and left to it: {ADVICE}")
        try:
            if foreign and offered.foreign is not None:
                offered.foreign()
            else:
                offered.claimed(mine)
        except Exception as error:  # noqa: BLE001 - a provider's code
            self._ports.report(f"the source of tickets cannot take what became of one: {error_sentence(error)}")

    def _answer(self, message: ClaimTickets) -> tuple[float, ClaimAnswer]:
        """What a server answers, asked until one does: by the text of the claim it answers the same again."""
        while True:
            began_s = self._now_s()
            try:
                answer = self._client.ask(_CLAIMS, self._identity.shown, message, ClaimAnswer)
            except RefusedByServerError as error:
                self._ports.report(str(error))
                self.unanswered = True
                return began_s, NOTHING
            except ServerError as error:
                self._ports.outage.lacks(_CLAIMS, str(error))
                if self._stopping and self._now_s() - self._stopped_s > LAST_S:
                    self.unanswered = True
                    return began_s, NOTHING
                self._pause.wait(self._backoff.pause())
            else:
                self._backoff.reset()
                self._ports.outage.has(_CLAIMS)
                self.unanswered = False
                return began_s, answer


def is_ticket(text: str) -> bool:
    """Whether a text has the form of a ticket's secret."""
    return bool(_TICKET.fullmatch(text))


def _nobody(_end: TryEnd | None) -> None:
    """Nobody wants to know."""
