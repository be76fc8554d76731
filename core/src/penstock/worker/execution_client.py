"""Speaks to the execution API of a server, each thread on a connection of its own."""

import http.client
import socket
import threading
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from penstock import __version__
from penstock.client.server_address import ServerAddress
from penstock.client.server_answer import LONGEST, foreign_answer, no_answer, response_in_time, was_closed_before
from penstock.clock import Clock, SystemClock
from penstock.decoders import decode_json, decode_msgpack
from penstock.errors import PenstockError, ServerError
from penstock.model.remote.execution_messages import CONTENT_TYPE, LARGEST, LARGEST_PACK, PREFIX
from penstock.model.text import shortened

WHOLE_S, PACK_S = 60.0, 600.0
"""Seconds in which an answer has to be here to its last byte, and one that is a pack of files."""
_OK, _GONE, _TOO_LARGE = 200, 404, 413
_REFUSALS = range(400, 500)
_COME_AGAIN = frozenset({408, 421, 425, 429})  # time-outs and bounds of rate, which pass
_PROBLEM = "application/problem+json"
"""How the server itself refuses (RFC 9457); what stands before it, and has none to send to, says 404 in other words."""
_NEVER_GONE = frozenset({"claims", "renewals", "reports"})
_OTHER_VERSION = f" Is it of another version than this worker, which is {__version__}?"

Answer = TypeVar("Answer")

_encode = msgspec.msgpack.Encoder().encode


class RefusedByServerError(PenstockError):
    """The server has understood, and will say the same to the same question.

    Attributes:
        status: The HTTP status.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    @property
    def gone(self) -> bool:
        """Whether what it was about is not there, or is not this worker's."""
        return self.status == _GONE


class ExecutionClient:
    """Asks a server; whoever gets no answer asks again, by whatever pauses it likes.

    Args:
        address: Where the server is.
        timeout_s: Seconds in which it has to accept a connection, and to go on with an answer.
        clock: Tells how long an answer takes; the machine's unless given.
    """

    def __init__(self, address: ServerAddress, timeout_s: float = 20.0, clock: Clock | None = None) -> None:
        self._address, self._timeout_s, self._own = address, timeout_s, threading.local()
        self._clock = clock or SystemClock()
        self._connections: list[http.client.HTTPConnection] = []
        self._lock, self._closed = threading.Lock(), False

    @property
    def where(self) -> str:
        """The URL of the server."""
        return str(self._address)

    def ask(
        self,
        route: str,
        shown: str,
        message: Any,  # noqa: ANN401 - a struct
        kind: type[Answer],
        *,
        wait_s: float = 0.0,
        within_s: float = WHOLE_S,
    ) -> Answer:
        """Send a message.

        Args:
            route: Of the API, such as ``claims``.
            shown: The ticket or token that lets it in.
            message: The message.
            kind: What the answer is.
            wait_s: Seconds for which the server may wait with it.
            within_s: Seconds in which its answer is to be here beyond those, to its last byte.

        Raises:
            RefusedByServerError: It is refused.
            ServerError: There is no answer that can be read.
        """
        content = self._send(route, shown, _encode(message), wait_s, within_s)
        try:
            return decode_msgpack(content, kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ServerError(
                f"the server {self._address} answers what this worker, of version {__version__}, cannot read: {error}"
            ) from None

    def fetch(self, route: str, token: str) -> bytes:
        """Fetch what a try needs.

        Args:
            route: Of the API, such as ``snapshots/HASH``.
            token: Of the try.

        Raises:
            RefusedByServerError: It is refused.
            ServerError: There is no answer.
        """
        return self._send(route, token, b"", 0.0, PACK_S)

    def close(self) -> None:
        """Close all connections: whoever waits for an answer gets none, and nothing is asked any more."""
        with self._lock:
            self._closed, connections = True, self._connections
            self._connections = []
        for each in connections:
            if (sock := each.sock) is not None:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)  # which wakes a thread that reads
            each.close()

    def _send(self, route: str, shown: str, body: bytes, wait_s: float, within_s: float) -> bytes:
        if len(body) > LARGEST:
            raise RefusedByServerError(_TOO_LARGE, f"the message has {len(body):,} bytes, and {LARGEST:,} can be sent")
        headers = {"Content-Type": CONTENT_TYPE, "Authorization": f"Bearer {shown}", "User-Agent": "penstock-worker"}
        try:
            response, content = self._asked(route, body, headers, wait_s, within_s)
        except (OSError, http.client.HTTPException) as error:
            self._close()
            raise ServerError(no_answer(str(self._address), error)) from None
        if len(content) > LARGEST_PACK:
            self._close()
            raise ServerError(f"the server {self._address} answers more than {LARGEST_PACK:,} bytes")
        kind = response.getheader("Content-Type", "").partition(";")[0].strip()
        if response.status == _OK and kind == CONTENT_TYPE:
            return content
        raise self._refusal(route, response, kind, content)

    def _refusal(
        self, route: str, response: http.client.HTTPResponse, kind: str, content: bytes
    ) -> RefusedByServerError | ServerError:
        """What is said of an answer that is none to what was asked."""
        status, own = response.status, kind == _PROBLEM
        detail = shortened(_detail(content) or f"{status} {response.reason}", LONGEST)
        if status == _TOO_LARGE or (own and status in _REFUSALS and status not in _COME_AGAIN):
            hint = _OTHER_VERSION if status == _GONE and route in _NEVER_GONE else ""
            return RefusedByServerError(status, f"the server {self._address} refuses it: {detail}{hint}")
        if own:
            return ServerError(f"the server {self._address} cannot answer now: {detail}")
        return ServerError(foreign_answer(str(self._address), response))

    def _asked(
        self, route: str, body: bytes, headers: dict[str, str], wait_s: float, within_s: float
    ) -> tuple[http.client.HTTPResponse, bytes]:
        while True:
            connection = self._connection(min(self._timeout_s, within_s) + wait_s)
            kept = connection.sock is not None
            connection.response_class = response_in_time(self._clock, within_s + wait_s)
            try:
                connection.request("POST", f"{self._address.prefix}{PREFIX}/{route}", body, headers)
                response = connection.getresponse()
                content = response.read(LARGEST_PACK + 1)
            except (OSError, http.client.HTTPException) as error:
                self._close()
                if not (kept and was_closed_before(error)):  # else the server has closed what nobody used for a while
                    raise
            else:
                if response.length and len(content) <= LARGEST_PACK:
                    raise http.client.IncompleteRead(content, response.length)
                return response, content

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self._address.connection(timeout_s)
            with self._lock:
                self._connections.append(connection)
        if self._closed:
            raise ConnectionAbortedError("this worker has ended")
        connection.timeout = timeout_s
        if connection.sock is not None:
            connection.sock.settimeout(timeout_s)
        return connection

    def _close(self) -> None:
        connection: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if connection is not None:
            connection.close()
            self._own.connection = None
            with self._lock, suppress(ValueError):
                self._connections.remove(connection)


class _Problem(msgspec.Struct, frozen=True):
    detail: str


def _detail(content: bytes) -> str:
    try:
        return decode_json(content, _Problem).detail
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
