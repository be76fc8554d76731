"""Serves an application until it is told to stop: uvicorn in the thread that calls, without signal handlers of its own."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Protocol

import uvicorn
from starlette.types import ASGIApp

from penstock_server.http.connection import Connection
from penstock_server.http.waiting import Waiting, most_connections

GRACE_S = 3.0
"""Seconds that answers which have begun get to end; less than a service gets."""

REPORT_S = 2.0
"""Seconds from report to report."""

_START_S = 0.02


class WaitingAnswers(Protocol):
    """Answers that go on, or wait, until they are ended; as `penstock_server.stream.event_streams.EventStreams`."""

    async def end(self) -> None:
        """End them all; more than once does no harm."""


def serve(
    application: ASGIApp,
    listening: socket.socket,
    stop: int,
    report: Callable[[], None],
    lasting: Sequence[WaitingAnswers] = (),
    tls: ssl.SSLContext | None = None,
) -> None:
    """Serve an application.

    Args:
        application: What answers.
        listening: Socket that listens already; it is closed at the end.
        stop: Descriptor that is readable once no more is to be answered.
        report: Called when the server answers, and from time to time from then on.
        lasting: What of it has answers that do not end by themselves in time, such as streams of events.
        tls: What connections are made with; None to speak without TLS.
    """
    config = uvicorn.Config(
        application,
        loop="asyncio",
        http=partial(Connection, waiting=Waiting(most_connections())),  # type: ignore[arg-type]  # it is called as a class is
        ws="none",
        log_config=None,
        log_level=logging.ERROR,  # it would write a line for each request that is none, of whoever sends them
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=int(GRACE_S),
    )
    config.load()
    config.ssl = tls  # not its own files: they are read again when they change
    with listening:
        asyncio.run(_until_stopped(_Server(config), listening, stop, report, lasting))


class _Server(uvicorn.Server):
    """A server that leaves signals to who runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _until_stopped(
    server: _Server, listening: socket.socket, stop: int, report: Callable[[], None], lasting: Sequence[WaitingAnswers]
) -> None:
    loop = asyncio.get_running_loop()
    endings: list[asyncio.Task[None]] = []

    def ended() -> None:
        loop.remove_reader(stop)
        endings.extend(asyncio.create_task(each.end()) for each in lasting)
        server.should_exit = True

    async def reports() -> None:
        while True:
            if server.started:
                report()
            await asyncio.sleep(REPORT_S if server.started else _START_S)

    loop.add_reader(stop, ended)
    reporting = asyncio.create_task(reports())
    try:
        await server.serve([listening])
    finally:
        reporting.cancel()
        loop.remove_reader(stop)
        for each in lasting:
            await each.end()
        await asyncio.gather(*endings)
