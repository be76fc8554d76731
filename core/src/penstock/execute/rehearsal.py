"""Tries of a task that does nothing much, run before the first fork.

What Python works out at the first uses of code (specialised instructions, looked up methods, resolved symbols) it writes beside that
code. What is written before a fork is shared by all forks; what is written after it is a copied page in each.
"""

import contextlib
import signal
import socket
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from penstock.author.dag import DAG
from penstock.author.operators.taskflow import task
from penstock.decoders import msgpack_decoder
from penstock.errors import RequestError
from penstock.execute.channel import Channel
from penstock.execute.runner import Providers, Runner
from penstock.execute.try_process import run_one, try_once
from penstock.execute.try_runtime import TryRuntime
from penstock.model.attempt import TryFacts
from penstock.processes import signals
from penstock.processes.frames import frame
from penstock.spec.executor import FileCode, TryRequest
from penstock.spec.wire import FrameKind

_decode_request = msgpack_decoder(TryRequest).decode
_encode = msgspec.msgpack.Encoder().encode

TIMES = 12
"""CPython 3.11 specialises a function at its eighth call, and each instruction at one of the next."""


def rehearse() -> None:
    """Run some tries in this process, which has one thread and ends by ``os._exit``."""
    runner, payload = _rehearsal()
    run = frame(FrameKind.RUN, 1, payload)
    ours, theirs = socket.socketpair()
    with contextlib.closing(ours), contextlib.closing(theirs):
        for _ in range(TIMES):
            ours.sendall(run)
            try_once(theirs, runner)
    signals.restore(signal.SIGTERM)


def run_preforked(sock: socket.socket, runner: Runner) -> NoReturn:
    """Run the first try that comes in this process, as `run_one` does; most pages that it writes to are copied before it comes."""
    rehearsed, payload = _rehearsal()
    request = _decode_request(payload)
    _encode(rehearsed.run(request, TryRuntime(Channel(sock), 1, request, rehearsed.open_store)))
    run_one(sock, runner)


@cache
def _rehearsal() -> tuple[Runner, bytes]:
    """What runs the tries, and an encoded request of one; forks have them from the process that rehearsed first."""
    with DAG("rehearsal") as dag:
        task(task_id="one")(_one)()
    runner = Runner(None, Path(), Providers(_nothing, _nothing))
    runner.know([dag])
    return runner, _encode(TryRequest(1, 1, TryFacts("rehearsal", "run", "one"), FileCode("", "", {}), ""))


def _one() -> int:
    return 1


def _nothing(*_: object) -> Any:  # noqa: ANN401 - never returns
    raise RequestError("a rehearsal has no providers")
