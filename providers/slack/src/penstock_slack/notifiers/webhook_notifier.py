"""Alerts by an incoming webhook."""

from penstock.spec.notifier import AlertMessage
from penstock_slack.hooks import SlackWebhookHook
from penstock_slack.notifiers.alert_blocks import PATIENCE_S, alert_blocks


class SlackWebhookNotifier:
    """Sends each alert as a message by an incoming webhook: without threads, and twice if Slack's answer got lost.

    Args:
        slack_conn_id: The connection, with a ``webhook_url``.
        mention: Who is called, in Slack's words, such as ``<!here>`` or ``<@U012AB3CD>``.
    """

    def __init__(self, slack_conn_id: str = "slack_default", mention: str = "") -> None:
        self._slack_conn_id, self._mention = slack_conn_id, mention

    def send(self, message: AlertMessage) -> None:
        """Send an alert.

        Raises:
            penstock.errors.ProviderError: Slack did not take it.
        """
        hook = SlackWebhookHook(self._slack_conn_id)
        hook.end_in(PATIENCE_S)
        hook.send(message.title, blocks=alert_blocks(message, self._mention), unfurl_links=False)
