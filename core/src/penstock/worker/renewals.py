"""Says again and again that the worker lives and what it has, and hears what it is to end."""

import threading
from collections.abc import Callable
from typing import NamedTuple

from penstock.clock import Clock
from penstock.errors import ServerError
from penstock.model.names import error_sentence
from penstock.model.remote.execution_messages import Renewal, RenewalAnswer
from penstock.model.remote.remote_try import WorkerStatus
from penstock.processes.supervise import Backoff
from penstock.worker.claims import WorkerIdentity
from penstock.worker.execution_client import WHOLE_S, ExecutionClient, RefusedByServerError
from penstock.worker.server_outage import ServerOutage
from penstock.worker.worker_tries import WorkerTries

IDLE_S = 25.0
"""Seconds for which the server waits with its answer to a worker that has nothing."""
LEASE_SHARE, IDLE_SHARE = 4, 2
"""How often a worker with tries speaks within their lease, at least, and one without: what it claims begins with a whole lease."""
SETTLED_S = 1.0
"""Seconds after which a server has stored what it was told, though its answer waits."""
AT_ONCE_S = 5.0
"""Seconds in which the first answer and the last have to be here: nothing else is done meanwhile."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 3.0
"""Seconds before what was not answered is said again."""

_RENEWALS = "renewals"


class RenewalPorts(NamedTuple):
    """What is done with an answer; each is called in the thread of the renewals.

    Attributes:
        renewed: Takes the monotonic instant of the question that was answered: from then on the leases run.
        answered: Takes the answer.
        report: Takes a sentence for people.
        outage: Notes that no lease can be renewed now.
    """

    renewed: Callable[[float], None]
    answered: Callable[[RenewalAnswer], None]
    report: Callable[[str], None]
    outage: ServerOutage


class Renewals:
    """A thread that renews the leases of all tries of a worker at once, whatever these do.

    Args:
        client: The way to the server.
        identity: What the worker is known by.
        tries: What it has.
        status: Tells what the worker says of itself.
        ports: What is done with answers.
        lease_s: Seconds within which a worker that has nothing yet will have to speak again once it has something.
        clock: Tells the monotonic instant.
    """

    def __init__(
        self,
        client: ExecutionClient,
        identity: WorkerIdentity,
        tries: WorkerTries,
        status: Callable[[float], WorkerStatus],
        ports: RenewalPorts,
        lease_s: float,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._client, self._identity, self._tries, self._status, self._ports = client, identity, tries, status, ports
        self._idle_s, self._stopping = min(IDLE_S, lease_s / IDLE_SHARE), False
        self._backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        self._wake, self._disowned, self._asked_s = threading.Event(), set[str](), 0.0
        self._came_in = False
        self._thread = threading.Thread(target=self._run, name="renewals", daemon=True)

    def start(self) -> None:
        """Say that the worker lives; raises RefusedByServerError if the server lets it not in."""
        try:
            self._renew(wait=False, within_s=AT_ONCE_S)
        except ServerError as error:
            self._ports.outage.lacks(_RENEWALS, str(error))
        self.go_on()

    def go_on(self) -> None:
        """Say so again and again from now on, unless that is being done."""
        if self._thread.ident is None:
            self._thread.start()

    def leave(self) -> None:
        """Say that the worker leaves; a server that does not hear it finds it silent."""
        self._stopping = True
        self._wake.set()
        on_its_way_s = SETTLED_S - (self._clock.read().monotonic_s - self._asked_s)
        if on_its_way_s > 0 and self._thread.is_alive():
            self._thread.join(on_its_way_s)  # else what it says would come after this, and be believed
        try:
            leaving = Renewal(self._status(0.0), self._identity.key, leaves=True)
            self._client.ask("renewals", self._identity.shown, leaving, RenewalAnswer, within_s=AT_ONCE_S)
        except (ServerError, RefusedByServerError):
            return

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._renew(wait=True)
                self._backoff.reset()
            except ServerError as error:
                if not self._stopping:
                    self._ports.outage.lacks(_RENEWALS, str(error))
                self._wake.wait(self._backoff.pause())
            except RefusedByServerError as error:
                self._came_in = False
                if not self._stopping:
                    self._ports.report(str(error))
                self._wake.wait(self._backoff.pause())
            except Exception as error:  # noqa: BLE001 - without this thread all tries of the worker would be lost
                self._ports.report(f"its lease cannot be renewed: {error_sentence(error)}")
                self._wake.wait(self._backoff.pause())

    def _renew(self, *, wait: bool, within_s: float = WHOLE_S) -> None:
        tries = self._tries.all()
        wait_s = min((each.lease_s / LEASE_SHARE for each in tries), default=self._idle_s)
        disowned = tuple(self._disowned)
        asked = Renewal(
            self._status(wait_s),
            self._identity.key,
            tuple(each.token for each in tries if not each.gone),
            self._tries.names_claimed(),
            tuple(each.name for each in tries if each.cancel_reason),
            disowned,
            wait_s if wait and not disowned else 0.0,
        )
        began_s = self._asked_s = self._clock.read().monotonic_s
        answer = self._client.ask(
            "renewals", self._identity.shown, asked, RenewalAnswer, wait_s=asked.wait_s, within_s=within_s
        )
        self._ports.renewed(began_s)
        self._ports.outage.has(_RENEWALS)
        if asked.status.executor and not self._came_in:
            self._ports.report(_came_in(asked.status, self._client.where))
        self._came_in = True
        # What it does not have when it is asked, it never will: a ticket is exchanged once.
        self._disowned = set(self._tries.unknown(answer.doubtful))
        if not self._stopping:
            self._ports.answered(answer)


def _came_in(status: WorkerStatus, where: str) -> str:
    queues, slots = ", ".join(status.queues), status.slots
    return f"{status.worker} is known at {where}: executor {status.executor}, queues {queues}, slots {slots}"
