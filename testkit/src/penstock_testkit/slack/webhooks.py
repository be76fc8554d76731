"""Incoming webhooks: one URL, one channel; refusals are words of plain text."""

from penstock_testkit.saas import HttpAnswer, RouteTable
from penstock_testkit.saas.messages import HttpRequest
from penstock_testkit.slack.blocks import check_message
from penstock_testkit.slack.slack_errors import SlackRefusedError
from penstock_testkit.slack.state import WorkspaceState

webhooks = RouteTable()


@webhooks.route(
    "POST /services/{team}/{service}/{secret}",
    fields=("text", "blocks", "attachments", "unfurl_links", "unfurl_media"),
)
def send(workspace: WorkspaceState, request: HttpRequest, team: str, service: str, secret: str) -> HttpAnswer:
    """Post a message into the webhook's channel."""
    if not workspace.webhook_url.endswith(f"/services/{team}/{service}/{secret}"):
        return HttpAnswer.text("no_service", 404)
    channel = next(iter(workspace.channels))
    if channel in workspace.archived:
        return HttpAnswer.text("channel_is_archived", 410)
    try:
        check_message(request.fields)
    except SlackRefusedError as error:
        return HttpAnswer.text(error.code, 400)
    workspace.add(channel, request.fields)
    return HttpAnswer.text("ok")
