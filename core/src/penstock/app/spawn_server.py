"""Main of a spawn server: ``python -m penstock.app.spawn_server THREADS CONTROL LOCK``.

A number of threads for plain pokes, and the numbers of two descriptors.
"""

import logging
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from penstock.author.operator import Operator
from penstock.execute.output import LOG_LINE
from penstock.execute.runner import Providers, Runner
from penstock.execute.spawn_server import Open, serve


def main(disabled: str, poke_threads: int, control: int, lock: int) -> None:
    """Serve until the scheduler hangs up."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format=LOG_LINE)
    providers = _Providers(disabled.split(","))
    outside = Providers(providers.operator, providers.object_store, poke_threads)

    def runner(what: Open) -> Runner:
        return Runner(what.code, Path(what.snapshots), outside)

    serve(socket.socket(fileno=control), (lock,), runner)


class _Providers:
    """The providers of this environment, discovered when a task first asks for one."""

    def __init__(self, disabled: Sequence[str]) -> None:
        self._disabled = disabled
        self._host: Any = None

    def _found(self) -> Any:  # noqa: ANN401 - penstock.plugins.host.PluginHost, imported late
        if self._host is None:
            from penstock.plugins.host import PluginHost  # noqa: PLC0415 - few tasks need it, and it costs 30 ms

            self._host = PluginHost.discover(disabled=self._disabled)
        return self._host

    def operator(self, capability: str) -> type[Operator]:
        """The class behind a capability id."""
        found: type[Operator] = self._found().resolve(capability)
        return found

    def object_store(self, url: str, conn_id: str | None) -> Any:  # noqa: ANN401 - an ObjectStore
        """The object store that serves a URL's scheme."""
        return self._found().object_store(url, conn_id)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
