"""The tries of a file server, and the processes that it forked for them."""

import os
import socket
from collections.abc import Callable
from typing import NoReturn

import msgspec

from penstock.model.state import Outcome
from penstock.processes.fork import fork
from penstock.processes.frames import FrameReader, SendBuffer
from penstock.processes.output import Output
from penstock.spec.executor import TryRequest

decode_request = msgspec.msgpack.Decoder(TryRequest).decode


class Job:
    """A try, from its frame to its answer.

    Attributes:
        payload: The encoded request, for a process that reads it from its channel.
        deadline: Monotonic instant at which it is cancelled; 0.0 for never.
        ending: How its answer reads if its process dies now: set once it was cancelled.
    """

    __slots__ = ("child", "deadline", "ending", "output", "payload", "request", "serial")

    def __init__(self, serial: int, payload: bytes) -> None:
        self.serial, self.payload = serial, payload
        self.request: TryRequest = decode_request(payload)
        self.child: ForkedProcess | None = None
        self.output: Output | None = None
        self.ending: tuple[Outcome, str] | None = None
        self.deadline = 0.0


class ForkedProcess:
    """A forked process and its two lines: the channel, and the pipe behind its standard output.

    Attributes:
        jobs: The tries it has, by serial: one, or for a waiter many.
        kept: Whether it lives on after a try.
    """

    __slots__ = ("jobs", "kept", "pid", "pipe", "reader", "send_buffer", "sock")

    def __init__(self, pid: int, sock: socket.socket, pipe: int, *, kept: bool) -> None:
        self.pid, self.sock, self.pipe, self.kept = pid, sock, pipe, kept
        self.reader, self.send_buffer = FrameReader(), SendBuffer(sock)
        self.jobs: dict[int, Job] = {}


def fork_process(code: Callable[[socket.socket], NoReturn], held: tuple[int, ...], *, kept: bool) -> ForkedProcess:
    """Fork a process that runs ``code`` with its channel; its standard output goes to the child's pipe.

    Args:
        code: Never returns.
        held: Descriptors that every process of the executor keeps open, so that a lock on them shows that it lives.
        kept: Whether it will serve more than one try.
    """
    ours, theirs = socket.socketpair()
    reading, writing = os.pipe()
    pid = fork(lambda kept: code(socket.socket(fileno=kept[0])), (theirs.fileno(), *held), output=writing)
    theirs.close()
    os.close(writing)
    ours.setblocking(False)
    os.set_blocking(reading, False)
    return ForkedProcess(pid, ours, reading, kept=kept)
