"""The hook of Amazon SQS.

Limits are those of the Amazon SQS API Reference: a request receives, deletes or gives back at most 10 messages, a receive waits
for at most 20 seconds, and a message has at most 1 MiB. A batch answers 200 even if some of its entries were refused.
"""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

from penstock.errors import ErrorKind, ProviderError
from penstock_aws.hooks.clients import client
from penstock_aws.hooks.service import AwsHook

_REGION = re.compile(r"https://sqs\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/")
_MOST_AT_ONCE = 10


class SqsMessage(NamedTuple):
    """A message that was received, and is hidden from others for a while.

    Attributes:
        message_id: The service's id of it.
        body: Its text.
        attributes: What its sender has put beside the text: by name ``DataType`` and ``StringValue`` or ``BinaryValue``, the
            latter in Base64.
        facts: What the service says of it, such as ``SentTimestamp`` and ``MessageGroupId``.
        receipt: What deletes it, for as long as it is hidden.
    """

    message_id: str
    body: str
    attributes: dict[str, dict[str, str]]
    facts: dict[str, str]
    receipt: str


class SqsHook(AwsHook):
    """A client of Amazon SQS; a queue is told by its URL, whose region counts, or by its name.

    Args:
        aws_conn_id: The connection, of type ``aws``.
        connection: The connection itself, in place of its name.
    """

    service: ClassVar[str] = "sqs"

    def send(self, queue: str, body: str, **options: Any) -> str:  # noqa: ANN401 - the API's own
        """Send a message to a queue.

        Args:
            queue: URL or name of the queue.
            body: The text.
            **options: Further arguments of SendMessage.

        Returns:
            The message's id.
        """
        sdk, url = self._found(queue)
        with self.errors("SendMessage", queue):
            return str(sdk.send_message(QueueUrl=url, MessageBody=body, **options)["MessageId"])

    def receive(
        self, queue: str, *, at_most: int = _MOST_AT_ONCE, wait_s: int = 0, visibility_timeout_s: int | None = None
    ) -> list[SqsMessage]:
        """Receive messages, which are hidden from others until they are deleted or their time is over.

        Args:
            queue: URL or name of the queue.
            at_most: How many, at most 10.
            wait_s: For how long one is waited for, at most 20.
            visibility_timeout_s: How long they are hidden; the queue decides unless given.
        """
        options = {} if visibility_timeout_s is None else {"VisibilityTimeout": visibility_timeout_s}
        sdk, url = self._found(queue)
        with self.errors("ReceiveMessage", queue):
            answer = sdk.receive_message(
                QueueUrl=url, MaxNumberOfMessages=at_most, WaitTimeSeconds=wait_s,
                MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"], **options,
            )  # fmt: skip
        return [_message(each) for each in answer.get("Messages", ())]

    def delete(self, queue: str, receipts: Sequence[str]) -> list[str]:
        """Delete messages that were received.

        Args:
            queue: URL or name of the queue.
            receipts: The receipts of their last reception.

        Returns:
            A sentence for each whose receipt is good no more: it may be received again.
        """
        (sdk, url), refused = self._found(queue), []
        with self.errors("DeleteMessageBatch", queue):
            for entries in _entries(receipts):
                answer = sdk.delete_message_batch(QueueUrl=url, Entries=entries)
                refused += _refused(answer, queue)
        return refused

    def release(self, queue: str, receipts: Sequence[str]) -> None:
        """Give back messages that were received: others see them at once.

        Args:
            queue: URL or name of the queue.
            receipts: The receipts of their last reception; those that are good no more are passed over.
        """
        sdk, url = self._found(queue)
        with self.errors("ChangeMessageVisibilityBatch", queue):
            for entries in _entries(receipts):
                shown = [{**each, "VisibilityTimeout": 0} for each in entries]
                sdk.change_message_visibility_batch(QueueUrl=url, Entries=shown)

    def _found(self, queue: str) -> tuple[Any, str]:
        """The client in the queue's region, and the queue's URL."""
        region = _REGION.match(queue)
        with self.errors("CreateClient"):
            sdk = client(self.service, replace(self.fields, region_name=region[1]) if region else self.fields)
        if "://" in queue:
            return sdk, queue
        with self.errors("GetQueueUrl", queue):
            return sdk, str(sdk.get_queue_url(QueueName=queue)["QueueUrl"])


def _message(found: Mapping[str, Any]) -> SqsMessage:
    attributes = {
        name: {
            part: base64.b64encode(value).decode() if isinstance(value, bytes) else value
            for part, value in each.items()
            if isinstance(value, bytes | str)
        }
        for name, each in found.get("MessageAttributes", {}).items()
    }
    facts = dict(found.get("Attributes", {}))
    return SqsMessage(found["MessageId"], found["Body"], attributes, facts, found["ReceiptHandle"])


def _entries(receipts: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(receipts), _MOST_AT_ONCE):
        few = receipts[start : start + _MOST_AT_ONCE]
        yield [{"Id": str(number), "ReceiptHandle": each} for number, each in enumerate(few)]


def _refused(answer: Mapping[str, Any], queue: str) -> list[str]:
    """What a batch has refused for good; raises ProviderError for what the service failed at."""
    declined = []
    for each in answer.get("Failed", ()):
        why = f"{queue}: {each.get('Code', '')}: {each.get('Message', '')}"
        if not each.get("SenderFault"):
            raise ProviderError(why, service="sqs", operation="DeleteMessageBatch", kind=ErrorKind.TRANSIENT)
        declined.append(why)
    return declined
