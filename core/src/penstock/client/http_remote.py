"""An installation on another machine, whose server is asked over HTTP."""

import http.client
import secrets
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any

from penstock.client.decoding import AnswerType, error_of
from penstock.client.encoding import Encoded, encoded
from penstock.client.server_address import ServerAddress
from penstock.errors import CommitUnknownError, PendingError, ServerError
from penstock.service.operations.operation import Operation

TIMEOUT_S = 60.0
"""Seconds in which a server has to accept a connection, and to go on with its answer."""

PAUSES_S = (0.1, 0.5, 1.5)
"""Before each further attempt to ask what a server has not answered."""

_PREFIX = "/api/v1"
_OK = 200
_PASSED_SOON = (PendingError, CommitUnknownError)  # asked again with its key, a change has its answer
_PASSING = frozenset({502, 503, 504})  # what proxies say while the server behind them starts


class HttpRemote:
    """An installation that is asked over HTTP; implements `penstock.service.installation.Remote`.

    What is asked is asked again where no answer comes: a read as it is, a change with the same ``Idempotency-Key``, by which the
    server makes it once at most.

    Args:
        address: Where its server is.
        token: Who asks; "" for nobody.
        timeout_s: Seconds in which the server has to answer.
        pauses_s: Seconds before each further attempt.
    """

    def __init__(
        self,
        address: ServerAddress,
        token: str,
        *,
        timeout_s: float = TIMEOUT_S,
        pauses_s: tuple[float, ...] = PAUSES_S,
    ) -> None:
        self._address, self._timeout_s, self._pauses_s = address, timeout_s, pauses_s
        self._headers = {"Accept": "application/json", "User-Agent": "penstock"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._open: http.client.HTTPConnection | None = None

    @property
    def where(self) -> str:
        """The URL of the server."""
        return str(self._address)

    def call(self, operation: Operation, arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as the operation returns
        """Do an operation there; what it returns comes back, a stream as it is read.

        Raises:
            PenstockError: What the operation raises there, in its class and words.
            ConfigError: The server does not know who asks.
            ServerError: The server does not answer, or not as one does.
        """
        request, answer = encoded(operation, arguments), AnswerType(operation)
        headers = dict(self._headers)
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        if not operation.reads:
            headers["Idempotency-Key"] = secrets.token_urlsafe(24)
        response = self._asked(operation.method, request, headers)
        if answer.streams:
            return self._lines(response, answer)
        return answer.read(self._read(response))

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _asked(self, method: str, request: Encoded, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        for pause_s in (*self._pauses_s, None):
            try:
                response = self._once(method, request, headers)
            except ssl.SSLCertVerificationError as error:
                raise ServerError(
                    f"{self.where} is not who it says it is: {error.verify_message}. Name the server as its certificate does, or "
                    "the authority that has signed it in SSL_CERT_FILE."
                ) from None
            except (OSError, http.client.HTTPException) as error:
                self.close()
                why = str(error) or type(error).__name__
            else:
                if response.status == _OK:
                    return response
                content = self._read(response)
                known = error_of(response.status, content, response.headers.get("Content-Type", ""))
                if known is not None and (pause_s is None or not isinstance(known, _PASSED_SOON)):
                    raise known
                why = f"it says {response.status} {response.reason}, in words that are none of Penstock's"
                if known is None and response.status not in _PASSING:
                    break
            if pause_s is not None:
                time.sleep(pause_s)
        raise ServerError(
            f"the server {self.where} does not answer: {why}. PENSTOCK_SERVER names it: is it right, and does it run?"
        )

    def _once(self, method: str, request: Encoded, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        if self._open is None:
            self._open = self._address.connection(self._timeout_s)
        target = f"{self._address.prefix}{_PREFIX}{request.target}"
        self._open.request(method, target, request.body, headers)
        return self._open.getresponse()

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        try:
            return response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._cut(error) from None

    def _lines(self, response: http.client.HTTPResponse, answer: AnswerType) -> Iterator[Any]:
        # A stream has the connection for itself; what is asked beside it gets another.
        connection, self._open = self._open, None
        try:
            for line in response:
                if line.strip():
                    yield answer.read(line)
        except (OSError, http.client.HTTPException) as error:
            raise self._cut(error) from None
        finally:
            response.close()
            if connection is not None:
                connection.close()

    def _cut(self, error: Exception) -> ServerError:
        why = str(error) or type(error).__name__
        return ServerError(f"the answer of the server {self.where} was cut: {why}. Ask again.")
