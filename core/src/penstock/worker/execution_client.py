"""Speaks to the execution API of a server, each thread on a connection of its own."""

import http.client
import socket
import threading
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from penstock.client.server_address import ServerAddress
from penstock.decoders import decode_json, decode_msgpack
from penstock.errors import PenstockError, ServerError
from penstock.model.remote.execution_messages import CONTENT_TYPE, LARGEST, LARGEST_PACK, PREFIX

_OK, _GONE, _TOO_LARGE = 200, 404, 413
_REFUSALS = range(400, 500)
_COME_AGAIN = frozenset({408, 421, 425, 429})  # time-outs and bounds of rate, which pass
_PROBLEM = "application/problem+json"
"""How the server itself refuses (RFC 9457); what stands before it, and has none to send to, says 404 in other words."""

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
    """

    def __init__(self, address: ServerAddress, timeout_s: float = 20.0) -> None:
        self._address, self._timeout_s, self._own = address, timeout_s, threading.local()
        self._connections: list[http.client.HTTPConnection] = []
        self._lock, self._closed = threading.Lock(), False

    def ask(self, route: str, shown: str, message: Any, kind: type[Answer], *, wait_s: float = 0.0) -> Answer:  # noqa: ANN401 - a struct
        """Send a message.

        Args:
            route: Of the API, such as ``claims``.
            shown: The ticket or token that lets it in.
            message: The message.
            kind: What the answer is.
            wait_s: Seconds for which the server may wait with it.

        Raises:
            RefusedByServerError: It is refused.
            ServerError: There is no answer that can be read.
        """
        content = self._send(route, shown, _encode(message), wait_s)
        try:
            return decode_msgpack(content, kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ServerError(f"the server {self._address} answers what cannot be read: {error}") from None

    def fetch(self, route: str, token: str) -> bytes:
        """Fetch what a try needs.

        Args:
            route: Of the API, such as ``snapshots/HASH``.
            token: Of the try.

        Raises:
            RefusedByServerError: It is refused.
            ServerError: There is no answer.
        """
        return self._send(route, token, b"", 0.0)

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

    def _send(self, route: str, shown: str, body: bytes, wait_s: float) -> bytes:
        if len(body) > LARGEST:
            raise RefusedByServerError(_TOO_LARGE, f"the message has {len(body):,} bytes, and {LARGEST:,} can be sent")
        headers = {"Content-Type": CONTENT_TYPE, "Authorization": f"Bearer {shown}", "User-Agent": "penstock-worker"}
        try:
            response, content = self._asked(route, body, headers, wait_s)
        except (OSError, http.client.HTTPException) as error:
            self._close()
            raise ServerError(
                f"the server {self._address} does not answer: {str(error) or type(error).__name__}"
            ) from None
        if len(content) > LARGEST_PACK:
            self._close()
            raise ServerError(f"the server {self._address} answers more than {LARGEST_PACK:,} bytes")
        if response.status == _OK:
            return content
        detail = _detail(content) or f"{response.status} {response.reason}"
        own = response.getheader("Content-Type", "").partition(";")[0].strip() == _PROBLEM
        if response.status == _TOO_LARGE or (
            own and response.status in _REFUSALS and response.status not in _COME_AGAIN
        ):
            raise RefusedByServerError(response.status, f"the server {self._address} refuses it: {detail}")
        raise ServerError(f"the server {self._address} cannot answer now: {detail}")

    def _asked(
        self, route: str, body: bytes, headers: dict[str, str], wait_s: float
    ) -> tuple[http.client.HTTPResponse, bytes]:
        while True:
            connection = self._connection(self._timeout_s + wait_s)
            kept = connection.sock is not None
            try:
                connection.request("POST", f"{self._address.prefix}{PREFIX}/{route}", body, headers)
                response = connection.getresponse()
                return response, response.read(LARGEST_PACK + 1)
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self._close()
                if not kept:  # else the server has closed what nobody used for a while
                    raise

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
