"""A connection whose requests have to arrive within bounds of time and size: uvicorn itself waits for a head as long as it takes."""

import asyncio
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES = 65_536
"""Bytes of the head of a request, its address and headers together."""

MOST_HEAD_S = 10.0
"""Seconds in which a head has to arrive, once its connection is open or its first byte is there."""

MOST_BODY_S = 30.0
"""Seconds in which the body has to arrive after its head, whether or not anything reads it."""


class Connection(HttpToolsProtocol):
    """One connection of a client.

    Whoever opens many and sends a byte now and then would otherwise keep all of them, as no request begins that could be refused.
    """

    _late: asyncio.TimerHandle | None = None
    _in_head, _begun, _ended = True, False, False
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request, and not for long."""
        super().connection_made(transport)
        self._expect(MOST_HEAD_S)

    def data_received(self, data: bytes) -> None:
        """Read what has come."""
        self._ended = False
        super().data_received(data)
        if self._in_head and not self._ended:  # else it was the rest of a body, whose bound is another
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Begin to read a head; that of the first request is waited for since the connection is open."""
        if self._late is None:
            self._expect(MOST_HEAD_S)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin with a request whose head is whole."""
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MOST_HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return
        self._in_head, self._begun, self._head_bytes = False, True, 0
        self._expect(MOST_BODY_S)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Know that a request is whole: the next one may begin when it likes."""
        refused, self._in_head, self._ended = self._in_head, True, True
        self._expect(None)
        if not refused:
            super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._expect(None)
        super().connection_lost(exc)

    def on_body(self, body: bytes) -> None:
        """Take a part of a body, unless its request was refused."""
        if not self._in_head:
            super().on_body(body)

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
