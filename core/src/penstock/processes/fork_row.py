"""Forks in a row, each with its two lines: a stream socket, and the pipe behind its standard output."""

import os
import socket
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, NoReturn

from penstock.processes.fork import fork


class Forked(NamedTuple):
    """A forked process, as the one that forked it sees it.

    Attributes:
        pid: Its process id.
        sock: The stream socket to it; blocking.
        pipe: Where its standard output and error are read; not blocking.
    """

    pid: int
    sock: socket.socket
    pipe: int


def fork_row(code: Callable[[socket.socket], NoReturn], held: tuple[int, ...], count: int) -> list[Forked]:
    """Fork processes that run ``code``, each with its socket; its standard output goes to its pipe.

    After a fork this process copies each page that it writes to, so that between two of them it does nothing else.

    Args:
        code: Never returns.
        held: Further descriptors that each keeps open.
        count: How many; fewer are made if the machine has no room for more, and at least one.

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
        os.set_blocking(reading, False)
        made.append(Forked(pid, ours, reading))
    return made


def _begin(code: Callable[[socket.socket], NoReturn], kept: tuple[int, ...]) -> NoReturn:
    code(socket.socket(fileno=kept[0]))
