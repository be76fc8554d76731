"""The workspace with all that it answers."""

from penstock_testkit.slack.chat import chat
from penstock_testkit.slack.conversations import conversations
from penstock_testkit.slack.files import files
from penstock_testkit.slack.state import WorkspaceState
from penstock_testkit.slack.webhooks import webhooks


class SlackWorkspace(WorkspaceState):
    """A workspace, with the arguments and attributes of its state."""

    tables = (chat, conversations, files, webhooks)
