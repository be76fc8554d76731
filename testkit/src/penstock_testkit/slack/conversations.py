"""Channels and what is in them: conversations.list, conversations.history, conversations.replies."""

from typing import Any

from penstock_testkit.saas import RouteTable
from penstock_testkit.slack.answers import method, page
from penstock_testkit.slack.slack_errors import SlackRefusedError
from penstock_testkit.slack.state import SlackMessage, WorkspaceState

conversations = RouteTable()
_PAGED = ("cursor", "limit")
_TYPES = {"public_channel", "private_channel"}


@conversations.route("POST /api/conversations.list", fields=(*_PAGED, "exclude_archived", "types"))
@method("channels:read")
def list_channels(workspace: WorkspaceState, fields: dict[str, Any]) -> dict[str, Any]:
    """The channels that the app may see, page by page.

    Raises:
        SlackRefusedError: In Slack's words.
    """
    types = set(fields.get("types", "public_channel").split(","))
    if types - _TYPES:
        raise SlackRefusedError("invalid_types")
    if "private_channel" in types and "groups:read" not in workspace.scopes:
        raise SlackRefusedError("missing_scope", needed="groups:read", provided=",".join(sorted(workspace.scopes)))
    found = [
        {"id": each, "name": name, "is_private": each in workspace.private, "is_archived": each in workspace.archived}
        for each, name in workspace.channels.items()
        if ("private_channel" if each in workspace.private else "public_channel") in types
        and not (_is_set(fields, "exclude_archived") and each in workspace.archived)
    ]
    shown, metadata = page(found, fields, workspace.largest_page)
    return {"channels": shown, "response_metadata": metadata}


@conversations.route("POST /api/conversations.history", fields=(*_PAGED, "channel", "oldest", "include_all_metadata"))
@method("channels:history")
def history(workspace: WorkspaceState, fields: dict[str, Any]) -> dict[str, Any]:
    """The messages of a channel, newest first; replies are in their threads alone."""
    found = [
        each
        for each in reversed(workspace.messages[workspace.channel_of(fields["channel"])])
        if float(each.ts) > float(fields.get("oldest", 0)) and "thread_ts" not in each.fields
    ]
    return _shown(workspace, found, fields)


@conversations.route(
    "POST /api/conversations.replies", fields=(*_PAGED, "channel", "ts", "oldest", "include_all_metadata")
)
@method("channels:history")
def replies(workspace: WorkspaceState, fields: dict[str, Any]) -> dict[str, Any]:
    """The messages of a thread, oldest first; its first message is always among them."""
    channel = workspace.channel_of(fields["channel"])
    try:
        first = workspace.find(channel, fields["ts"])
    except SlackRefusedError:
        raise SlackRefusedError("thread_not_found") from None
    rest = [
        each
        for each in workspace.messages[channel]
        if each.fields.get("thread_ts") == first.ts and float(each.ts) > float(fields.get("oldest", 0))
    ]
    return _shown(workspace, [first, *rest], fields)


def _shown(workspace: WorkspaceState, found: list[SlackMessage], fields: dict[str, Any]) -> dict[str, Any]:
    part, metadata = page(found, fields, workspace.largest_page)
    hidden = set() if _is_set(fields, "include_all_metadata") else {"metadata"}
    messages = [
        {"type": "message", "user": each.user, "ts": each.ts}
        | {name: value for name, value in each.fields.items() if name not in hidden}
        for each in part
    ]
    return {"messages": messages, "has_more": bool(metadata["next_cursor"]), "response_metadata": metadata}


def _is_set(fields: dict[str, Any], name: str) -> bool:
    return str(fields.get(name, "")).lower() in ("1", "true")
