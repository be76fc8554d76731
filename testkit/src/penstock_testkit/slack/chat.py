"""Messages: chat.postMessage, chat.update, chat.delete; and auth.test, users.lookupByEmail."""

from typing import Any

from penstock_testkit.saas import RouteTable
from penstock_testkit.slack.answers import method
from penstock_testkit.slack.blocks import check_message
from penstock_testkit.slack.slack_errors import SlackRefusedError
from penstock_testkit.slack.state import WorkspaceState

chat = RouteTable()
_PARTS = ("channel", "text", "blocks", "attachments", "metadata")
_MOST_TEXT = 40_000


@chat.route("POST /api/auth.test", fields=())
@method()
def auth_test(workspace: WorkspaceState, fields: dict[str, Any]) -> dict[str, Any]:
    """Who asks."""
    del fields
    return {
        "url": "https://penstock.slack.com/", "team": "Penstock", "user": "penstock", "team_id": "T00000001",
        "user_id": workspace.user, "bot_id": "B00000001", "is_enterprise_install": False,
    }  # fmt: skip


@chat.route(
    "POST /api/chat.postMessage",
    fields=(
        *_PARTS,
        "thread_ts",
        "reply_broadcast",
        "unfurl_links",
        "unfurl_media",
        "username",
        "icon_emoji",
        "mrkdwn",
    ),
)
@method("chat:write")
def post_message(workspace: WorkspaceState, fields: dict[str, Any]) -> dict[str, Any]:
    """Post it; a name finds a channel, too."""
    channel = workspace.channel_of(str(fields.pop("channel", "")), by_name=True)
    check_message(fields)
    if fields.get("thread_ts"):
        workspace.find(channel, fields["thread_ts"])
    _check_metadata(fields)
    if fields.get("text"):
        fields["text"] = fields["text"][:_MOST_TEXT]
    made = workspace.add(channel, fields)
    return {"channel": channel, "ts": made.ts, "message": {"user": made.user, "ts": made.ts, **made.fields}}


@chat.route("POST /api/chat.update", fields=(*_PARTS, "ts"))
@method("chat:write")
def update(workspace: WorkspaceState, fields: dict[str, Any]) -> dict[str, Any]:
    """Put another message into the place of one.

    Raises:
        SlackRefusedError: In Slack's words.
    """
    channel = workspace.channel_of(str(fields.pop("channel", "")))
    found = workspace.find(channel, str(fields.pop("ts", "")))
    if found.user != workspace.user:
        raise SlackRefusedError("cant_update_message")
    check_message(fields)
    _check_metadata(fields)
    found.fields |= fields
    found.updates += 1
    return {"channel": channel, "ts": found.ts, "text": found.fields.get("text", "")}


@chat.route("POST /api/chat.delete", fields=("channel", "ts"))
@method("chat:write")
def delete(workspace: WorkspaceState, fields: dict[str, Any]) -> dict[str, Any]:
    """Delete a message.

    Raises:
        SlackRefusedError: In Slack's words.
    """
    channel = workspace.channel_of(fields["channel"])
    found = workspace.find(channel, fields["ts"])
    if found.user != workspace.user:
        raise SlackRefusedError("cant_delete_message")
    workspace.messages[channel].remove(found)
    return {"channel": channel, "ts": found.ts}


@chat.route("POST /api/users.lookupByEmail", fields=("email",))
@method("users:read.email")
def lookup_by_email(workspace: WorkspaceState, fields: dict[str, Any]) -> dict[str, Any]:
    """The user with a mail address.

    Raises:
        SlackRefusedError: In Slack's words.
    """
    found = workspace.emails.get(fields["email"])
    if found is None:
        raise SlackRefusedError("users_not_found")
    return {"user": {"id": found, "name": fields["email"].partition("@")[0]}}


def _check_metadata(fields: dict[str, Any]) -> None:
    metadata = fields.get("metadata")
    if metadata is not None and set(metadata) != {"event_type", "event_payload"}:
        raise SlackRefusedError("invalid_metadata_format")
