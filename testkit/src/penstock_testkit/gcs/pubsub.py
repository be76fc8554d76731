"""A strict fake of the REST API of Pub/Sub, as far as a subscription to a bucket's notifications is pulled from.

Shapes: https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions (list, pull, acknowledge), and attributes
of https://cloud.google.com/storage/docs/pubsub-notifications.
Not covered: pulls that wait, deadlines that end by themselves, topics, publishing, ordering, delivery exactly once, payloads,
notifications of anything but a new content.
"""

import itertools
from dataclasses import dataclass, field
from typing import Any

from penstock_testkit.gcs.cloud_storage import Gcs
from penstock_testkit.gcs.refusals import status_refusal
from penstock_testkit.gcs.state import StoredObject
from penstock_testkit.gcs.tokens import GoogleTokens
from penstock_testkit.saas import App, HttpAnswer, HttpRequest, NotFakedError, RouteTable

subscriptions = RouteTable(query=("$alt",))  # as of Secret Manager


@dataclass
class Subscription:
    """What a subscription has.

    Attributes:
        waiting: Attributes of messages that are to be delivered, by their ids.
        outstanding: Those that were delivered and are not acknowledged: message and attributes by the delivery's id.
    """

    waiting: dict[str, dict[str, str]] = field(default_factory=dict)
    outstanding: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)


@subscriptions.route("GET /v1/projects/{project}/subscriptions", query=("pageSize",))
def listed(fake: Any, request: HttpRequest, project: str) -> HttpAnswer:  # noqa: ANN401 - the app that this is a part of
    """List a first page of a project's subscriptions."""
    found = [{"name": each} for each in sorted(fake.subscriptions) if each.startswith(f"projects/{project}/")]
    return HttpAnswer.json({"subscriptions": found[: int(request.query["pageSize"])]})


@subscriptions.route(
    "POST /v1/projects/{project}/subscriptions/{name}:pull", fields=("returnImmediately", "maxMessages")
)
def pull(fake: Any, request: HttpRequest, project: str, name: str) -> HttpAnswer:  # noqa: ANN401
    """Deliver what waits; an answer without messages is empty. Raises NotFakedError for a pull that would wait."""
    found = fake.subscriptions.get(f"projects/{project}/subscriptions/{name}")
    if found is None:
        return _missing(name)
    if not request.fields.get("returnImmediately"):
        raise NotFakedError("a pull that waits for messages")
    delivered = []
    for message in list(found.waiting)[: int(request.fields["maxMessages"])]:
        ack, attributes = f"ack-{next(fake.numbers)}", found.waiting.pop(message)
        found.outstanding[ack] = message, attributes
        delivered.append({"ackId": ack, "message": {"messageId": message, "attributes": attributes}})
    return HttpAnswer.json({"receivedMessages": delivered} if delivered else {})


@subscriptions.route("POST /v1/projects/{project}/subscriptions/{name}:acknowledge", fields=("ackIds",))
def acknowledge(fake: Any, request: HttpRequest, project: str, name: str) -> HttpAnswer:  # noqa: ANN401
    """Forget messages; one that was acknowledged before is no error."""
    found = fake.subscriptions.get(f"projects/{project}/subscriptions/{name}")
    if found is None:
        return _missing(name)
    if not request.fields["ackIds"]:
        return status_refusal(400, "No ack ids specified.")
    for each in request.fields["ackIds"]:
        found.outstanding.pop(each, None)
    return HttpAnswer.json({})


class PubSub(App):
    """Pub/Sub.

    Args:
        tokens: Who issues the tokens that are let in.

    Attributes:
        subscriptions: By their whole names.
    """

    name = "pubsub"
    hosts = ("pubsub.googleapis.com",)
    tables = (subscriptions,)

    def __init__(self, tokens: GoogleTokens) -> None:
        super().__init__()
        self.tokens = tokens
        self.subscriptions: dict[str, Subscription] = {}
        self.numbers = itertools.count(1)

    def handle(self, request: HttpRequest) -> HttpAnswer:
        """Let in who has a token, and answer."""
        if not self.tokens.is_live(request.header("Authorization").removeprefix("Bearer ")):
            return status_refusal(401, "Request had invalid authentication credentials.")
        return super().handle(request)

    def refusal(self, request: HttpRequest, status: int) -> HttpAnswer:
        """A refusal in the service's words."""
        del request
        return status_refusal(status, "The service was unable to fulfill your request. Please try again.")

    def subscribe(self, name: str, gcs: Gcs | None = None) -> Subscription:
        """A new subscription, to the notifications of all buckets if there are any."""
        self.subscriptions[name] = Subscription()
        if gcs is not None:
            gcs.listeners.append(lambda stored: self.publish(name, notification(stored)))
        return self.subscriptions[name]

    def publish(self, name: str, attributes: dict[str, str]) -> None:
        """Put a message into a subscription."""
        self.subscriptions[name].waiting[f"message-{next(self.numbers)}"] = attributes

    def redeliver(self, name: str) -> None:
        """End the deadlines of all messages that are delivered and not acknowledged."""
        found = self.subscriptions[name]
        found.waiting |= dict(found.outstanding.values())
        found.outstanding.clear()


def notification(stored: StoredObject) -> dict[str, str]:
    """The attributes of the message about a new content."""
    return {
        "notificationConfig": f"projects/_/buckets/{stored.bucket}/notificationConfigs/1",
        "eventType": "OBJECT_FINALIZE",
        "payloadFormat": "NONE",
        "bucketId": stored.bucket,
        "objectId": stored.name,
        "objectGeneration": str(stored.generation),
        "eventTime": stored.resource["updated"],
    }


def _missing(name: str) -> HttpAnswer:
    return status_refusal(404, f"Resource not found (resource={name}).")
