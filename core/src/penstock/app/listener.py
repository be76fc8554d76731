"""Main of a listener's process: ``python -m penstock.app.listener PROVIDER SOCKET``.

The id of a provider, and the number of the descriptor of its line to the notifier.
"""

import logging
import os
import signal
import socket
import sys

from penstock.execute.output import LOG_LINE
from penstock.notify.listener import listen
from penstock.plugins.host import PluginHost
from penstock.plugins.registry import Listeners


def main(provider: str, line: int) -> None:
    """Tell the provider's plugin module what the notifier sends, until that hangs up."""
    os.set_inheritable(line, False)  # what the module starts must not keep the line open when this process has ended
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format=LOG_LINE)
    listen(socket.socket(fileno=line), lambda: Listeners([PluginHost.discover().provider(provider)]))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
