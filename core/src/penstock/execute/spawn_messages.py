"""What the scheduler tells a spawn server, on a stream socket: each message with its length before it.

An `Open` comes with a socket attached (SCM_RIGHTS, unix(7)), which becomes the new file server's line to the scheduler.
"""

import socket

import msgspec

from penstock.decoders import decode_msgpack
from penstock.spec.executor import FileCode

END_S = 2.0
"""Seconds that what a spawn server has forked gets to end with it."""


class Lease(msgspec.Struct, tag=True):
    """Go on until then; without another word from the scheduler, end everything.

    Attributes:
        until_s: Instant of the machine's monotonic clock.
    """

    until_s: float


class Open(msgspec.Struct, tag=True):
    """Fork a file server.

    Attributes:
        snapshots: Folder that holds the source snapshots by their hash.
        code: The DAG file that its tries come from; None if they run from stored plans.
        beat_s: Seconds between heartbeats.
        fresh: Whether each try process imports the file itself, because an import leaves threads behind.
        dags_folder: Where people find the file.
    """

    snapshots: str
    code: FileCode | None
    beat_s: float
    fresh: bool = False
    dags_folder: str = ""

    @property
    def name(self) -> str:
        """What is imported, for messages."""
        return "providers" if self.code is None else self.code.file


Message = Lease | tuple[Open, socket.socket]
"""What has come; an `Open` with its line."""


def send_lease(control: socket.socket, until_s: float) -> None:
    """Let a spawn server go on until then; raises OSError if it is gone, or has read nothing for so long that it is full."""
    data = msgspec.msgpack.encode(Lease(until_s))
    control.send(len(data).to_bytes(4) + data, socket.MSG_DONTWAIT)


def send_open(control: socket.socket, message: Open, line: socket.socket) -> None:
    """Ask a spawn server for a file server at the other end of ``line``; raises OSError if it is gone."""
    data = msgspec.msgpack.encode(message)
    socket.send_fds(control, [len(data).to_bytes(4)], [line.fileno()])
    control.sendall(data)


def receive_message(control: socket.socket) -> Message | None:
    """Wait for the rest of a message of which something has come; None if the scheduler is gone."""
    try:
        header, fds, _, _ = socket.recv_fds(control, 4, 1)
        if len(header) < 4:
            return None
        length = int.from_bytes(header)
        data = bytearray()
        while len(data) < length:
            part = control.recv(length - len(data))
            if not part:
                return None
            data += part
    except OSError:
        return None
    message = decode_msgpack(data, Open | Lease)
    return message if isinstance(message, Lease) else (message, socket.socket(fileno=fds[0]))
