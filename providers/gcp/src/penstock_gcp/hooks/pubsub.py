"""The hook of Pub/Sub: over its REST API, as gRPC would bring a library of 60 MB for two calls.

Sources: https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions/pull and .../acknowledge.
``returnImmediately`` is discouraged there, as such a pull may find nothing although there is something; without it, a pull
holds whoever asks for as long as the service likes, and messages that it gives to a caller who has gone are hidden until
their deadline is over.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple
from urllib.parse import quote

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.hooks.service_hook import Identity
from penstock_gcp.hooks.service import REACHED, GcpHook

_NAME = re.compile(r"projects/[^/]+/subscriptions/[^/]+")


class PubSubMessage(NamedTuple):
    """A message as it was delivered, without its payload.

    Attributes:
        message_id: The service's id of it.
        attributes: What its publisher has said of it.
        ack_id: What acknowledges this delivery.
    """

    message_id: str
    attributes: Mapping[str, str]
    ack_id: str


class PubSubHook(GcpHook):
    """A client of Pub/Sub.

    Args:
        gcp_conn_id: The connection, of type ``gcp``.
        connection: The connection itself, in place of its name.

    Attributes:
        MOST_AT_ONCE: Messages of one pull; their ids fit into one acknowledgement, of which the service takes 512 KiB
            (googleapis/nodejs-pubsub#1864).
    """

    service: ClassVar[str] = "pubsub"
    MOST_AT_ONCE: ClassVar[int] = 500

    @property
    def endpoint(self) -> str:
        """The URL of the service."""
        return "https://pubsub.googleapis.com"

    def identify(self) -> Identity:
        """Who the token is of; a refusal to list subscriptions proves the connection as well."""
        path, operation = f"/v1/projects/{quote(self.project, safe='')}/subscriptions", "ListSubscriptions"
        try:
            answer = self.call(operation, lambda: self.send(operation, "GET", path, params={"pageSize": "1"}))
        except ProviderError as error:
            if error.kind not in REACHED or error.http_status is None:
                raise
            return self._identity("")
        return self._identity(str(answer.headers.get("Date", "")))

    def pull(self, subscription: str) -> list[PubSubMessage]:
        """The messages that are there, as many as the service gives at once; asked once, as who asks comes again.

        Args:
            subscription: As ``projects/p/subscriptions/s``.
        """
        asked = {"returnImmediately": True, "maxMessages": self.MOST_AT_ONCE}
        found = self._asked("Pull", subscription, "pull", asked).get("receivedMessages", ())
        return [_message(each) for each in found]

    def acknowledge(self, subscription: str, ack_ids: Sequence[str]) -> None:
        """Have messages not delivered again.

        Args:
            subscription: Which has delivered them.
            ack_ids: Of one pull, at least one.
        """
        self._asked("Acknowledge", subscription, "acknowledge", {"ackIds": list(ack_ids)})

    def _asked(self, operation: str, subscription: str, verb: str, asked: dict[str, Any]) -> dict[str, Any]:
        if not _NAME.fullmatch(subscription):
            detail = f"{subscription!r} is no subscription; write projects/<project>/subscriptions/<name>"
            raise ProviderError(detail, service=self.service, operation=operation, kind=ErrorKind.INVALID)
        answer = self.send(
            operation, "POST", f"/v1/{quote(subscription)}:{verb}", what=subscription,
            headers={"Content-Type": "application/json"}, content=json.dumps(asked).encode(),
        )  # fmt: skip
        found: dict[str, Any] = answer.json()
        return found


def _message(found: Mapping[str, Any]) -> PubSubMessage:
    message = found["message"]
    return PubSubMessage(message.get("messageId", ""), message.get("attributes", {}), found["ackId"])
