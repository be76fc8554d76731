"""The tries of a file server, and the processes that it forked for them."""

import os
import socket
from collections.abc import Callable
from functools import partial
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


def fork_processes(
    code: Callable[[socket.socket], NoReturn], held: tuple[int, ...], count: int, *, kept: bool
) -> list[ForkedProcess]:
    """Fork processes that run ``code``, each with its channel; its standard output goes to the process' pipe.

    After a fork this process copies each page that it writes to, so that between two of them it does nothing else.

    Args:
        code: Never returns.
        held: Descriptors that every process of the executor keeps open, so that a lock on them shows that it lives.
        count: How many; fewer are made if the machine has no room for more, and at least one.
        kept: Whether they will serve more than one try.

    Raises:
        OSError: The machine has no room for one.
    """
    pairs: list[tuple[socket.socket, socket.socket]] = []
    pipes: list[tuple[int, int]] = []
    pids: list[int] = []
    try:
        for _ in range(count):
            pairs.append(socket.socketpair())
            pipes.append(os.pipe())
        lines = [((theirs.fileno(), *held), writing) for (_, theirs), (_, writing) in zip(pairs, pipes, strict=True)]
        begin = partial(_begin, code)
        for keep, output in lines:
            pids.append(fork(begin, keep, output=output))
    except OSError:
        if not pids:
            raise
    finally:
        for _, theirs in pairs:
            theirs.close()
        for _, writing in pipes:
            os.close(writing)
        for ours, _ in pairs[len(pids) :]:
            ours.close()
        for reading, _ in pipes[len(pids) :]:
            os.close(reading)
    made = []
    for pid, (ours, _), (reading, _) in zip(pids, pairs, pipes, strict=False):
        ours.setblocking(False)
        os.set_blocking(reading, False)
        made.append(ForkedProcess(pid, ours, reading, kept=kept))
    return made


def _begin(code: Callable[[socket.socket], NoReturn], kept: tuple[int, ...]) -> NoReturn:
    code(socket.socket(fileno=kept[0]))
