"""An installation on another machine, whose server is asked over HTTP."""

import http.client
import secrets
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from penstock.client.decoding import AnswerType, error_of
from penstock.client.encoding import Encoded, encoded
from penstock.client.server_address import ServerAddress
from penstock.client.server_answer import maybe_tls, tls_refusal
from penstock.clock import Clock, SystemClock
from penstock.errors import CommitUnknownError, PendingError, ServerError
from penstock.service.operations.operation import Operation


class ClientLimits(NamedTuple):
    """What a client puts up with.

    Attributes:
        timeout_s: Seconds in which a server has to accept a connection, and to go on with its answer.
        whole_s: Seconds in which an answer that is no stream has to be there as a whole.
        largest: Bytes of such an answer, and of a line of a stream.
        pauses_s: Seconds before each further attempt to ask what a server has not answered.
    """

    timeout_s: float = 60.0
    whole_s: float = 300.0
    largest: int = 256 << 20
    pauses_s: tuple[float, ...] = (0.1, 0.5, 1.5)


_PREFIX = "/api/v1"
_PIECE = 64 << 10
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
        limits: What is put up with; as usual unless given.
        clock: Tells how long an answer takes; the machine's unless given.
    """

    def __init__(
        self, address: ServerAddress, token: str, limits: ClientLimits | None = None, clock: Clock | None = None
    ) -> None:
        self._address, self._limits, self._clock = address, limits or ClientLimits(), clock or SystemClock()
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
        if answer.streams:
            headers["Accept"] = "application/x-ndjson"
            return self._lines(lambda: self._asked(operation.method, request, headers), answer)
        return answer.read(self._read(self._asked(operation.method, request, headers)))

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _asked(self, method: str, request: Encoded, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        for pause_s in (*self._limits.pauses_s, None):
            try:
                response = self._once(method, request, headers)
            except ssl.SSLError as error:
                self.close()
                raise ServerError(f"{self.where} {tls_refusal(error)}") from None
            except (OSError, http.client.HTTPException) as error:
                self.close()
                why = (str(error) or type(error).__name__) + maybe_tls(self.where, error)
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
            self._open = self._address.connection(self._limits.timeout_s)
        target = f"{self._address.prefix}{_PREFIX}{request.target}"
        self._open.request(method, target, request.body, headers)
        return self._open.getresponse()

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        try:
            with response:
                return self._whole(response)
        except ServerError:
            self.close()
            raise
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._cut(error) from None

    def _whole(self, response: http.client.HTTPResponse) -> bytes:
        until, found = self._clock.read().monotonic_s + self._limits.whole_s, bytearray()
        while piece := response.read1(_PIECE):
            found += piece
            if len(found) > self._limits.largest:
                raise self._too_large()
            if self._clock.read().monotonic_s > until:
                raise ServerError(
                    f"the answer of the server {self.where} takes longer than {self._limits.whole_s:g} s, and was given up."
                )
        if response.length:
            raise http.client.IncompleteRead(bytes(found), response.length)
        return bytes(found)

    def _lines(self, asked: Callable[[], http.client.HTTPResponse], answer: AnswerType) -> Iterator[Any]:
        # It is asked for with its first line, as a generator begins; it has the connection for itself, and what is asked beside it another.
        response = asked()
        connection, self._open = self._open, None
        try:
            while line := response.readline(self._limits.largest + 1):
                if len(line) > self._limits.largest:
                    raise self._too_large()
                if line.strip():
                    yield answer.read(line)
        except (OSError, http.client.HTTPException) as error:
            raise self._cut(error) from None
        finally:
            response.close()
            if connection is not None:
                connection.close()

    def _too_large(self) -> ServerError:
        return ServerError(
            f"an answer of the server {self.where}, or a line of it, has more than {self._limits.largest:,} bytes, and was not read. "
            "Ask for less."
        )

    def _cut(self, error: Exception) -> ServerError:
        why = str(error) or type(error).__name__
        return ServerError(f"the answer of the server {self.where} was cut: {why}. Ask again.")
