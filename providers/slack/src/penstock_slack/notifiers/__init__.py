"""Alerts into Slack."""

from penstock_slack.notifiers.api import SlackNotifier
from penstock_slack.notifiers.webhook_notifier import SlackWebhookNotifier

__all__ = ["SlackNotifier", "SlackWebhookNotifier"]
