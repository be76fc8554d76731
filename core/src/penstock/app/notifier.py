"""Main of the notifier's process: ``python -m penstock.app.notifier``."""

import sys
import time
from collections.abc import Callable

from penstock.app.environments import isolated_pythons, listening
from penstock.app.service_main import run_service
from penstock.errors import StoreUnavailableError
from penstock.notify.delivery import Ports
from penstock.notify.notifier import Notifier
from penstock.service.installation import Installation
from penstock.spec.wire import Ask, Reply
from penstock.tries.asks import answered, connection_reply, variable_reply
from penstock.tries.vault import Vault

LOG = "listeners.log"


def main() -> int:
    """Deliver notices to listeners until SIGTERM; the exit code is 5 if the installation is wrong."""
    return run_service("notifier", lambda installation, stop: notifier(installation).run(stop))


def notifier(installation: Installation) -> Notifier:
    """The notifier of an installation: an isolated provider's module is loaded by its own environment's Python."""
    settings = installation.settings
    pythons = isolated_pythons(settings)
    commands = {
        provider: [
            *(pythons.get(provider, sys.executable), "-P", "-m", "penstock.app.listener", provider, module),
            str(settings.root.absolute()) if module in settings.plugins.modules else "",
        ]
        for provider, module in listening(settings).items()
    }
    ports = Ports(settings.notifier.timeout_s, answer(installation.vault), time.monotonic, installation.now, _log)
    return Notifier(installation.store, commands, settings.logs_folder / LOG, ports)


def answer(vault: Vault) -> Callable[[Ask], Reply]:
    """What answers a plugin module that asks for a connection or a Variable, as a task would be answered."""
    known: dict[str, Callable[..., Reply]] = {"connection": connection_reply, "variable": variable_reply}

    def reply(ask: Ask) -> Reply:
        method = known.get(ask.method)
        if method is None:
            return Reply(error=f"{ask.method}() is for tasks: a plugin module may ask for connections and Variables")
        try:
            return answered(method, vault, *ask.args)
        except StoreUnavailableError as error:
            return Reply(error=str(error), error_type=type(error).__name__)

    return reply


def _log(line: str) -> None:
    print(f"notifier: {line}", file=sys.stderr, flush=True)  # noqa: T201 - the supervisor's terminal


if __name__ == "__main__":
    sys.exit(main())
