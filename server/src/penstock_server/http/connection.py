"""A connection whose requests have to arrive within bounds of time and size: uvicorn itself waits for a head as long as it takes."""

import asyncio
import socket
import struct
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from penstock_server.http.lasting.lasting_response import ABORT
from penstock_server.http.waiting import Waiting

MOST_HEAD_BYTES = 65_536
"""Bytes of the head of a request, its address and headers together."""

_MOST_OTHER_BYTES = 2 * MOST_HEAD_BYTES
_OTHER_OF_EACH = 8
"""Bytes beside a body that its pieces may have: lengths of chunks above all, of which the shortest has six for one of the body."""

MOST_HEAD_S = 10.0
"""Seconds in which a head has to arrive, once its connection is open or its first byte is there."""

MOST_BODY_S = 30.0
"""Seconds in which the body has to arrive after its head, whether or not anything reads it."""

MOST_UNREAD_S = 60.0
"""Seconds in which a client has to read something of what waits to be sent to it."""

_AT_ONCE = struct.pack("ii", 1, 0)  # struct linger of socket(7): on, and no second long


class Connection(HttpToolsProtocol):
    """One connection of a client.

    Whoever opens many and sends a byte now and then would otherwise keep all of them, as no request begins that could be refused. Where
    more are open than may be, room is made by those that have asked nothing for longest: whoever asks at once is heard.

    Args:
        waiting: The connections that ask nothing now, those of all clients.
    """

    _late: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _in_head, _begun, _ended = True, False, False
    _other_bytes, _body_bytes = 0, 0

    def __init__(self, *, waiting: Waiting, **given: Any) -> None:  # noqa: ANN401 - what uvicorn gives
        super().__init__(**given)
        self._waiting = waiting

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request, and not for long."""
        super().connection_made(transport)
        if len(self.connections) > self._waiting.most and not self._waiting.close_oldest():
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
            return
        self._waiting.add(self)
        self._expect(MOST_HEAD_S)

    def data_received(self, data: bytes) -> None:
        """Read what has come."""
        self._ended, body_bytes = False, self._body_bytes
        super().data_received(data)
        if self._ended:  # it was the rest of a request, and maybe the beginning of another
            return
        self._other_bytes += len(data) - (self._body_bytes - body_bytes)
        most = MOST_HEAD_BYTES if self._in_head else _MOST_OTHER_BYTES + _OTHER_OF_EACH * self._body_bytes
        if self._other_bytes > most:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def abort(self) -> None:
        """Close the connection without a word, and keep nothing of what its client has not read: the kernel would, for minutes."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()

    def on_message_begin(self) -> None:
        """Begin to read a head; that of the first request is waited for since the connection is open."""
        if self._late is None:
            self._expect(MOST_HEAD_S)
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header of the head: what follows a body is no header, and a proxy has not looked at it (RFC 9110, 6.5.1)."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin with a request whose head is whole."""
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MOST_HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return
        self._in_head, self._begun, self._other_bytes, self._body_bytes = False, True, 0, 0
        self.scope[ABORT] = self.abort  # type: ignore[literal-required]
        self._expect(MOST_BODY_S)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Know that a request is whole: the next one may begin when it likes."""
        refused, self._in_head, self._ended = self._in_head, True, True
        self._other_bytes = self._body_bytes = 0
        self._waiting.remove(self)
        self._expect(None)
        if not refused:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        if self.cycle.response_complete and not self.transport.is_closing():
            self._waiting.add(self)

    def pause_writing(self) -> None:
        """Wait for what is sent to be read, and not for ever."""
        super().pause_writing()
        self._unread = self.loop.call_later(MOST_UNREAD_S, self.abort)

    def resume_writing(self) -> None:
        """Go on: what was sent is read."""
        super().resume_writing()
        self._forget_unread()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._expect(None)
        self._forget_unread()
        self._waiting.remove(self)
        super().connection_lost(exc)

    def on_body(self, body: bytes) -> None:
        """Take a part of a body, unless its request was refused."""
        self._body_bytes += len(body)
        if not self._in_head:
            super().on_body(body)

    def _forget_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _expect(self, seconds: float | None) -> None:
        """Close the connection after so many seconds unless something else is expected meanwhile; None for never."""
        if self._late is not None:
            self._late.cancel()
        self._late = (
            None if seconds is None else self.loop.call_later(seconds, self._refuse, HTTPStatus.REQUEST_TIMEOUT)
        )

    def _refuse(self, status: HTTPStatus) -> None:
        """Say why, unless an answer has begun, and close."""
        self._expect(None)
        if self.transport.is_closing():
            return
        ended = not self._begun or self.cycle.response_complete
        if ended if self._in_head else not self.cycle.response_started:
            text = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            self.transport.write(text.encode())
        self.transport.close()
