"""Sends an answer that lasts: until its end, until whoever asked goes away, or until the right to it is gone."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from penstock_server.http.lasting.open_answers import OpenAnswer

ABORT = "penstock.abort"
"""Name in a scope of what ends a connection at once, with all that waits in it to be sent."""

_log = logging.getLogger(__name__)


class LastingResponse(StreamingResponse):
    """A streaming response that is counted, and cut when it may go on no more and has not ended by itself.

    Args:
        opened: What counts it.
        content: What is sent; one that can say why it ends does so once ``opened.ended`` is set.
        close: Called at the end, however that comes.
        status: The HTTP status.
        headers: Of the answer.
        media_type: Of the content.
    """

    def __init__(
        self,
        opened: OpenAnswer,
        content: AsyncIterator[bytes],
        close: Callable[[], None],
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str,
    ) -> None:
        super().__init__(content, status, headers, media_type)
        self._opened, self._close = opened, close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, and close it however that ends."""
        sending = asyncio.ensure_future(super().__call__(scope, receive, send))
        cutting = asyncio.ensure_future(self._opened.cut.wait())
        try:
            await asyncio.wait({sending, cutting}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                _log.info("an answer to %s was cut: %s", self._opened.right.principal.name, self._opened.reason)
                if ABORT in scope:
                    scope[ABORT]()
        finally:
            sending.cancel()
            cutting.cancel()
            try:
                await asyncio.wait({sending, cutting})
            finally:
                self._close()
        if not sending.cancelled():
            sending.result()
