"""Files: files.getUploadURLExternal, the upload, files.completeUploadExternal, files.info."""

import json
from typing import Any

from penstock_testkit.saas import HttpAnswer, RouteTable
from penstock_testkit.saas.messages import HttpRequest
from penstock_testkit.slack.answers import method
from penstock_testkit.slack.slack_errors import SlackRefusedError
from penstock_testkit.slack.state import SlackFile, WorkspaceState

files = RouteTable()


@files.route("POST /api/files.getUploadURLExternal", fields=("filename", "length"))
@method("files:write")
def get_upload_url(workspace: WorkspaceState, fields: dict[str, Any]) -> dict[str, Any]:
    """Where a file is to be sent, and its id."""
    file_id = workspace.new_id("F")
    workspace.files[file_id] = SlackFile(fields["filename"], int(fields["length"]))
    return {"upload_url": f"https://files.slack.com/upload/v1/{file_id}", "file_id": file_id}


@files.route("POST files.slack.com/upload/v1/{file_id}")
def upload(workspace: WorkspaceState, request: HttpRequest, file_id: str) -> HttpAnswer:
    """Take a file's content."""
    found = workspace.files.get(file_id)
    if found is None or len(request.body) != found.length:
        return HttpAnswer.text("", 400)
    found.content = request.body
    return HttpAnswer.text(f"OK - {len(request.body)}")


@files.route("POST /api/files.completeUploadExternal", fields=("files", "channel_id", "initial_comment", "thread_ts"))
@method("files:write")
def complete_upload(workspace: WorkspaceState, fields: dict[str, Any]) -> dict[str, Any]:
    """Show files in a channel, whose id is wanted.

    Raises:
        SlackRefusedError: In Slack's words.
    """
    channel = workspace.channel_of(fields["channel_id"])
    described = json.loads(fields["files"])
    for each in described:
        found = workspace.files.get(each["id"])
        if found is None or found.content is None:
            raise SlackRefusedError("file_not_found")
    for each in described:
        found = workspace.files[each["id"]]
        found.channel, found.fields = channel, {**fields, **each}
        thread = {"thread_ts": fields["thread_ts"]} if fields.get("thread_ts") else {}
        workspace.add(channel, {"text": fields.get("initial_comment", ""), "files": [{"id": each["id"]}], **thread})
    return {"files": [{"id": each["id"], "title": each.get("title", "")} for each in described]}


@files.route("POST /api/files.info", fields=("file",))
@method("files:read")
def info(workspace: WorkspaceState, fields: dict[str, Any]) -> dict[str, Any]:
    """What is known of a file.

    Raises:
        SlackRefusedError: In Slack's words.
    """
    found = workspace.files.get(fields["file"])
    if found is None or found.content is None:
        raise SlackRefusedError("file_not_found")
    channels = [found.channel] if found.channel else []
    return {"file": {"id": fields["file"], "name": found.name, "channels": channels, "groups": [], "ims": []}}
