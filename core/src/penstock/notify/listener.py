"""The listener's process: it loads one provider's plugin module and calls it with what the notifier sends.

It speaks the frames of `penstock.spec.wire`: HELLO when it has loaded (why not, or ""), RUN for a notice, FINISHED
when the impl has returned (what went wrong, or ""), ASK and REPLY between the two.
"""

import socket
from collections.abc import Callable

from penstock.author.runtime import current
from penstock.decoders import msgpack_decoder
from penstock.execute.channel import Channel, ChannelRuntime
from penstock.model.notice import Notice, TaskStateChanged
from penstock.plugins.registry import PluginModules
from penstock.spec.wire import FrameKind

_decode = msgpack_decoder(Notice).decode


def run_listener(sock: socket.socket, load: Callable[[], PluginModules]) -> None:
    """Load the module, then call it with each notice until the notifier hangs up.

    Args:
        sock: Blocking stream socket to the notifier.
        load: Imports the module.
    """
    channel = Channel(sock)
    current.set(ChannelRuntime(channel, 0))
    modules = load()
    channel.send(FrameKind.HELLO, 0, "\n".join(modules.problems.values()).encode())
    while frames := channel.frames():
        for _, serial, payload in frames:
            failures = _call(modules, _decode(payload))
            channel.send(FrameKind.FINISHED, serial, channel.mask.hide("\n".join(failures.values())).encode())


def _call(modules: PluginModules, notice: Notice) -> dict[str, str]:
    spec = "penstock_task_state_changed" if isinstance(notice, TaskStateChanged) else "penstock_run_state_changed"
    return modules.emit(spec, change=notice)
