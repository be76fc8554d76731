"""Faults between a client and a server.

Source: the faults are those that TCP itself shows an application. Not covered: UDP, packet loss below TCP (which an
application sees as latency), and half-open connections after a reboot.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

_CHUNK = 64 * 1024
_START_SECONDS = 60


class NetworkFaults:
    """A TCP proxy that behaves until told otherwise; each switch holds for old and new connections.

    Attributes:
        host: `127.0.0.1`.
        port: Where clients connect.
        connections: How many were accepted so far.
    """

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self.connections = 0
        self._upstream = upstream
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._latency = 0.0
        self._budget: int | None = None
        self._last_answer = b""
        self._open = asyncio.Event()
        self._open.set()

    def latency(self, seconds: float) -> None:
        """Hold every chunk back, in either direction; 0 ends it."""
        self._call(self._set_latency, seconds)

    def cut_after(self, count: int | None) -> None:
        """Reset a connection once this many bytes came from the server, counted over all; None ends it."""
        self._call(self._set_budget, count)

    def cut_at(self, answer: bytes) -> None:
        """Reset the one connection on which the server next answers this, and do not pass the answer on."""
        self._call(self._set_last_answer, answer)

    def blackhole(self) -> None:
        """Let connections stand and pass no byte, until `heal()`."""
        self._call(self._open.clear)

    def reset(self) -> None:
        """Reset (RST) all open connections."""
        self._call(self._reset)

    def refuse(self) -> None:
        """Refuse new connections and reset the open ones, until `heal()`."""
        asyncio.run_coroutine_threadsafe(self._refuse(), self._loop).result(_START_SECONDS)

    def heal(self) -> None:
        """End all faults."""
        asyncio.run_coroutine_threadsafe(self._heal(), self._loop).result(_START_SECONDS)

    def start(self) -> None:
        """Listen on a free port, in a thread of this process."""
        self._thread = threading.Thread(target=self._loop.run_forever, name="network-faults", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(_START_SECONDS)

    def stop(self) -> None:
        """Close all connections and stop listening."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_START_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_SECONDS)
        self._loop.close()

    def _call(self, function: object, *arguments: object) -> None:
        async def run() -> None:
            function(*arguments)  # type: ignore[operator]  # only bound methods of this class come here

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(_START_SECONDS)

    def _set_latency(self, seconds: float) -> None:
        self._latency = seconds

    def _set_budget(self, count: int | None) -> None:
        self._budget = count

    def _set_last_answer(self, answer: bytes) -> None:
        self._last_answer = answer

    def _reset(self) -> None:
        for writer in list(self._writers):
            _abort(writer)

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self._reset()

    async def _heal(self) -> None:
        self._latency, self._budget, self._last_answer = 0.0, None, b""
        self._open.set()
        if self._server is None:
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        self._tasks.add(task)
        writers = {writer}
        try:
            upstream, to_upstream = await asyncio.open_connection(*self._upstream)
            writers.add(to_upstream)
            self._writers |= writers
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pipe(reader, to_upstream, from_server=False))
                group.create_task(self._pipe(upstream, writer, from_server=True))
        except (OSError, asyncio.CancelledError, ExceptionGroup):
            for each in writers:
                _abort(each)
        finally:
            self._writers -= writers
            for each in writers:
                each.close()
            self._tasks.discard(task)

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_server: bool) -> None:
        while chunk := await reader.read(_CHUNK):
            if self._latency:
                await asyncio.sleep(self._latency)
            await self._open.wait()
            if from_server and self._last_answer and self._last_answer in chunk:
                self._last_answer = b""
                raise ConnectionResetError("cut")
            if from_server and self._budget is not None:
                chunk, self._budget = chunk[: self._budget], self._budget - len(chunk)
            writer.write(chunk)
            await writer.drain()
            if from_server and self._budget is not None and self._budget <= 0:
                raise ConnectionResetError("cut")
        with contextlib.suppress(OSError):
            writer.write_eof()


def _abort(writer: asyncio.StreamWriter) -> None:
    """Reset a connection: a zero linger time makes the close an RST."""
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextlib.contextmanager
def network_faults(host: str, port: int) -> Iterator[NetworkFaults]:
    """Run a TCP proxy in front of a server.

    Args:
        host: The server's address.
        port: The server's port.

    Yields:
        The running proxy, without faults.
    """
    proxy = NetworkFaults((host, port))
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
