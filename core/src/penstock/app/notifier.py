"""Main of the notifier's process: ``python -m penstock.app.notifier``."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from penstock.app.compose import open_store
from penstock.app.environments import isolated_pythons, listening, secrets_of
from penstock.errors import PenstockError
from penstock.execute.wire import Ask, Reply
from penstock.model.secret import variable_secrets
from penstock.notify.courier import World
from penstock.notify.notifier import Notifier
from penstock.scheduler.clock import SystemClock
from penstock.service.access import find_connection
from penstock.settings import Settings, load_settings
from penstock.store.store import Store

FAILED = 5
LOG = "listeners.log"


def main() -> int:
    """Tell providers what changes until SIGTERM; the exit code is 5 if the installation is wrong."""
    stop_r, stop_w = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.write(stop_w, b"x"))
    try:
        settings = load_settings(os.environ, Path.cwd())
        with open_store(settings) as store:
            notifier(settings, store).run(stop_r)
    except PenstockError as error:
        _tell(str(error))
        return FAILED
    return 0


def notifier(settings: Settings, store: Store) -> Notifier:
    """The notifier of an installation: an isolated provider's module is loaded by its own environment's Python."""
    pythons = isolated_pythons(settings)
    commands = {
        provider: [pythons.get(provider, sys.executable), "-m", "penstock.app.listener", provider]
        for provider in listening(settings)
    }
    world = World(settings.notifier.timeout_s, answer(settings, store), time.monotonic, SystemClock().now, _tell)
    return Notifier(store, commands, settings.logs_folder / LOG, world)


def answer(settings: Settings, store: Store) -> Callable[[Ask], Reply]:
    """What answers a plugin module that asks for a connection or a Variable, as a task would be answered."""
    secrets = secrets_of(settings)

    def connection(conn_id: str) -> Reply:
        found = find_connection(store, conn_id, settings.connections)
        return Reply(msgspec.to_builtins(found), secrets=secrets(found))

    def variable(key: str) -> Reply:
        given = settings.variables.get(key.lower())
        value = store.variable(key) if given is None else given
        return Reply(value, secrets=variable_secrets(key, value))

    known: dict[str, Callable[..., Reply]] = {"connection": connection, "variable": variable}

    def reply(ask: Ask) -> Reply:
        method = known.get(ask.method)
        if method is None:
            return Reply(error=f"{ask.method}() is for tasks: a plugin module may ask for connections and Variables")
        try:
            return method(*ask.args)
        except PenstockError as error:
            return Reply(error=str(error), error_type=type(error).__name__)

    return reply


def _tell(line: str) -> None:
    print(f"notifier: {line}", file=sys.stderr, flush=True)  # noqa: T201 - the supervisor's terminal


if __name__ == "__main__":
    sys.exit(main())
