"""Hooks of Slack: the only room that imports its SDK, and that on first use."""

from penstock_slack.hooks.slack import PostedMessage, SlackHook
from penstock_slack.hooks.webhook import SlackWebhookHook

__all__ = ["PostedMessage", "SlackHook", "SlackWebhookHook"]
