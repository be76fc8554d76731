"""What a workspace holds."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from penstock_testkit.saas import App, HttpAnswer
from penstock_testkit.saas.messages import HttpRequest
from penstock_testkit.slack.slack_errors import SlackRefusedError

SCOPES = frozenset(
    {"chat:write", "channels:read", "groups:read", "channels:history", "files:write", "files:read", "users:read.email"}
)


@dataclass
class SlackMessage:
    """A message of a channel.

    Attributes:
        ts: Its id in the channel.
        user: Who posted it.
        fields: Text, blocks, attachments, metadata, thread_ts and what else it was posted with.
        updates: How often it was updated.
    """

    ts: str
    user: str
    fields: dict[str, Any]
    updates: int = 0

    @property
    def text(self) -> str:
        """All that it shows: the texts of its blocks, or its text."""
        parts = [each["text"] for each in self.fields.get("blocks", ()) if "text" in each]
        parts += [inner for each in self.fields.get("blocks", ()) for inner in each.get("elements", ())]
        found = [each if isinstance(each, str) else str(each.get("text", "")) for each in parts]
        return "\n".join(found) if found else str(self.fields.get("text", ""))


@dataclass
class SlackFile:
    """A file that was announced.

    Attributes:
        name: Its name.
        length: The bytes that were announced.
        content: What was uploaded; None before.
        channel: Where it was shared; "" before.
        fields: What it was shared with.
    """

    name: str
    length: int
    content: bytes | None = None
    channel: str = ""
    fields: dict[str, Any] = field(default_factory=dict)


class WorkspaceState(App):
    """A workspace.

    Args:
        channels: Names of its public channels; ids are C000000001 and so on.
        now_ns: Tells nanoseconds since 1970, of which ids of messages are made.

    Attributes:
        token: The app's token.
        scopes: What the token may do.
        webhook_url: An incoming webhook, into the first channel.
        channels: Channels' names by id; private ones are in `private`, too.
        private: Ids of private channels.
        archived: Ids of archived channels.
        messages: Messages by channel, oldest first.
        files: Files by id.
        emails: Users' ids by mail address.
        largest_page: What a page holds at most, whatever was asked for.
    """

    name = "slack"
    hosts = ("slack.com", "files.slack.com", "hooks.slack.com")

    def __init__(
        self, channels: tuple[str, ...] = ("general", "alerts"), now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        super().__init__()
        self.token, self.user, self.scopes = "xoxb-0123-abcdef", "U00000PENS", set(SCOPES)
        self.webhook_url = "https://hooks.slack.com/services/T00000001/B00000001/s3cr3tS3cr3t"
        self.channels = {f"C{number:09}": name for number, name in enumerate(channels, 1)}
        self.private, self.archived = set[str](), set[str]()
        self.messages: dict[str, list[SlackMessage]] = {each: [] for each in self.channels}
        self.files: dict[str, SlackFile] = {}
        self.emails = {"ann@example.com": "U0000000ANN"}
        self.largest_page = 1000
        self._now_ns, self._last, self._numbers = now_ns, 0, itertools.count(1)

    def refusal(self, request: HttpRequest, status: int) -> HttpAnswer:
        """Refuse in Slack's words, by the host that was asked."""
        if request.host == "hooks.slack.com":
            return HttpAnswer.text({429: "rate_limited", 500: "rollup_error"}.get(status, ""), status)
        if status == 401:  # Slack says so with status 200
            return HttpAnswer.json({"ok": False, "error": "token_expired"})
        return HttpAnswer.json({"ok": False, "error": "ratelimited" if status == 429 else "internal_error"}, status)

    def check_token(self, authorization: str, scope: str) -> None:
        """Refuse a token that is not the app's, or has not the scope.

        Raises:
            SlackRefusedError: In Slack's words.
        """
        if not authorization:
            raise SlackRefusedError("not_authed")
        if authorization != f"Bearer {self.token}":
            raise SlackRefusedError("invalid_auth")
        if scope and scope not in self.scopes:
            raise SlackRefusedError("missing_scope", needed=scope, provided=",".join(sorted(self.scopes)))

    def channel_of(self, channel: str, *, by_name: bool = False) -> str:
        """The id of a channel that was asked for; a name is known to chat.postMessage alone.

        Raises:
            SlackRefusedError: In Slack's words.
        """
        named = {f"#{name}": each for each, name in self.channels.items()}
        named |= {name: each for each, name in self.channels.items()}
        found = channel if channel in self.channels else named.get(channel, "") if by_name else ""
        if not found:
            raise SlackRefusedError("channel_not_found")
        return found

    def add(self, channel: str, fields: dict[str, Any]) -> SlackMessage:
        """Keep a message, and give it its id.

        Raises:
            SlackRefusedError: In Slack's words.
        """
        if channel in self.archived:
            raise SlackRefusedError("is_archived")
        self._last = max(self._last + 1, self._now_ns() // 1000)
        blocks = [{"block_id": f"b{next(self._numbers)}", **each} for each in fields.get("blocks") or ()]
        kept = {**fields, **({"blocks": blocks} if blocks else {})}
        made = SlackMessage(f"{self._last // 1_000_000}.{self._last % 1_000_000:06}", self.user, kept)
        self.messages[channel].append(made)
        return made

    def find(self, channel: str, ts: str) -> SlackMessage:
        """The message of a channel by its id.

        Raises:
            SlackRefusedError: In Slack's words.
        """
        for each in self.messages[channel]:
            if each.ts == ts:
                return each
        raise SlackRefusedError("message_not_found")

    def new_id(self, kind: str) -> str:
        """An id that nothing else has."""
        return f"{kind}{next(self._numbers):09}"

    def shown(self, name: str = "alerts") -> list[SlackMessage]:
        """The messages of a channel by its name, oldest first, replies among them."""
        return self.messages[self.channel_of(name, by_name=True)]
