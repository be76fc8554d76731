"""The tries of a file server, and the processes that it forked for them."""

import socket
from collections.abc import Callable
from typing import NoReturn

from penstock.decoders import msgpack_decoder
from penstock.model.state import Outcome
from penstock.processes.bounds.control_groups import Group
from penstock.processes.fork_row import fork_row
from penstock.processes.frames import FrameReader, SendBuffer
from penstock.processes.output import Output
from penstock.spec.executor import TryRequest

decode_request = msgpack_decoder(TryRequest).decode


class Job:
    """A try, from its frame to its answer.

    Attributes:
        payload: The encoded request, for a process that reads it from its channel.
        deadline: Monotonic instant at which it is cancelled; 0.0 for never.
        ending: How its answer reads if its process dies now: set once it was cancelled.
        group: The bounds of its process, if it asks for some.
        unheld: Why it is not held to what it asks for; "" if it is, or asks for nothing.
    """

    __slots__ = ("child", "deadline", "ending", "group", "output", "payload", "request", "serial", "unheld")

    def __init__(self, serial: int, payload: bytes) -> None:
        self.serial, self.payload = serial, payload
        self.request: TryRequest = decode_request(payload)
        self.child: ForkedProcess | None = None
        self.output: Output | None = None
        self.ending: tuple[Outcome, str] | None = None
        self.deadline = 0.0
        self.group: Group | None = None
        self.unheld = ""

    def begin_output(self) -> Output:
        """Its log, from now on."""
        bounds = self.request.log_bounds
        self.output = Output(self.request.log, bounds.most_bytes, bounds.least_free_bytes)
        return self.output


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


def fork_processes(
    code: Callable[[socket.socket], NoReturn], held: tuple[int, ...], count: int, *, kept: bool
) -> list[ForkedProcess]:
    """Fork processes that run ``code``, each with its channel, in a row (`penstock.processes.fork_row`).

    Args:
        code: Never returns.
        held: Descriptors that every process of the executor keeps open, so that a lock on them shows that it lives.
        count: How many; fewer are made if the machine has no room for more, and at least one.
        kept: Whether they will serve more than one try.

    Raises:
        OSError: The machine has no room for one.
    """
    made = []
    for pid, ours, pipe in fork_row(code, held, count):
        ours.setblocking(False)
        made.append(ForkedProcess(pid, ours, pipe, kept=kept))
    return made
