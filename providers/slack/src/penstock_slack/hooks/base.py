"""What both hooks of Slack share: the connection and its errors."""

import time
from dataclasses import replace
from typing import ClassVar

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.fields import Connection
from penstock.spec.hooks.call_retry import Retry
from penstock.spec.hooks.service_hook import ServiceHook
from penstock_slack.connections import SlackFields
from penstock_slack.errors import provider_error

_UNSENT = frozenset({"ConnectionRefusedError", "gaierror", "ratelimited", "rate_limited", "NewConnectionError"})


class SlackBase(ServiceHook[SlackFields]):
    """The connection side of a hook of Slack.

    Args:
        slack_conn_id: Name of the connection, of type ``slack``.
        connection: The connection itself, in place of its name.
    """

    connection_type: ClassVar[str] = "slack"
    default_conn_id: ClassVar[str] = "slack_default"
    fields_class: ClassVar[type[SlackFields]] = SlackFields

    def __init__(self, slack_conn_id: str | None = None, *, connection: Connection | None = None) -> None:
        super().__init__(slack_conn_id, connection=connection)
        self._end: float | None = None

    def end_in(self, seconds: float) -> None:
        """Have all calls of this hook together repeated for so many seconds from now, and no longer."""
        self._end = time.monotonic() + seconds

    @property
    def retry(self) -> Retry:
        """How calls are repeated: as the connection says, within what `end_in` left."""
        found = super().retry
        if self._end is None:
            return found
        left_s = max(0.0, self._end - time.monotonic())
        return replace(found, deadline_s=min(found.deadline_s, left_s))

    def provider_error(self, error: Exception, operation: str, what: str) -> ProviderError:
        """What a failure of the SDK means; the connection's own secrets are not in it."""
        found = provider_error(error, operation=operation, what=what, conn_id=self.conn_id)
        return self.without_secrets(self.located(found, error))

    def without_secrets(self, error: ProviderError) -> ProviderError:
        """The error without the token and the webhook's URL, which is part of what HTTP clients say."""
        fields = self._fields
        for secret in (fields.token, fields.webhook_url) if fields else ():
            if secret:
                error.detail = error.detail.replace(secret, "***")
                error.args = tuple(str(each).replace(secret, "***") for each in error.args)
        return error


def was_not_taken(error: ProviderError) -> bool:
    """Whether Slack certainly has not done what was asked, so that it may be asked again without a look."""
    return error.kind is ErrorKind.THROTTLED or error.code in _UNSENT
