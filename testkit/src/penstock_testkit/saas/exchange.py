"""One connection of a client: reads its requests, has them answered, and spoils the connection where a fault says so.

Source: RFC 9112; `http.server` parses the heads, keeps connections alive and answers `Expect: 100-continue`.
Not covered: HTTP/2 (clients are told so by ALPN), WebSockets, trailers.
"""

import contextlib
import http.server
import socket
import socketserver
import struct
from collections.abc import Callable, Iterable
from typing import Protocol

from penstock_testkit.saas.messages import HttpAnswer, HttpRequest
from penstock_testkit.saas.service import Service

_PIECE = 256 * 1024
_NO_BODY = (204, 304)  # and 1xx, which no route answers


class Finder(Protocol):
    """Finds the service that a request is for, by the host that its connection is to and its `Host`; None for none."""

    def __call__(self, connected: str, named: str) -> Service | None:
        """Find it."""


class Exchange(http.server.BaseHTTPRequestHandler):
    """Serves one connection until either side closes it.

    Args:
        connection: The client's, after TLS if there is any.
        server: Who accepted it.
        find: Finds the service of a request.
        host: The host that the client has connected to; "" if it has named none.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes, and the client acknowledges the first late

    def __init__(
        self, connection: socket.socket, server: socketserver.BaseServer, find: Finder, host: str = ""
    ) -> None:
        self._find = find
        self._host = host
        super().__init__(connection, connection.getpeername(), server)

    def handle(self) -> None:
        """Serve requests; a client that goes away is no fault of the fake."""
        with contextlib.suppress(OSError):
            super().handle()

    def finish(self) -> None:
        """Close what reads and writes the connection."""
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing: the lines would bury a failed test's own."""

    def _serve(self) -> None:
        named = self.headers.get("Host", "").partition(":")[0]
        service = self._find(self._host, named)
        host = self._host or named
        request = HttpRequest(self.command, self.path, dict(self.headers), host=host)
        if service is None:
            self._body(None)
            self._send(HttpAnswer.text(f"421: {named!r} is asked of {host!r}\n", 421))
            return
        limit = service.faults.upload_limit(request)
        request.body, request.complete = self._body(limit)
        answer = service.answer(request)
        if answer is None:
            self._reset()
        else:
            self._send(answer)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Serve whatever method: the base class looks for a `do_` of each."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _body(self, limit: int | None) -> tuple[bytes, bool]:
        """Read the body, at most `limit` bytes of it, and tell whether that is all of it."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._chunks(limit)
        length = int(self.headers.get("Content-Length") or 0)
        if limit is not None and limit < length:
            return self.rfile.read(limit), False
        body = self.rfile.read(length)
        return body, len(body) == length

    def _chunks(self, limit: int | None) -> tuple[bytes, bool]:
        body = bytearray()
        while True:
            size = self.rfile.readline(128).partition(b";")[0].strip()
            if not size:
                return bytes(body), False
            piece = self.rfile.read(int(size, 16))
            body += piece
            if limit is not None and len(body) > limit:
                return bytes(body[:limit]), False
            if self.rfile.readline(128) != b"\r\n":
                return bytes(body), False
            if not piece:
                return bytes(body), True

    def _send(self, answer: HttpAnswer) -> None:
        if answer.reset and answer.sent_bytes is None:
            self._reset()
            return
        bare = self.command == "HEAD" or answer.status in _NO_BODY
        whole = isinstance(answer.body, bytes) or bool(answer.header("Content-Length"))
        self._send_head(answer, whole=whole)
        if bare:
            return
        left = answer.sent_bytes
        for piece in _pieces(answer.body):
            sent = piece if left is None else piece[:left]
            if sent:
                self.wfile.write(sent if whole else b"%x\r\n%b\r\n" % (len(sent), sent))
            if left is not None and (left := left - len(sent)) == 0:
                break
        if answer.sent_bytes is not None:
            self.close_connection = True
            if answer.reset:
                self._reset()
        elif not whole:
            self.wfile.write(b"0\r\n\r\n")

    def _send_head(self, answer: HttpAnswer, *, whole: bool) -> None:
        self.send_response_only(answer.status)
        if not answer.header("Date"):
            self.send_header("Date", self.date_time_string())
        if not whole:
            self.send_header("Transfer-Encoding", "chunked")
        elif not answer.header("Content-Length") and answer.status not in _NO_BODY:
            assert isinstance(answer.body, bytes)  # noqa: S101 - pieces with a length have told it
            self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _reset(self) -> None:
        """Have the close of the connection be an RST: a zero linger time does it."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Listener(socketserver.ThreadingTCPServer):
    """Accepts connections on a loopback port; each has a thread of its own until its client closes it."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Close a connection without the polite shutdown, which would forestall a reset."""
        assert isinstance(request, socket.socket)  # noqa: S101 - it listens on TCP
        request.close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent when a client went away within a handshake; a fake's own faults are recorded elsewhere."""


def _pieces(body: bytes | Iterable[bytes]) -> Iterable[bytes]:
    if not isinstance(body, bytes):
        return (piece for piece in body if piece)  # an empty chunk would end the body
    return (body[begin : begin + _PIECE] for begin in range(0, len(body), _PIECE))
