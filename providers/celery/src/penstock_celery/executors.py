"""The executor: a message a ticket, and pools of workers that are Celery's to see."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.spec.remote import Connection, Refused, RemoteContext, RemoteExecutor, Ticket, TicketSource
from penstock_celery.connections import BROKER_URL, SCHEMES, read_options
from penstock_celery.hooks.broker import Broker
from penstock_celery.hooks.ticket_listener import TicketListener

MOST_PASSED = 4
"""How often in a row a ticket is not published again because its queue has as many messages as there could be."""


class CeleryExecutor(RemoteExecutor):
    """Carries tickets to queues of a broker, from which workers take them; whoever can read the broker can take tries.

    Args:
        context: What it is made with.

    Raises:
        ConfigError: An option is wrong.
    """

    secret_environ = (BROKER_URL,)
    connection_types = SCHEMES

    def __init__(self, context: RemoteContext) -> None:
        super().__init__(context)
        self._broker = Broker(read_options(context.options, context.name, context.connection), context.name)
        self._published: dict[str, int] = {}

    def ring(self, tickets: Sequence[Ticket]) -> Sequence[Refused]:
        """Publish a message for each ticket; one whose message is likely to be there still is passed over."""
        due = self._due(tickets)
        self._broker.publish(due)
        self._published |= dict.fromkeys((each.name for each in due), 0)
        return ()

    def silence(self, tickets: Sequence[Ticket], reason: str) -> None:  # noqa: ARG002 - a broker takes no message back
        """Publish them no more: a worker that takes one of their messages finds that it is of no use."""
        self.release(tickets)

    def release(self, tickets: Sequence[Ticket]) -> None:
        """Forget tickets whose tries have ended."""
        for each in tickets:
            self._published.pop(each.name, None)

    def stop(self) -> None:
        """Let go of the broker; messages stay in their queues."""
        self._broker.close()

    @classmethod
    def source(
        cls, options: Mapping[str, Any], queues: Sequence[str], name: str, connection: Connection | None = None
    ) -> TicketSource:
        """Bring tickets by a Celery worker."""
        return TicketListener(read_options(options, name, connection), queues, name)

    def _due(self, tickets: Sequence[Ticket]) -> list[Ticket]:
        """Those to be published: while workers are busy for long, the same ticket must not fill their queue again and again."""
        again = Counter(each.queue for each in tickets if each.name in self._published)
        full = {queue for queue, number in again.items() if self._broker.waiting(queue) >= number}
        due = []
        for each in tickets:
            passed = self._published.get(each.name)
            if passed is not None and each.queue in full and passed < MOST_PASSED:
                self._published[each.name] = passed + 1
            else:
                due.append(each)
        return due
