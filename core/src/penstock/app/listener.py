"""Main of a listener's process: ``python -m penstock.app.listener PROVIDER MODULE FOLDER MEGABYTES SOCKET``.

The id of a provider, its plugin module, the project's folder if the module is the project's own (else ""), the megabytes of memory
that it may take, and the number of the descriptor of its line to the notifier.
"""

import logging
import os
import signal
import socket
import sys

from penstock.notify.listener import run_listener
from penstock.plugins.registry import PluginModules
from penstock.processes.bounds.memory import limit_memory
from penstock.processes.log_lines import log_to_stdout


def main(provider: str, module: str, folder: str, megabytes: int, line: int) -> None:
    """Run the process of one listener until the notifier closes its connection."""
    os.set_inheritable(line, False)  # what the module starts must not keep the line open when this process has ended
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log_to_stdout(logging)
    limit_memory(megabytes)
    if folder:
        sys.path.append(folder)
    run_listener(socket.socket(fileno=line), lambda: PluginModules({provider: module}, of_project=bool(folder)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
