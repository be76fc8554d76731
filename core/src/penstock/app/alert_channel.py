"""Main of an alert channel's process: ``python -m penstock.app.alert_channel CHANNEL SOCKET``.

The name of a channel of ``[notifiers]``, ``mailto``, ``callback:VERSION``, or ``logs:`` to read the ends of logs for alerts; and the
number of the descriptor of its line to the notifier.
"""

import logging
import os
import signal
import socket
import sys
from functools import partial
from pathlib import Path

from penstock.alerts.rules import CALLBACK
from penstock.app.parts.environments import plugin_host
from penstock.execute.channel import Channel, ChannelRuntime
from penstock.logs.reading import LogReader
from penstock.notify.alerts.channel_child import Handle, calling, run_channel, sending
from penstock.processes.bounds.memory import limit_memory
from penstock.processes.log_lines import log_to_stdout
from penstock.service.alerts.channel_command import LOG_READER
from penstock.service.alerts.log_tail import read_tail
from penstock.service.alerts.notifiers import notifier_of
from penstock.settings import Settings, load_settings
from penstock.spec.log_store import LogStore


def main(name: str, line: int) -> None:
    """Run the process of one channel until the notifier closes its connection."""
    os.set_inheritable(line, False)  # what foreign code starts must not keep the line open when this process has ended
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log_to_stdout(logging)
    settings, sock = load_settings(os.environ, Path.cwd()), socket.socket(fileno=line)
    limit_memory(settings.loader.memory_mb)
    if name.startswith(f"{CALLBACK}:"):
        run_channel(sock, partial(calling, settings.state_folder / "snapshots"), once=True)
    elif name == LOG_READER:
        run_channel(sock, lambda channel: _reading(settings, channel))
    else:
        run_channel(sock, lambda _: _handle(settings, name))


def _handle(settings: Settings, name: str) -> Handle:
    return sending(notifier_of(settings, name, plugin_host(settings)))


def _reading(settings: Settings, channel: Channel) -> Handle:
    host, logs = plugin_host(settings), settings.logs

    def open_store() -> LogStore:
        return host.log_store(logs.store, logs.conn_id or None)

    return partial(read_tail, LogReader(logs.store, open_store, ChannelRuntime(channel, 0), channel.mask.hide))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
