"""Main of the loader's process: ``python -m penstock.app.loader [START]``.

The number of a descriptor at which it asks its supervisor for the notifier, once a DAG has alerts.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress

from penstock.app.parts.environments import plugin_host
from penstock.app.parts.metrics_recorder import recorder
from penstock.app.service_main import run_service
from penstock.load.loader import Loader
from penstock.load.messages import ParseConfig
from penstock.load.parser import Parser
from penstock.model.text import visible
from penstock.processes.fork import spawn
from penstock.service.installation import Installation
from penstock.service.parse_config import parse_config
from penstock.service.retention.sweep_process import SweepProcess
from penstock.store import LoaderCatalog
from penstock_manifest.cache import stamp

_LOOK_S = 30.0
"""Seconds between two looks at the Variables of secrets backends whose answers are used for a shorter time."""


_SWEEP = (sys.executable, "-P", "-m", "penstock.app.retention")


def main(start_notifier: Callable[[], None]) -> int:
    """Load DAG files until SIGTERM; the exit code is 5 if the installation is wrong; ``start_notifier`` asks for the notifier."""

    def run(installation: Installation, stop: int) -> None:
        sweeper = SweepProcess(lambda: spawn(_SWEEP, cwd=installation.settings.root), installation.clock, _log)
        catalog = LoaderCatalog(installation.store, installation.vault.variables, installation.now, start_notifier)
        if installation.store.alerts.any_needed():
            start_notifier()
        try:
            loader(installation, catalog, sweeper.step).run(stop)
        finally:
            sweeper.close()
            catalog.close()

    return run_service("loader", run)


def loader(installation: Installation, catalog: LoaderCatalog, maintain: Callable[[], float]) -> Loader:
    """The loader of an installation; ``maintain`` has what is old deleted while there is nothing to load."""
    settings = installation.settings
    parser = Parser(_Installed(installation), installation.vault.variables, installation.now)
    # What a secrets backend has may change at any time, and is asked anew once the answers that are known are too old.
    variables_s = min((max(each.cache_s, _LOOK_S) for each in settings.secrets_backends.values()), default=None)
    return Loader(
        settings.dags_folder,
        settings.state_folder,
        catalog,
        parser,
        installation.now,
        _log,
        maintain,
        variables_s=variables_s,
        metrics=recorder(settings),
    )


def _log(line: str) -> None:
    print(visible(line), file=sys.stderr, flush=True)  # noqa: T201 - the supervisor's terminal


def notifier_starter(line: int | None) -> Callable[[], None]:
    """Return what asks the supervisor for the notifier: once, for it is not listened to again."""
    open_lines = [] if line is None else [line]

    def start() -> None:
        while open_lines:
            with suppress(OSError):  # without a supervisor nobody is there to be told
                os.write(open_lines.pop(), b"x")

    return start


class _Installed:
    """What is installed, read again once the folders of this environment have changed."""

    def __init__(self, installation: Installation) -> None:
        self._settings, self._stamp = installation.settings, stamp(sys.path)
        self._config = parse_config(self._settings, installation.host)

    def __call__(self) -> ParseConfig:
        """Say what is installed now."""
        now = stamp(sys.path)
        if now != self._stamp:
            self._stamp, self._config = now, parse_config(self._settings, plugin_host(self._settings))
        return self._config


if __name__ == "__main__":
    argument = int(sys.argv[1]) if len(sys.argv) > 1 else None
    if argument is not None:
        os.set_inheritable(argument, False)
    sys.exit(main(notifier_starter(argument)))
