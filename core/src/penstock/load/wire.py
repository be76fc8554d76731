"""Messages between the loader, its parse server and the children that import DAG files: MessagePack behind a length.

A frame is ``length: u32`` in network order and so many bytes of MessagePack (msgpack.org).
"""

import socket
import struct
from collections.abc import Iterator
from typing import Any

import msgspec

from penstock.model.dag import DagSpec
from penstock.spec.manifest import Capability

_HEADER = struct.Struct("!I")
_READ_SIZE = 1 << 16


class Setup(msgspec.Struct, frozen=True, tag="setup"):
    """Loader to server, once: what is installed.

    Attributes:
        providers: Ids of the installed providers.
        capabilities: Their operators and sensors.
        memory_mb: Megabytes that the import of one file may take beyond what the server has.
        timeout_s: Seconds that the import of one file may take.
        output_bytes: How much of what a file prints is kept.
        processes: Files that are imported at once; more jobs may be sent ahead.
    """

    providers: tuple[str, ...] = ()
    capabilities: tuple[Capability, ...] = ()
    memory_mb: int = 1024
    timeout_s: float = 30.0
    output_bytes: int = 65536
    processes: int = 2


class Job(msgspec.Struct, frozen=True, tag="job"):
    """Loader to server: import this file of this folder."""

    serial: int
    folder: str
    file: str


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """Child to server to loader: the value of a Variable, please."""

    serial: int
    key: str


class Reply(msgspec.Struct, frozen=True, tag="reply"):
    """The way back: the text of a Variable, or None."""

    serial: int
    value: str | None


class Result(msgspec.Struct, frozen=True, tag="result"):
    """Child to server to loader: what the import gave.

    Attributes:
        sources: Files of the folder that were read, and folders (with ``/`` at the end) that were listed.
        variables: Variables that were read, with their values.
        duration_s: Wall time in seconds.
        output: What the file printed, cut in the middle if it is long.
    """

    serial: int
    dags: tuple[DagSpec, ...] = ()
    problems: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    variables: dict[str, str | None] = {}
    refresh_s: float | None = None
    duration_s: float = 0.0
    output: str = ""


Message = Setup | Job | Ask | Reply | Result

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message).decode


def frame(message: Message) -> bytes:
    """A message as it travels."""
    payload = _encode(message)
    return _HEADER.pack(len(payload)) + payload


class Line:
    """One end of a stream of messages.

    Args:
        sock: A connected stream socket.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = bytearray()

    def send(self, message: Message) -> None:
        """Send a message; waits until the other end has room. Raises OSError if it is gone."""
        self.sock.sendall(frame(message))

    def receive(self) -> list[Any] | None:
        """What has arrived; waits for at least some bytes, and returns None once the other end has hung up."""
        data = self.sock.recv(_READ_SIZE)
        if not data:
            return None
        self._buffer += data
        return list(self._messages())

    def _messages(self) -> Iterator[Message]:
        while len(self._buffer) >= _HEADER.size:
            (length,) = _HEADER.unpack_from(self._buffer)
            end = _HEADER.size + length
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[_HEADER.size : end])
            del self._buffer[:end]
            yield _decode(payload)
