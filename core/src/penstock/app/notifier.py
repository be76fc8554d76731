"""Main of the notifier's process: ``python -m penstock.app.notifier``."""

import sys
import time

from penstock.app.environments import isolated_pythons, listening
from penstock.app.service_main import run_service
from penstock.app.vault import answer
from penstock.notify.delivery import Ports
from penstock.notify.notifier import Notifier
from penstock.service.installation import Installation

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
    ports = Ports(
        settings.notifier.timeout_s,
        answer(installation.vault, "a plugin module"),
        time.monotonic,
        installation.now,
        _log,
    )
    return Notifier(installation.store, commands, settings.logs_folder / LOG, ports)


def _log(line: str) -> None:
    print(f"notifier: {line}", file=sys.stderr, flush=True)  # noqa: T201 - the supervisor's terminal


if __name__ == "__main__":
    sys.exit(main())
