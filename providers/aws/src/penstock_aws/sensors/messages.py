"""The sensor of Amazon SQS: it waits for messages, and hands on what it has received."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from penstock import PokeResult, Sensor
from penstock.errors import ErrorKind, ProviderError
from penstock_aws.hooks import SqsHook, SqsMessage
from penstock_aws.sensors.received import MOST_BYTES, ReceivedMessages, size

_PASSING = (ErrorKind.TRANSIENT, ErrorKind.THROTTLED, ErrorKind.TIMEOUT)


class SqsSensor(Sensor):
    """Waits for messages of a queue of Amazon SQS; they are what the task leaves for others.

    Each is a dict with ``message_id``, ``body``, ``attributes`` and ``facts``. Messages are stored with the task before they are
    deleted from the queue: a process that is killed loses none, and whoever goes on with the wait hands on the same ones. The
    service itself may deliver a message twice, above all if ``visibility_timeout_s`` is over before it was deleted.

    Args:
        sqs_queue: URL or name of the queue.
        max_messages: How many are received at once, at most 10.
        num_batches: How often a poke receives.
        wait_time_seconds: How long a poke waits for a first message, at most 20.
        visibility_timeout_s: How long what was received is hidden from others; the queue decides unless given.
        match: Only messages count whose body is a JSON object with these values: by the field's name, or by names with dots
            between them for fields within fields, a value or a list of values that may be there. The others are given back.
        check_fn: A message counts only if this function of its `penstock_aws.hooks.SqsMessage` says so.
        delete_message_on_reception: Whether they are deleted; if not, each has its ``receipt`` as well.
        aws_conn_id: The connection.
        **kwargs: What every sensor takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("sqs_queue", "match")

    def __init__(  # noqa: PLR0913 - the arguments of a task, each by name
        self,
        *,
        sqs_queue: str,
        max_messages: int = 5,
        num_batches: int = 1,
        wait_time_seconds: int = 1,
        visibility_timeout_s: int | None = None,
        match: Mapping[str, Any] | None = None,
        check_fn: Callable[[SqsMessage], bool] | None = None,
        delete_message_on_reception: bool = True,
        aws_conn_id: str = "aws_default",
        **kwargs: Any,  # noqa: ANN401 - a sensor's own
    ) -> None:
        super().__init__(**kwargs)
        self.sqs_queue, self.max_messages, self.num_batches = sqs_queue, max_messages, num_batches
        self.wait_time_seconds, self.visibility_timeout_s = wait_time_seconds, visibility_timeout_s
        self.match, self.check_fn, self.aws_conn_id = match, check_fn, aws_conn_id
        self.delete_message_on_reception = delete_message_on_reception

    def poke_key(self) -> str | None:
        """None: a message is one task's."""
        return None

    def poke(self, context: Any) -> bool | PokeResult:  # noqa: ANN401 - the spec's signature
        """Receive once, or go on with what was received."""
        hook, kept = SqsHook(self.aws_conn_id), ReceivedMessages(context["checkpoints"])
        messages = kept.load()
        if messages is None:
            messages = self._received(hook)
            if not messages:
                return False
            kept.store(messages)
        if not self.delete_message_on_reception:
            return PokeResult(True, [each._asdict() for each in messages])
        if not self._deleted(hook, messages):
            return False
        shown = ("message_id", "body", "attributes", "facts")
        return PokeResult(True, [{name: getattr(each, name) for name in shown} for each in messages])

    def _received(self, hook: SqsHook) -> list[SqsMessage]:
        taken: list[SqsMessage] = []
        others: list[SqsMessage] = []
        room = MOST_BYTES
        try:
            for number in range(self.num_batches):
                found = hook.receive(
                    self.sqs_queue, at_most=self.max_messages, visibility_timeout_s=self.visibility_timeout_s,
                    wait_s=self.wait_time_seconds if number == 0 else 0,
                )  # fmt: skip
                for each in found:
                    counts = self._counts(each) and (room := room - size(each)) >= 0
                    (taken if counts else others).append(each)
        finally:
            # Not sooner, or the next batch would be of the same messages.
            if others:
                hook.release(self.sqs_queue, [each.receipt for each in others])
        return taken

    def _deleted(self, hook: SqsHook, messages: Sequence[SqsMessage]) -> bool:
        try:
            refused = hook.delete(self.sqs_queue, [each.receipt for each in messages])
        except ProviderError as error:
            if error.kind not in _PASSING:
                raise
            self.log.warning("%s The messages are stored; deletes them after the poke_interval.", error)
            return False
        for each in refused:
            self.log.warning("A message was not deleted, and may be delivered again: %s", each)
        return True

    def _counts(self, message: SqsMessage) -> bool:
        if self.match and not _matches(message.body, self.match):
            return False
        return self.check_fn is None or bool(self.check_fn(message))


def _matches(body: str, wanted: Mapping[str, Any]) -> bool:
    try:
        found = json.loads(body)
    except ValueError:
        return False
    return all(
        _field(found, path) in (values if isinstance(values, list) else [values]) for path, values in wanted.items()
    )


_MISSING = object()


def _field(found: Any, path: str) -> Any:  # noqa: ANN401 - any JSON value
    for name in path.split("."):
        if not isinstance(found, dict) or name not in found:
            return _MISSING
        found = found[name]
    return found
