"""The hook of incoming webhooks: one way, into one channel, with no answer but "ok"."""

from typing import Any

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.hooks.service_hook import Identity
from penstock_slack.errors import refusal
from penstock_slack.hooks.base import SlackBase, was_not_taken
from penstock_slack.hooks.clients import webhook_client
from penstock_slack.hooks.limits import Blocks, fitting_message, invalid
from penstock_slack.hooks.pacing import pacing

_OPERATION = "IncomingWebhook"
_LIVES = frozenset({"no_text", "invalid_payload", "missing_text_or_fallback_or_attachments"})


class SlackWebhookHook(SlackBase):
    """Sends messages by an incoming webhook, whose URL is the connection's ``webhook_url``.

    Such a message goes into the webhook's own channel; it has no id, so it can be neither updated nor answered in a thread.

    Args:
        slack_conn_id: Name of the connection, of type ``slack``.
        connection: The connection itself, in place of its name.
    """

    @property
    def endpoint(self) -> str:
        """The webhook's host; the rest of its URL is a secret."""
        return "/".join(self._url.split("/")[:3])

    def send(
        self,
        text: str = "",
        *,
        blocks: Blocks | None = None,
        attachments: Blocks | None = None,
        unfurl_links: bool | None = None,
        unfurl_media: bool | None = None,
    ) -> None:
        """Send a message.

        It is sent again where Slack has not taken it for sure (a limit of calls, a connection that was refused). An answer
        that got lost is an error: nobody can ask whether the message is there.

        Args:
            text: The message, or what a notification shows of its blocks.
            blocks: Blocks of Block Kit; too long texts are cut.
            attachments: Attachments of the older kind.
            unfurl_links: Whether links of text show a preview.
            unfurl_media: Whether links of media do.

        Raises:
            penstock.errors.ProviderError: Slack did not take it; of kind ``invalid`` without a request if it cannot.
        """
        body = fitting_message({"text": text, "blocks": blocks, "attachments": attachments})
        body |= {
            name: value
            for name, value in (("unfurl_links", unfurl_links), ("unfurl_media", unfurl_media))
            if value is not None
        }

        def attempt() -> None:
            pacing.wait(self._url, "of the webhook", self.retry.deadline_s)
            self._post(body)

        self.call(_OPERATION, attempt, repeated=was_not_taken)

    def identify(self) -> Identity:
        """Post an empty message, which a webhook that lives refuses for being empty; nothing is shown in the channel."""
        try:
            self._post({"text": ""})
        except ProviderError as error:
            if error.code not in _LIVES:
                raise
        return Identity("", "The webhook takes messages; whose it is and where they go, it does not tell.")

    @property
    def _url(self) -> str:
        if not self.fields.webhook_url:
            raise invalid(f"the connection {self.conn_id!r} has no webhook_url; SlackHook takes a token", _OPERATION)
        return self.fields.webhook_url

    def _post(self, body: dict[str, Any]) -> None:
        _ = self._url
        with self.errors(_OPERATION):
            answer = webhook_client(self.fields).send_dict(body)
        if answer.status_code != 200:
            raise self.without_secrets(
                refusal(_code(answer.body), answer.status_code, answer.headers, operation=_OPERATION,
                        conn_id=self.conn_id)
            )  # fmt: skip
        if answer.body != "ok":  # a proxy's page is no answer of Slack's
            raise ProviderError(
                "the answer is not Slack's", service="slack", operation=_OPERATION, kind=ErrorKind.TRANSIENT
            )


def _code(body: str) -> str:
    """Slack's word in the body of a refusal; "" if it is anything else, such as a page of HTML."""
    text = body.strip()
    if text.startswith("{"):
        return "rate_limited" if "rate" in text and "limited" in text else ""
    return text if len(text) < 80 and text.replace("_", "").isalnum() else ""
