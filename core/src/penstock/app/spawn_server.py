"""Main of a spawn server: ``python -m penstock.app.spawn_server PLUGINS THREADS CONTROL LOCK``.

Where plugins come from, as JSON; a number of threads for plain pokes; and the numbers of two descriptors.
"""

import logging
import socket
import sys
from pathlib import Path

import msgspec

from penstock.execute.output import LOG_LINE
from penstock.execute.runner import Providers, Runner
from penstock.execute.spawn_server import Open, serve
from penstock.plugins.sources import PluginSources


def main(plugins: str, poke_threads: int, control: int, lock: int) -> None:
    """Serve until the scheduler hangs up."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format=LOG_LINE)
    providers = read_providers(msgspec.json.decode(plugins, type=PluginSources), poke_threads)

    def runner(what: Open) -> Runner:
        return Runner(what.code, Path(what.snapshots), providers)

    serve(socket.socket(fileno=control), (lock,), runner)


def read_providers(sources: PluginSources, poke_threads: int = 32) -> Providers:
    """Read the providers of this environment, before any fork: or each try would read them anew."""
    host = sources.host()
    host.providers()
    return Providers(host.resolve, host.object_store, poke_threads)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
