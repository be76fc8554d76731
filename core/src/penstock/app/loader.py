"""Main of the loader's process.

It asks its supervisor for the notifier, once a DAG has alerts, and for the watchers, once an asset has some.
"""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from penstock.app.parts.engine_secrets import drop_engine_secrets
from penstock.app.parts.environments import plugin_host
from penstock.app.parts.metrics_recorder import recorder
from penstock.app.service_main import run_service
from penstock.app.up import NOTIFIER, WATCHERS
from penstock.load.loader import Loader
from penstock.load.parse.messages import ParseConfig
from penstock.load.parse.parser import Parser
from penstock.model.dag import DagSpec
from penstock.processes.fork import spawn
from penstock.service.installation import Installation
from penstock.service.parse_config import parse_config
from penstock.service.retention.sweep_process import SweepProcess
from penstock.store import LoaderCatalog
from penstock.terminal import write_line
from penstock_manifest.cache import stamp

_LOOK_S = 30.0
"""Seconds between two looks at the Variables of secrets backends whose answers are used for a shorter time."""


_SWEEP = (sys.executable, "-P", "-m", "penstock.app.retention")


def main(line: int | None = None) -> int:
    """Load DAG files until SIGTERM; the exit code is 5 if the installation is wrong.

    Args:
        line: Descriptor at which a process is asked for by its mark.
    """
    start = starter(line)

    def run(installation: Installation, stop: int) -> None:
        drop_engine_secrets(installation.settings, installation.host)
        sweeper = SweepProcess(lambda: spawn(_SWEEP, cwd=installation.settings.root), installation.clock, _log)
        needed = partial(start_what_is_needed, start)
        catalog = LoaderCatalog(installation.store, installation.vault.variables, installation.now, needed)
        if installation.store.alerts.any_needed():
            start(NOTIFIER)
        if installation.store.assets.watched.any_watched():
            start(WATCHERS)
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
    write_line(line)


def start_what_is_needed(start: Callable[[bytes], None], dags: Sequence[DagSpec]) -> None:
    """Ask for the notifier if somebody is to be told of a DAG, and for the watchers if an asset of one is watched."""
    if any(dag.alerting for dag in dags):
        start(NOTIFIER)
    if any(asset.watchers for dag in dags for asset in dag.assets.values()):
        start(WATCHERS)


def starter(line: int | None) -> Callable[[bytes], None]:
    """Return what asks the supervisor for a process by its mark, for each once."""
    asked: set[bytes] = set()

    def start(mark: bytes) -> None:
        if line is not None and mark not in asked:
            asked.add(mark)
            with suppress(OSError):  # without a supervisor nobody is there to be told
                os.write(line, mark)

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
