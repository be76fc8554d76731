"""Frames between processes: a fixed header, and a payload that whoever relays it need not read.

A frame is ``length: u32, kind: u8, serial: u32`` in network order, followed by ``length`` bytes. What a kind means, what
the serial names and how the payload is encoded is up to each protocol.
"""

import socket
import struct
from collections.abc import Iterator

HEADER = struct.Struct("!IBI")
READ_SIZE = 1 << 18

MOST_BYTES = 1 << 29
"""Bytes of the payload of a frame: what a process with a stranger's code sends is held in memory until it is whole."""

Frame = tuple[int, int, bytes]
"""Kind, serial and payload."""


def frame(kind: int, serial: int, payload: bytes = b"") -> bytes:
    """Encode one frame."""
    return HEADER.pack(len(payload), kind, serial) + payload


class FrameRefusedError(OSError):
    """The other end announces a frame that nobody keeps in memory; nothing after it can be read."""


class FrameReader:
    """Cuts a stream into frames.

    Args:
        most_bytes: Bytes of the payload of a frame at most.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._buffer, self._most_bytes = bytearray(), most_bytes

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield every frame that is complete with this data; raises FrameRefusedError."""
        buffer = self._buffer
        buffer += data
        start, size = 0, HEADER.size
        while len(buffer) - start >= size:
            length, kind, serial = HEADER.unpack_from(buffer, start)
            if length > self._most_bytes:
                raise FrameRefusedError(f"a message of {length:,} bytes; at most {self._most_bytes:,} are taken")
            if len(buffer) - start - size < length:
                break
            yield kind, serial, bytes(buffer[start + size : start + size + length])
            start += size + length
        del buffer[:start]


class SendBuffer:
    """Frames on their way out of a non-blocking socket, so that a slow reader never blocks a loop.

    Args:
        sock: Non-blocking stream socket.
    """

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
        """Send as much as the kernel takes now.

        Raises:
            OSError: The other end is gone.
        """
        while self._pending:
            try:
                sent = self._sock.send(self._pending)
            except BlockingIOError:
                return
            del self._pending[:sent]


def read_available(sock: socket.socket) -> bytes | None:
    """Read what has arrived: empty bytes for nothing yet, None if the other end is gone."""
    try:
        data = sock.recv(READ_SIZE)
    except BlockingIOError:
        return b""
    except OSError:
        return None
    return data or None


class FrameSocket:
    """One end of a stream of frames that may block.

    Args:
        sock: Connected, blocking stream socket.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._reader = FrameReader()

    def send(self, kind: int, serial: int, payload: bytes = b"") -> None:
        """Send a frame; waits until the other end has room.

        Raises:
            OSError: The other end is gone.
        """
        self.sock.sendall(frame(kind, serial, payload))

    def receive(self) -> list[Frame] | None:
        """Wait for at least some bytes, and return the frames that are complete; None once the other end is gone."""
        try:
            data = self.sock.recv(READ_SIZE)
            return list(self._reader.feed(data)) if data else None
        except OSError:
            return None

    def close(self) -> None:
        """Hang up."""
        self.sock.close()
