"""The hook of the Web API: messages, files, channels and users."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from penstock import ConnectionReport
from penstock.errors import ErrorKind, PenstockError, ProviderError
from penstock.spec.hooks.service_hook import Identity
from penstock_slack.hooks.base import was_not_taken
from penstock_slack.hooks.files import SlackFiles
from penstock_slack.hooks.limits import Blocks, fitting_message
from penstock_slack.hooks.pacing import pacing
from penstock_slack.hooks.webhook import SlackWebhookHook

EVENT_TYPE = "penstock_message"
"""The ``event_type`` of the metadata by which a message is known again."""

_BEFORE_S = 600.0  # how far this machine's clock and Slack's may be apart
_PAGE = 200  # messages of a page; Slack asks for no more ("Pagination")


class PostedMessage(NamedTuple):
    """Where a message is, as `SlackHook.update` and a thread want it.

    Attributes:
        channel: The channel's id.
        ts: The message's own id in it.
    """

    channel: str
    ts: str


class SlackHook(SlackFiles):
    """A client of Slack's Web API, with the connection's token.

    Args:
        slack_conn_id: Name of the connection, of type ``slack``.
        connection: The connection itself, in place of its name.
    """

    def test_connection(self) -> ConnectionReport:
        """Ask whose the token is; a connection that has a webhook alone is tested by that."""
        with contextlib.suppress(PenstockError):  # of a field that is wrong, which the report tells
            if self.fields.webhook_url and not self.fields.token:
                return SlackWebhookHook(connection=self.connection).test_connection()
        return super().test_connection()

    def identify(self) -> Identity:
        """Whom Slack takes us for; needs no scope."""
        answer = self._asked("auth.test", {})
        name = f"{answer['user']} in {answer['team']}"
        return Identity(name, f"Slack knows us as {name}.", self._date)

    def own_user_id(self) -> str:
        """Our user, by which our messages are known."""
        return str(self.ask("auth.test")["user_id"])

    def post(  # noqa: PLR0913 - the parts of a message
        self,
        channel: str,
        text: str = "",
        *,
        blocks: Blocks | None = None,
        attachments: Blocks | None = None,
        thread_ts: str = "",
        key: str = "",
        payload: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> PostedMessage:
        """Post a message; returns where it is.

        It is posted again where Slack has not taken it for sure. Where an answer got lost, a message with a key is looked
        for first, and one without a key fails.

        Args:
            channel: Id or name of the channel.
            text: The message, or what a notification shows of its blocks.
            blocks: Blocks of Block Kit; too long texts are cut.
            attachments: Attachments of the older kind.
            thread_ts: The ``ts`` of the message that it answers.
            key: Its own name, by which it is known again; it goes along as metadata.
            payload: What else its metadata holds.
            options: Other arguments of ``chat.postMessage``, such as ``unfurl_links`` or ``username``.

        Raises:
            penstock.errors.ProviderError: Slack did not take it; of kind ``invalid`` without a request if it cannot.
        """
        message = {"text": text, "blocks": blocks, "attachments": attachments, "thread_ts": thread_ts}
        body = {"channel": channel, **fitting_message(message), **(options or {})}
        if key:
            body["metadata"] = {"event_type": EVENT_TYPE, "event_payload": {"key": key, **(payload or {})}}
        begun_at, unsure = time.time(), False

        def attempt() -> PostedMessage:
            nonlocal unsure
            if unsure and (found := self.find_posted(channel, key, begun_at, thread_ts=thread_ts)):
                return found
            pacing.wait(self.fields.token, channel.removeprefix("#"), self.retry.deadline_s)
            try:
                answer = self._asked("chat.postMessage", body, channel)
            except ProviderError as error:
                unsure = unsure or not was_not_taken(error)
                raise
            return PostedMessage(answer["channel"], answer["ts"])

        return self.call("chat.postMessage", attempt, channel, repeated=lambda error: _again(error, bool(key)))

    def update(
        self,
        channel: str,
        ts: str,
        text: str = "",
        *,
        blocks: Blocks | None = None,
        attachments: Blocks | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Put a message of ours into the place of another; a repetition changes nothing.

        Args:
            channel: Id or name of the channel.
            ts: The message.
            text: As that of `post`.
            blocks: As that of `post`.
            attachments: As that of `post`.
            options: Other arguments of ``chat.update``, such as ``metadata``.

        Raises:
            penstock.errors.ProviderError: As `post`; of kind ``not_found`` if there is no such message.
        """
        message = fitting_message({"text": text, "blocks": blocks, "attachments": attachments})
        body = {"channel": self.channel_id(channel), "ts": ts, **message, **(options or {})}
        self.ask("chat.update", body, channel)

    def delete(self, channel: str, ts: str) -> bool:
        """Delete a message of ours; False if there is none."""
        try:
            self.ask("chat.delete", {"channel": self.channel_id(channel), "ts": ts}, channel)
        except ProviderError as error:
            if error.code == "message_not_found":
                return False
            raise
        return True

    def history(self, channel: str, since: float, *, thread_ts: str = "") -> Iterator[dict[str, Any]]:
        """The messages of a channel or a thread with their metadata, page by page; those of a channel newest first.

        Args:
            channel: Id or name of the channel.
            since: Seconds since 1970; older messages are left out.
            thread_ts: The first message of a thread; then this thread's messages, oldest first, and not the channel's.

        Raises:
            penstock.errors.ProviderError: Of kind ``permission`` without the scope ``channels:history``.
        """
        arguments: dict[str, Any] = {
            "channel": self.channel_id(channel),
            "include_all_metadata": True,
            "oldest": f"{max(0.0, since):.6f}",
            "limit": _PAGE,
        }
        if thread_ts:
            arguments["ts"] = thread_ts
        yield from self.listed(
            "conversations.replies" if thread_ts else "conversations.history", arguments, "messages", what=channel
        )

    def find_posted(self, channel: str, key: str, since: float, *, thread_ts: str = "") -> PostedMessage | None:
        """Look for a message of ours by its key; None if it is not there, or if we may not look.

        Args:
            channel: Id or name of the channel.
            key: The key that it was posted with.
            since: Seconds since 1970 at which it was posted at the earliest.
            thread_ts: The first message of its thread.
        """
        if not key:
            return None
        try:
            for each in self.history(channel, since - _BEFORE_S, thread_ts=thread_ts):
                if payload_of(each).get("key") == key:
                    return PostedMessage(self.channel_id(channel), each["ts"])
        except ProviderError as error:
            if error.code != "missing_scope":
                raise
            print(f"whether the message is there already cannot be told: {error}")  # noqa: T201 - the task's log
        return None

    def user_id(self, email: str) -> str:
        """The id of the user with a mail address, for a mention such as ``<@U012AB3CD>``."""
        return str(self.ask("users.lookupByEmail", {"email": email}, email)["user"]["id"])


def payload_of(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the metadata of a message of ours holds; nothing of anybody else's."""
    metadata = message.get("metadata") or {}
    return (metadata.get("event_payload") or {}) if metadata.get("event_type") == EVENT_TYPE else {}


def _again(error: ProviderError, may_look: bool) -> bool:  # noqa: FBT001
    return was_not_taken(error) or (
        may_look and error.kind in (ErrorKind.TRANSIENT, ErrorKind.TIMEOUT, ErrorKind.THROTTLED)
    )
