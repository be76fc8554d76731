"""Frames between the scheduler, file servers and try processes: a fixed header and a payload that relays do not read.

A frame is ``length: u32, kind: u8, serial: u32`` in network order, followed by ``length`` bytes. The serial names a try
on one connection; what the payload is follows from the kind, see `Kind`. Payloads are MessagePack (msgpack.org).
"""

import socket
import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

import msgspec

from penstock.spec.executor import XComValue

HEADER = struct.Struct("!IBI")
READ_SIZE = 1 << 18


class Kind(IntEnum):
    """What a frame means. ``>`` goes towards the try, ``<`` towards the scheduler."""

    RUN = 1  # > run a try: TryRequest
    FOLLOW = 2  # > keep a try until one of yours has ended, whose place it takes, or until GO: TryRequest
    CANCEL = 3  # > end a try: its reason
    REPLY = 4  # > answer to ASK: Reply
    STOP = 5  # > end everything
    GO = 6  # > a place is free for this try that you keep
    HEIR = 9  # < this kept try took the place of the one whose FINISHED comes next
    STARTED = 10  # < the try's process exists: its pid
    FINISHED = 11  # < the try ended: Answer
    ASK = 12  # < the try asks for something: Ask
    BEAT = 13  # < the sender is alive
    LOG = 14  # < bytes for the try's log, from a process that many tries share
    HELLO = 15  # < a file server's process exists; the serial is its pid
    READY = 16  # < it has imported its file
    FRESH = 17  # < its import left threads behind, so that it must not fork: let each try import the file itself


class Answer(msgspec.Struct, omit_defaults=True):
    """How a try ended, as its process or its server says; fields as in `penstock.spec.executor.TryFinished`."""

    outcome: str
    at: float
    error: str = ""
    retryable: bool = True
    xcoms: dict[str, XComValue] = {}
    follow: tuple[str, ...] | None = None
    skip_downstream: str = ""
    retry_after_s: float | None = None


class Ask(msgspec.Struct):
    """A try asks for a method of `penstock.author.runtime.Runtime`, by its name and JSON-like arguments."""

    method: str
    args: tuple[Any, ...]


class Reply(msgspec.Struct, omit_defaults=True):
    """The answer to an `Ask`.

    Attributes:
        error: Message if it could not be answered; ``error_type`` names the exception of `penstock.errors`.
        secrets: Values that must not appear in the try's log from now on.
    """

    value: Any = None
    error: str = ""
    error_type: str = ""
    secrets: tuple[str, ...] = ()


def frame(kind: Kind, serial: int, payload: bytes = b"") -> bytes:
    """The bytes of one frame."""
    return HEADER.pack(len(payload), kind, serial) + payload


class FrameReader:
    """Cuts a stream into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Every frame that is complete with this data: kind, serial, payload."""
        buffer = self._buffer
        buffer += data
        start, size = 0, HEADER.size
        while len(buffer) - start >= size:
            length, kind, serial = HEADER.unpack_from(buffer, start)
            if len(buffer) - start - size < length:
                break
            yield kind, serial, bytes(buffer[start + size : start + size + length])
            start += size + length
        del buffer[:start]


class Outbox:
    """Frames on their way out of a non-blocking socket, so that a slow reader never blocks a loop."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._pending = bytearray()

    def __bool__(self) -> bool:
        """True if something has not been taken by the kernel yet."""
        return bool(self._pending)

    def put(self, data: bytes) -> None:
        """Append frames; call `flush` afterwards."""
        self._pending += data

    def flush(self) -> None:
        """Hand the kernel what it takes now; raises OSError if the other end is gone."""
        while self._pending:
            try:
                sent = self._sock.send(self._pending)
            except BlockingIOError:
                return
            del self._pending[:sent]


def read_available(sock: socket.socket) -> bytes | None:
    """What has arrived: empty bytes for nothing yet, None if the other end is gone."""
    try:
        data = sock.recv(READ_SIZE)
    except BlockingIOError:
        return b""
    except OSError:
        return None
    return data or None
