"""The HTTP session: time limits, the shared token on every request, its renewal, and the guard of the quota.

Everything goes through it, the bulk clients of simple-salesforce included, which keep the token they were made with
(simple-salesforce/simple-salesforce#619, singer-io/tap-salesforce#222).
"""

import contextlib
import re
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from penstock.errors import ErrorKind, ProviderError
from penstock_salesforce.connections import SalesforceFields
from penstock_salesforce.errors import QUOTA_PAUSE_S
from penstock_salesforce.hooks.grants import Token
from penstock_salesforce.hooks.timed_session import TimedSession
from penstock_salesforce.hooks.tokens import TokenKeeper

_USAGE = re.compile(r"\bapi-usage=(\d+)/(\d+)")
_EXPIRED = ("INVALID_SESSION_ID", "InvalidSessionId", "Bad_OAuth_Token")


class SalesforceSession(TimedSession):
    """A session with the token of a connection.

    Args:
        fields: The connection.

    Attributes:
        tokens: Keeps the token.
        date: The Date header of the last answer; "" before.
    """

    def __init__(self, fields: SalesforceFields) -> None:
        super().__init__((fields.connect_timeout_s, fields.read_timeout_s))
        self.tokens, self.date = TokenKeeper(fields), ""
        self._percent = fields.quota_percent
        self._used, self._most, self._seen_at = 0, 0, 0.0
        self._local = threading.local()
        self.inner.auth = self._authorise

    def request(self, method: str, url: str, **arguments: Any) -> Any:  # noqa: ANN401 - of requests
        """Make a request; once more with another token if this one is no longer valid.

        ``data`` may be a function that opens a stream: it is called for each, and the stream closed.

        Raises:
            penstock.errors.ProviderError: Of kind ``quota_exhausted``, before more of the quota is used.
        """
        self._guard_quota()
        body = arguments.pop("data", None)
        for attempt in range(2):
            with contextlib.ExitStack() as opened:
                data = opened.enter_context(contextlib.closing(body())) if callable(body) else body
                answer = super().request(method, url, data=data, **arguments)
            self.date = answer.headers.get("Date", self.date)
            self._note_quota(answer.headers.get("Sforce-Limit-Info", ""))
            if attempt or not _is_expired(answer):
                break
            answer.close()
            self.tokens.renew(self._local.token)
        return answer

    def _authorise(self, request: Any) -> Any:  # noqa: ANN401 - of requests
        token: Token = self.tokens.get()
        if urlsplit(request.url or "").netloc == urlsplit(token.instance_url).netloc:
            request.headers["Authorization"] = f"Bearer {token.access}"
        self._local.token = token
        return request

    def _note_quota(self, header: str) -> None:
        if match := _USAGE.search(header):
            self._used, self._most, self._seen_at = int(match[1]), int(match[2]), time.monotonic()

    def _guard_quota(self) -> None:
        if self._used * 100 < self._percent * self._most or time.monotonic() - self._seen_at > QUOTA_PAUSE_S:
            return
        if self._most:
            raise ProviderError(
                f"{self._used} of {self._most} requests of 24 hours are used, and the connection stops at {self._percent:g} %",
                service="salesforce", operation="Quota", kind=ErrorKind.QUOTA_EXHAUSTED, retry_after_s=QUOTA_PAUSE_S,
                hint="Ask for less, or raise quota_percent of the connection",
            )  # fmt: skip


def _is_expired(answer: Any) -> bool:  # noqa: ANN401 - of requests
    return answer.status_code in (400, 401, 403) and any(each in answer.text[:2000] for each in _EXPIRED)
