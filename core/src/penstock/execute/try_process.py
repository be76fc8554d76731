"""The process of a try: the fork that runs an author's code, sends its outcome, and is gone."""

import contextlib
import os
import signal
import socket
import sys
from types import FrameType
from typing import NoReturn

from penstock.author.run.failed import failed
from penstock.decoders import msgpack_decoder
from penstock.errors import TaskCancelled
from penstock.execute.channel import LINE_CLOSED, Channel
from penstock.execute.runner import Runner
from penstock.execute.try_runtime import TryRuntime
from penstock.processes import signals
from penstock.processes.process_end import ProcessEnd
from penstock.spec.executor import TryRequest
from penstock.spec.wire import FrameKind

_decode_request = msgpack_decoder(TryRequest).decode


def run_one(sock: socket.socket, runner: Runner) -> NoReturn:
    """Run the first try that comes in this process and leave it; leave as well if the file server hangs up."""
    try_once(sock, runner)
    os._exit(0)


def try_once(sock: socket.socket, runner: Runner) -> None:
    """Run the first try that comes as if the process ended with it; return as well if the file server hangs up."""
    channel = Channel(sock, runner.shown)
    channel.mask.learn(runner.secrets)
    while frames := channel.frames():
        for kind, serial, payload in frames:
            if kind == FrameKind.RUN:
                run_request(channel, runner, serial, _decode_request(payload), ends=True)
                return


def run_many(sock: socket.socket, runner: Runner) -> NoReturn:
    """Run tries one after the other as they come, until the file server hangs up."""
    channel = Channel(sock, runner.shown)
    channel.mask.learn(runner.secrets)
    signals.ignore(signal.SIGTERM)
    streams = sys.stdout, sys.stderr
    while frames := channel.frames():
        for kind, serial, payload in frames:
            if kind == FrameKind.RUN:
                run_request(channel, runner, serial, _decode_request(payload), ends=False)
                sys.stdout, sys.stderr = streams
    os._exit(0)


def run_request(channel: Channel, runner: Runner, serial: int, request: TryRequest, *, ends: bool) -> None:
    """Run a try in this process and send its end; SIGTERM raises TaskCancelled in it meanwhile.

    Args:
        channel: The line to its supervisor.
        runner: Runs it.
        serial: Its number on the line.
        request: The try.
        ends: Whether the process ends with it.
    """
    try:
        signals.handle(signal.SIGTERM, _cancelled)
        runner.notice_writes()
        program = ProcessEnd(lambda line: channel.log(serial, line)) if ends else None
        end = runner.run(request, TryRuntime(channel, serial, request, runner.open_store))
        if program is not None:
            program.finish()
    except BaseException as error:  # noqa: BLE001 - whatever comes up here, the try is answered
        end = failed(error)
    signals.ignore(signal.SIGTERM)
    _flush()
    try:
        channel.finish(serial, end)
    except OSError:
        os._exit(LINE_CLOSED)


def _cancelled(_number: int, _frame: FrameType | None) -> NoReturn:
    raise TaskCancelled("the try was cancelled")


def _flush() -> None:
    """Have what was printed leave; streams that the author's code has put there may do anything."""
    for stream in {id(each): each for each in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)}.values():
        with contextlib.suppress(BaseException):
            stream.flush()  # type: ignore[union-attr]  # None is among what it may be
