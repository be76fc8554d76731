"""The process of a try: the fork that runs an author's code, sends its outcome, and is gone."""

import os
import signal
import socket
import sys
from types import FrameType
from typing import NoReturn

import msgspec

from penstock.errors import TaskCancelled
from penstock.execute.channel import Channel, TryRuntime
from penstock.execute.runner import Runner
from penstock.spec.executor import TryRequest
from penstock.spec.wire import FrameKind

_decode_request = msgspec.msgpack.Decoder(TryRequest).decode


def run_one(sock: socket.socket, runner: Runner) -> NoReturn:
    """Run the first try that comes in this process and leave it; leave as well if the file server hangs up."""
    channel = Channel(sock)
    channel.mask.learn(runner.secrets)
    while frames := channel.frames():
        for kind, serial, payload in frames:
            if kind == FrameKind.RUN:
                run_request(channel, runner, serial, _decode_request(payload))
                os._exit(0)
    os._exit(0)


def run_many(sock: socket.socket, runner: Runner) -> NoReturn:
    """Run tries one after the other as they come, until the file server hangs up."""
    channel = Channel(sock)
    channel.mask.learn(runner.secrets)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while frames := channel.frames():
        for kind, serial, payload in frames:
            if kind != FrameKind.RUN:
                continue
            run_request(channel, runner, serial, _decode_request(payload))
    os._exit(0)


def run_request(channel: Channel, runner: Runner, serial: int, request: TryRequest) -> None:
    """Run a try in this process and send its end; SIGTERM raises TaskCancelled in it meanwhile."""
    signal.signal(signal.SIGTERM, _cancelled)
    end = runner.run(request, TryRuntime(channel, serial, runner.open_store))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _flush()
    channel.finish(serial, end)


def _cancelled(_number: int, _frame: FrameType | None) -> NoReturn:
    raise TaskCancelled("the try was cancelled")


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
