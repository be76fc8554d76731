"""Operators of Slack: thin tasks over `penstock_slack.hooks`; each is safe to repeat.

A task's later try knows by a checkpoint whether an earlier one has posted. Where that one ended in between, the message is
looked for by a key that was kept before it was posted.
"""

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from penstock import Operator
from penstock_slack.hooks import SlackHook, SlackWebhookHook
from penstock_slack.hooks.limits import Blocks

_POSTED, _INTENT, _STAGED = "slack posted", "slack intent", "slack staged"


class SlackPostOperator(Operator):
    """Posts a message; returns ``{"channel": ..., "ts": ...}``, for an update or a thread.

    Args:
        channel: Id or name of the channel.
        text: The message, or what a notification shows of its blocks.
        blocks: Blocks of Block Kit.
        attachments: Attachments of the older kind.
        thread_ts: The ``ts`` of the message that it answers.
        options: Other arguments of ``chat.postMessage``, such as ``{"unfurl_links": False}``.
        slack_conn_id: The connection.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("channel", "text", "blocks", "attachments", "thread_ts")

    def __init__(
        self,
        *,
        channel: str,
        text: str = "",
        blocks: Blocks | None = None,
        attachments: Blocks | None = None,
        thread_ts: str = "",
        options: Mapping[str, Any] | None = None,
        slack_conn_id: str = "slack_default",
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        self.channel, self.text, self.blocks, self.attachments = channel, text, blocks, attachments
        self.thread_ts, self.options, self.slack_conn_id = thread_ts, options, slack_conn_id

    def execute(self, context: Any) -> dict[str, str]:  # noqa: ANN401 - the spec's signature
        """Post it, unless an earlier try has."""
        hook, kept = SlackHook(self.slack_conn_id), context["checkpoints"]
        if (posted := kept.get(_POSTED)) is not None:
            return dict(posted)
        intent, found = kept.get(_INTENT), None
        if intent is not None:
            found = hook.find_posted(self.channel, intent["key"], intent["at"], thread_ts=self.thread_ts)
        else:
            intent = {"key": uuid.uuid4().hex, "at": time.time()}
            kept.set(_INTENT, intent)
        message = found or hook.post(
            self.channel,
            self.text,
            blocks=self.blocks,
            attachments=self.attachments,
            thread_ts=self.thread_ts,
            key=intent["key"],
            options=self.options,
        )
        kept.set(_POSTED, message._asdict())
        print(f"posted {message.ts} in {message.channel}")  # noqa: T201 - the task's log
        return message._asdict()


class SlackUpdateOperator(Operator):
    """Puts a message of the app into the place of another one of it.

    Args:
        channel: Id or name of the channel.
        ts: The message: the ``ts`` that `SlackPostOperator` returned.
        text: As that of `SlackPostOperator`.
        blocks: As that of `SlackPostOperator`.
        attachments: As that of `SlackPostOperator`.
        slack_conn_id: The connection.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("channel", "ts", "text", "blocks", "attachments")

    def __init__(
        self,
        *,
        channel: str,
        ts: str,
        text: str = "",
        blocks: Blocks | None = None,
        attachments: Blocks | None = None,
        slack_conn_id: str = "slack_default",
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        self.channel, self.ts, self.text, self.blocks = channel, ts, text, blocks
        self.attachments, self.slack_conn_id = attachments, slack_conn_id

    def execute(self, context: Any) -> None:  # noqa: ANN401, ARG002 - the spec's signature
        """Update it."""
        hook = SlackHook(self.slack_conn_id)
        hook.update(self.channel, self.ts, self.text, blocks=self.blocks, attachments=self.attachments)


class SlackFileOperator(Operator):
    """Uploads a file into a channel, piece by piece; returns the file's id.

    Args:
        channel: Id or name of the channel.
        file: Path of the file; give this or content.
        content: The content itself, as text.
        filename: Its name in Slack; that of the path unless given.
        title: Its title; the filename unless given.
        comment: A message that introduces it.
        thread_ts: The ``ts`` of the message that it answers.
        slack_conn_id: The connection.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = (
        "channel", "file", "content", "filename", "title", "comment", "thread_ts",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - the parts of an upload
        self,
        *,
        channel: str,
        file: str = "",
        content: str = "",
        filename: str = "",
        title: str = "",
        comment: str = "",
        thread_ts: str = "",
        slack_conn_id: str = "slack_default",
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        self.channel, self.file, self.content, self.filename = channel, file, content, filename
        self.title, self.comment, self.thread_ts, self.slack_conn_id = title, comment, thread_ts, slack_conn_id

    def execute(self, context: Any) -> str:  # noqa: ANN401 - the spec's signature
        """Upload it, unless an earlier try has.

        Raises:
            ValueError: Neither or both of file and content are given.
        """
        if bool(self.file) == bool(self.content):
            raise ValueError("give one of file and content")
        hook, kept = SlackHook(self.slack_conn_id), context["checkpoints"]
        if (posted := kept.get(_POSTED)) is not None:
            return str(posted)
        file_id = kept.get(_STAGED)
        if file_id is None:
            channel_id = hook.channel_id(self.channel)  # a wrong one is told before anything is sent
            file_id = hook.stage_file(self.file or self.content.encode(), filename=self.filename)
            kept.set(_STAGED, file_id)
            shared = False
        else:
            channel_id, shared = hook.channel_id(self.channel), hook.is_shared(file_id)
        if not shared:
            hook.share_file(
                file_id,
                channel_id,
                title=self.title or self.filename,
                comment=self.comment,
                thread_ts=self.thread_ts,
            )
        kept.set(_POSTED, file_id)
        print(f"uploaded {file_id} into {channel_id}")  # noqa: T201 - the task's log
        return str(file_id)


class SlackWebhookOperator(Operator):
    """Sends a message by an incoming webhook.

    Such a message has no id: where Slack's answer gets lost, the task fails, and a retry may say it twice.

    Args:
        text: The message, or what a notification shows of its blocks.
        blocks: Blocks of Block Kit.
        attachments: Attachments of the older kind.
        slack_conn_id: The connection.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("text", "blocks", "attachments")

    def __init__(
        self,
        *,
        text: str = "",
        blocks: Blocks | None = None,
        attachments: Blocks | None = None,
        slack_conn_id: str = "slack_default",
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        self.text, self.blocks, self.attachments, self.slack_conn_id = text, blocks, attachments, slack_conn_id

    def execute(self, context: Any) -> None:  # noqa: ANN401 - the spec's signature
        """Send it, unless an earlier try has."""
        kept = context["checkpoints"]
        if kept.get(_POSTED) is None:
            SlackWebhookHook(self.slack_conn_id).send(self.text, blocks=self.blocks, attachments=self.attachments)
            kept.set(_POSTED, True)
