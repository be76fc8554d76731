"""The fields of a Slack connection, frozen and validated."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from penstock.spec.fields import ConnectionFields


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class SlackFields(ConnectionFields):
    """How to reach Slack: by a token, by the URL of an incoming webhook, or by both.

    Attributes:
        token: A bot's or user's token; a connection's password.
        webhook_url: The URL of an incoming webhook, which is a secret.
        base_url: Where the Web API is.
        proxy: URL of a proxy; that of the environment unless given.
        timeout_s: Seconds to wait for a connection, and for each part of an answer.
        deadline_s: Seconds after which a call is not repeated any more.
        max_attempts: Attempts of a call, the first included.
    """

    PARTS: ClassVar[Mapping[str, str]] = {"token": "password"}
    SHOWN: ClassVar[tuple[str, ...]] = ("base_url", "timeout_s")
    POSITIVE: ClassVar[tuple[str, ...]] = ("timeout_s", "deadline_s", "max_attempts")

    token: str = ""
    webhook_url: str = ""
    base_url: str = "https://slack.com/api/"
    proxy: str = ""
    timeout_s: float = 30.0
    deadline_s: float = 120.0
    max_attempts: int = 5

    def problems(self) -> Iterator[str]:
        """Fields that are missing or cannot be right."""
        if not self.token and not self.webhook_url:
            yield "it has neither a token (its password) nor a webhook_url"
        if self.token.startswith(("http://", "https://")):
            yield "the token is a URL; give a webhook's URL as webhook_url"
        for name in ("webhook_url", "base_url", "proxy"):
            if getattr(self, name) and not getattr(self, name).startswith(("http://", "https://")):
                yield f"{name} must begin with https://"
