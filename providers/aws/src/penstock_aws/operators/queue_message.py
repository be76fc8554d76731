"""The operator that sends a message to a queue of Amazon SQS."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from penstock import Operator
from penstock_aws.hooks import SqsHook

_SENT = "sent"


class SqsPublishOperator(Operator):
    """Sends a message to a queue of Amazon SQS; its id is what the task leaves for others.

    A message that was sent is not sent again by a later try. Where the answer was lost, a queue in order (``.fifo``) takes the
    repetition within five minutes as the same message; another one may have it twice.

    Args:
        sqs_queue: URL or name of the queue.
        message_content: The text, at most 1 MiB with its attributes.
        message_attributes: What stands beside the text: by name ``DataType`` and a value, as the API has it.
        delay_seconds: How long it is hidden at first, at most 900; the queue decides unless given.
        message_group_id: The group within which a queue in order keeps it; that needs one.
        message_deduplication_id: What makes two messages the same in a queue in order; each task instance has its own
            unless given.
        aws_conn_id: The connection.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = (
        "sqs_queue", "message_content", "message_attributes", "message_group_id", "message_deduplication_id",
    )  # fmt: skip

    def __init__(
        self,
        *,
        sqs_queue: str,
        message_content: str,
        message_attributes: Mapping[str, Mapping[str, Any]] | None = None,
        delay_seconds: int | None = None,
        message_group_id: str = "",
        message_deduplication_id: str = "",
        aws_conn_id: str = "aws_default",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        self.sqs_queue, self.message_content, self.message_attributes = sqs_queue, message_content, message_attributes
        self.delay_seconds, self.message_group_id = delay_seconds, message_group_id
        self.message_deduplication_id, self.aws_conn_id = message_deduplication_id, aws_conn_id

    def execute(self, context: Any) -> str:  # noqa: ANN401 - the spec's signature
        """Send it; returns its id.

        Raises:
            ProviderError: It was refused, or it is not known whether it was.
        """
        checkpoints = context["checkpoints"]
        kept = checkpoints.get(_SENT)
        if kept is None:
            kept = {"token": uuid.uuid4().hex}
            checkpoints.set(_SENT, kept)
        if "id" in kept:
            self.log.info("%s: an earlier try has sent the message %s", self.sqs_queue, kept["id"])
        else:
            sent = SqsHook(self.aws_conn_id).send(self.sqs_queue, self.message_content, **self._options(kept["token"]))
            kept = {**kept, "id": sent}
            checkpoints.set(_SENT, kept)
            self.log.info("%s: sent the message %s", self.sqs_queue, sent)
        return str(kept["id"])

    def _options(self, token: str) -> dict[str, Any]:
        options: dict[str, Any] = {}
        if self.message_attributes:
            options["MessageAttributes"] = self.message_attributes
        if self.delay_seconds is not None:
            options["DelaySeconds"] = self.delay_seconds
        if self.message_group_id:
            options["MessageGroupId"] = self.message_group_id
        if self.sqs_queue.endswith(".fifo"):
            options["MessageDeduplicationId"] = self.message_deduplication_id or token
        return options
