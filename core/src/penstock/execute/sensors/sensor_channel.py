"""The channel of a waiter: many sensors share it, each with its own questions and its own log."""

import asyncio
import contextvars
import io
import logging
import os
import queue
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from penstock.decoders import msgpack_decoder
from penstock.errors import RequestError
from penstock.execute.channel import Channel, value_of
from penstock.model.names import error_sentence
from penstock.spec.wire import Ask, FrameKind, Reply

_decode_reply = msgpack_decoder(Reply).decode
_encode = msgspec.msgpack.Encoder().encode

_speaker: contextvars.ContextVar[int] = contextvars.ContextVar("penstock_speaker", default=0)


@contextmanager
def speaking_for(serial: int) -> Iterator[None]:
    """What the code within prints belongs to this sensor's log."""
    token = _speaker.set(serial)
    try:
        yield
    finally:
        _speaker.reset(token)


class SensorChannel(Channel):
    """A channel whose frames are read by a thread of its own, so that a question never waits for the event loop."""

    def __init__(self, sock: socket.socket, shown: Callable[[str], str] = str) -> None:
        super().__init__(sock, shown)
        self._replies: dict[int, queue.SimpleQueue[bytes]] = {}

    def start(self, loop: asyncio.AbstractEventLoop, on_frame: Callable[[int, int, bytes], None]) -> None:
        """Begin to read; everything but replies goes to ``on_frame`` on the loop. The process ends with the connection."""
        own, streams = _SensorLog(self), (sys.stdout, sys.stderr)
        sys.stdout = sys.stderr = own
        for handler in logging.root.handlers:  # they hold the stream that was there when the parent began
            if isinstance(handler, logging.StreamHandler) and handler.stream in streams:
                handler.setStream(own)
        threading.Thread(target=self._read, args=(loop, on_frame), daemon=True).start()

    def _read(self, loop: asyncio.AbstractEventLoop, on_frame: Callable[[int, int, bytes], None]) -> None:
        while frames := self.frames():
            for kind, serial, payload in frames:
                if kind == FrameKind.REPLY:
                    self._queue(serial).put(payload)
                else:
                    loop.call_soon_threadsafe(on_frame, kind, serial, payload)
        os._exit(0)

    def _queue(self, serial: int) -> "queue.SimpleQueue[bytes]":
        return self._replies.setdefault(serial, queue.SimpleQueue())

    def ask(self, serial: int, method: str, *args: Any) -> Any:  # noqa: ANN401 - any JSON-like value
        """Ask for something and wait for the reply."""
        self._check_owner(f"the answer to {method}()")
        self.send(FrameKind.ASK, serial, _encode(Ask(method, args)))
        reply = _decode_reply(self._queue(serial).get())
        self.mask.learn(reply.secrets)
        return value_of(reply)

    async def in_thread(self, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the work returns
        """Do blocking work in a new thread; a thread that never ends does not keep the process from exiting."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        context = contextvars.copy_context()

        def settle(result: Any, error: BaseException | None) -> None:  # noqa: ANN401 - what the work returns
            if done.cancelled():
                return
            if error is None:
                done.set_result(result)
            elif isinstance(error, StopIteration | SystemExit | KeyboardInterrupt):
                done.set_exception(RequestError(f"a sensor raised {error_sentence(error)}"))
            else:
                done.set_exception(error)

        def body() -> None:
            try:
                result, error = context.run(work), None
            except BaseException as raised:  # noqa: BLE001 - handed over to whoever waits
                result, error = None, raised
            loop.call_soon_threadsafe(settle, result, error)

        threading.Thread(target=body, daemon=True).start()
        return await done


class _SensorLog(io.TextIOBase):
    """Standard output of a waiter: each line goes to the log of the sensor that printed it."""

    def __init__(self, channel: SensorChannel) -> None:
        self._channel = channel

    def write(self, text: str) -> int:
        """Send text to the log of whoever speaks."""
        if (serial := _speaker.get()) and text:
            self._channel.send(FrameKind.LOG, serial, text.encode(errors="backslashreplace"))
        return len(text)
