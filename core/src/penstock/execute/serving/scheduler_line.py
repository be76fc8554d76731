"""What a file server sends to its scheduler: the start of a try waits a moment for the next frame, so that both are one commit."""

import socket
import time

import msgspec

from penstock.processes.frames import SendBuffer, frame
from penstock.spec.wire import FrameKind

_encode = msgspec.msgpack.Encoder().encode

STARTED_S = 0.005
"""Seconds that the start of a try may wait for the next frame, such as its end."""


class SchedulerLine:
    """Frames on their way to the scheduler.

    Args:
        sock: Non-blocking stream socket.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._buffer = SendBuffer(sock)
        self._started: list[tuple[int, int, float]] = []

    def __bool__(self) -> bool:
        """True if something has not been taken by the kernel yet."""
        return bool(self._buffer)

    def put_started(self, serial: int, pid: int) -> bool:
        """Have it said that a try's process is there; returns whether `put_starts` is to be called `STARTED_S` later."""
        self._started.append((serial, pid, time.monotonic()))
        return len(self._started) == 1

    def put(self, kind: FrameKind, serial: int, payload: bytes = b"") -> None:
        """Append a frame, after those that say which tries have started."""
        self.put_starts()
        self._buffer.put(frame(kind, serial, payload))

    def put_starts(self) -> None:
        """Append the frames of the tries that have started, each with its age in seconds."""
        now = time.monotonic()
        for serial, pid, at in self._started:
            self._buffer.put(frame(FrameKind.STARTED, serial, _encode((pid, now - at))))
        self._started.clear()

    def flush(self) -> None:
        """Send as much as the kernel takes now. Raises OSError: the scheduler is gone."""
        self._buffer.flush()
