"""The process of a service: it makes the service and runs it, until it returns.

It speaks the frames of `penstock.spec.wire`: RUN with a `ServiceConfig`; HELLO when the service is made, BEAT for a report, ASK and
REPLY for what it asks, FINISHED with what was raised.
"""

import signal
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import msgspec

from penstock.author.runtime import current
from penstock.decoders import decode_msgpack
from penstock.errors import PenstockError
from penstock.execute.channel import Channel, ChannelRuntime
from penstock.keeper.kept_service import ServiceConfig, ServiceReport
from penstock.model.names import error_sentence, error_text, well_formed
from penstock.spec.service import Service, ServiceContext
from penstock.spec.wire import FrameKind

_encode = msgspec.msgpack.Encoder().encode


class ServiceRuntime(ChannelRuntime):
    """The runtime of a service: connections and Variables, and how many tries run beside it."""

    place: ClassVar[str] = "in a service"
    advice: ClassVar[str] = "it may ask for connections and Variables alone"

    def running_tries(self) -> int:
        """How many tries run on this machine."""
        return int(self._channel.ask(self._serial, "running_tries"))


def run_service_process(sock: socket.socket, make: Callable[[ServiceConfig], Service]) -> int:
    """Make the service and run it; returns the exit code of the process.

    Args:
        sock: Blocking stream socket to the keeper.
        make: Imports the service's class and calls it.
    """
    channel = Channel(sock)
    runtime = ServiceRuntime(channel, 0)
    current.set(runtime)
    frames = channel.frames()
    if not frames:
        return 1
    config = decode_msgpack(frames[0][2], ServiceConfig)

    def report(healthy: bool, detail: str) -> None:  # noqa: FBT001 - the context's
        channel.send(FrameKind.BEAT, 0, _encode(ServiceReport(healthy, well_formed(str(detail)))))

    context = ServiceContext(config.name, Path(config.folder), report, runtime.running_tries)
    signal.signal(signal.SIGTERM, lambda *_: context.stop())
    try:
        context.folder.mkdir(parents=True, exist_ok=True)
        service = make(config)
        channel.send(FrameKind.HELLO, 0, b"")
        service.run(context)
    except BaseException as error:  # noqa: BLE001 - the fence: a service may raise anything
        if not isinstance(error, PenstockError):
            traceback.print_exception(error)
        why = error_text(error) if isinstance(error, PenstockError) else f"it raised {error_sentence(error)}"
        channel.send(FrameKind.FINISHED, 0, channel.mask.hide(why).encode())
        return 1
    if not context.stopping:
        channel.send(FrameKind.FINISHED, 0, b"its run() returned")
    return 0
