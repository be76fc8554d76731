"""The notifier of Amazon SNS: from a topic, alerts go to mail, SMS, queues and functions.

Limits are those of Publish in the Amazon SNS API Reference: a message with its attributes has at most 256 KiB, a
subject fewer than 100 characters of ASCII without control characters, a deduplication id 128 letters, digits and marks.
"""

import hashlib
from typing import Any

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.notifier import AlertMessage
from penstock_aws.hooks import SnsHook

_MESSAGE_BYTES = 250_000  # the rest is for the attributes
_SUBJECT_LETTERS = 99


class SnsNotifier:
    """Publishes alerts to a topic of Amazon SNS; implements `penstock.spec.notifier.Notifier`.

    The attributes ``event``, ``dag_id`` and ``task_id`` are for the filter policies of subscriptions. A topic whose name
    ends with ``.fifo`` takes an alert once though it is sent again within five minutes; another one may tell it twice.

    Args:
        topic_arn: The topic; its region is used, whatever that of the connection.
        aws_conn_id: The connection, of type ``aws``.
    """

    def __init__(self, *, topic_arn: str, aws_conn_id: str = "aws_default") -> None:
        parts = topic_arn.split(":")
        if len(parts) != 6 or parts[0] != "arn" or parts[2] != "sns":
            raise ProviderError(
                f"topic_arn is {topic_arn!r}", service="sns", operation="Publish", kind=ErrorKind.INVALID,
                hint="Give the ARN of a topic, such as arn:aws:sns:eu-west-1:123456789012:alerts",
            )  # fmt: skip
        self._topic, self._conn_id = topic_arn, aws_conn_id

    def send(self, message: AlertMessage) -> None:
        """Publish it; title and text are the message, and the title the subject as far as one can show it."""
        text = _cut(f"{message.title}\n\n{message.text}")
        SnsHook(self._conn_id).publish(self._topic, text, **self._options(message))

    def _options(self, message: AlertMessage) -> dict[str, Any]:
        attributes = {"event": message.event, "dag_id": message.dag_id, "task_id": message.task_id}
        options: dict[str, Any] = {
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
            }
        }
        if subject := _subject(message.title):
            options["Subject"] = subject
        if self._topic.endswith(".fifo"):
            options["MessageGroupId"] = message.dag_id[:128] or "penstock"
            options["MessageDeduplicationId"] = hashlib.sha256(message.key.encode()).hexdigest()
        return options


def _subject(title: str) -> str:
    """The title in the signs that a subject may have."""
    shown = "".join(each if " " <= each <= "~" else " " if each.isspace() else "?" for each in title)
    return shown.strip()[:_SUBJECT_LETTERS]


def _cut(text: str) -> str:
    data = text.encode()
    if len(data) <= _MESSAGE_BYTES:
        return text
    return data[:_MESSAGE_BYTES].decode(errors="ignore") + "\n... (cut)"
