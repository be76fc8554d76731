"""A fake Slack: one workspace with channels, users, an app's tokens and incoming webhooks.

Sources of the shapes: the pages of the methods at docs.slack.dev/reference/methods (auth.test, chat.postMessage,
chat.update, chat.delete, conversations.list, conversations.history, conversations.replies, files.getUploadURLExternal,
files.completeUploadExternal, files.info, users.lookupByEmail), "Message metadata", "Rate limits", "Pagination", "Sending
messages using incoming webhooks", and what slack-sdk 3.48 sends and expects. Limits of blocks: the pages of the blocks; that
of all their text (`msg_blocks_too_long`): slackapi/bolt-js#2509.

Not covered: other methods, files in several channels at once, ephemeral and scheduled messages, users' presence, OAuth,
Socket Mode and events, who may post where, what becomes of text in a client. No call is limited unless a fault says so.
"""

from penstock_testkit.slack.state import SlackMessage
from penstock_testkit.slack.workspace import SlackWorkspace

__all__ = ["SlackMessage", "SlackWorkspace"]
