"""What the tries of an environment run with: its providers, read when they are needed, and the spawn server that forks them."""

import socket
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.decoders import decode_json
from penstock.execute.runner import Providers, Runner
from penstock.execute.spawn_messages import Open
from penstock.execute.spawn_server import serve
from penstock.processes.log_lines import write_log_lines

if TYPE_CHECKING:
    from penstock.plugins.host import PluginHost


def serve_tries(plugins: str, poke_threads: int, control: int, lock: int) -> None:
    """Be the spawn server until the scheduler hangs up.

    Args:
        plugins: `penstock.plugins.sources.PluginSources` as JSON.
        poke_threads: Pokes of plain sensors that a waiter makes at once.
        control: Descriptor of the line to the scheduler.
        lock: Descriptor of the executor's lock file.
    """
    write_log_lines()

    def runner(what: Open) -> Runner:
        # Tries of stored plans all need the providers: read by their file server, before it forks. Those of a DAG file
        # seldom do, and what a file server holds makes each of its forks dearer (4 MB: a tenth of a fork).
        providers = environment_providers(plugins, poke_threads, at_once=what.code is None)
        return Runner(what.code, Path(what.snapshots), providers, what.dags_folder)

    serve(socket.socket(fileno=control), (lock,), runner)


def environment_providers(plugins: str = "{}", poke_threads: int = 32, *, at_once: bool = False) -> Providers:
    """Make the providers of this environment usable by tries.

    Args:
        plugins: `penstock.plugins.sources.PluginSources` as JSON.
        poke_threads: Pokes of plain sensors that a waiter makes at once.
        at_once: Whether they are read now instead of at their first use.
    """

    @cache
    def host() -> "PluginHost":
        from penstock.plugins.sources import PluginSources  # noqa: PLC0415 - see `main`: few processes need it

        return decode_json(plugins, PluginSources).host()

    if at_once:
        host().providers()

    def resolve(capability: str) -> Any:  # noqa: ANN401 - a class
        return host().resolve(capability)

    def open_store(url: str, conn_id: str | None) -> Any:  # noqa: ANN401 - an ObjectStore
        return host().object_store(url, conn_id)

    return Providers(resolve, open_store, poke_threads)
