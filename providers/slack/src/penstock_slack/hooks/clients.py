"""The SDK's clients: one retry layer (ours), our logger, the proxy of the environment with its exceptions, no fork.

The SDK repeats lost connections by itself, so its retry handlers are taken away. It takes the proxy of the environment
without regard to NO_PROXY; urllib below it knows both when it is given none. Its debug log shows webhooks' URLs, and its
error log tells what is raised anyhow.
"""

import io
import logging
import ssl
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from penstock.spec.hooks.client_cache import ClientCache
from penstock_slack.connections import SlackFields

_clients: ClientCache[Any] = ClientCache()


def web_client(fields: SlackFields) -> Any:  # noqa: ANN401 - of the SDK, which is imported on first use
    """The SDK's client of the Web API."""

    def make() -> Any:  # noqa: ANN401
        from slack_sdk.web import WebClient  # noqa: PLC0415

        client = WebClient(
            fields.token,
            base_url=fields.base_url,
            timeout=fields.timeout_s,  # type: ignore[arg-type]  # it is a socket's timeout
            logger=_silent("web"),
            retry_handlers=[],
        )
        client.proxy = fields.proxy or None
        return client

    return _clients.get(("web", fields), make)


def webhook_client(fields: SlackFields) -> Any:  # noqa: ANN401
    """The SDK's client of an incoming webhook."""

    def make() -> Any:  # noqa: ANN401
        from slack_sdk.webhook import WebhookClient  # noqa: PLC0415

        client = WebhookClient(
            fields.webhook_url,
            timeout=fields.timeout_s,  # type: ignore[arg-type]
            logger=_silent("webhook"),
            retry_handlers=[],
        )
        client.proxy = fields.proxy or None
        return client

    return _clients.get(("webhook", fields), make)


def send_file(url: str, file: Path | bytes, fields: SlackFields) -> None:
    """Post a file's content to the URL that Slack gave for it, piece by piece: the SDK reads files whole.

    Raises:
        OSError: It could not be sent, or was refused (`urllib.error.HTTPError`).
    """
    handlers = [urllib.request.ProxyHandler({"http": fields.proxy, "https": fields.proxy})] if fields.proxy else []
    opener = urllib.request.build_opener(*handlers, urllib.request.HTTPSHandler(context=ssl.create_default_context()))
    size = len(file) if isinstance(file, bytes) else file.stat().st_size
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
    with io.BytesIO(file) if isinstance(file, bytes) else file.open("rb") as stream:
        request = urllib.request.Request(url, data=stream, headers=headers, method="POST")  # noqa: S310 - Slack's own URL
        try:
            opener.open(request, timeout=fields.timeout_s).close()
        except HTTPError as error:
            error.close()  # it is the answer, too, and holds the connection
            raise


def _silent(name: str) -> logging.Logger:
    logger = logging.getLogger(f"penstock_slack.{name}")
    logger.setLevel(logging.CRITICAL)
    return logger
