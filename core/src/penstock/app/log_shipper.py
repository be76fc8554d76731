"""Main of the log shipper's process."""

import os
from collections.abc import Collection
from pathlib import Path

from penstock.app.parts.metrics_recorder import recorder
from penstock.app.service_main import run_service
from penstock.author.runtime import current
from penstock.errors import ExitCode, PluginError
from penstock.logs.log_names import log_name
from penstock.logs.shipper import Bounds, LogShipper, ShipperPorts
from penstock.service.installation import Installation
from penstock.spec.log_store import LogStore
from penstock.terminal import write_line
from penstock.tries.paths import log_path
from penstock.tries.store_runtime import StoreRuntime


def main() -> int:
    """Ship logs until SIGTERM; the exit code is 5 if the installation is wrong."""

    def run(installation: Installation, stop: int) -> None:
        try:
            log_shipper(installation).run(stop)
        except PluginError as error:
            _log(str(error))
            os._exit(ExitCode.FAILED)  # a thread that waits for the store would keep the process
        os._exit(ExitCode.DONE)

    return run_service("log shipper", run)


def log_shipper(installation: Installation) -> LogShipper:
    """The log shipper of an installation whose settings name a log store."""
    settings, index = installation.settings, installation.store.logs
    folder, identity = settings.logs_folder.absolute(), index.identity()
    host, runtime = installation.host, StoreRuntime(installation.vault)

    def open_store() -> LogStore:
        current.set(runtime)
        return host.log_store(settings.logs.store, settings.logs.conn_id or None)

    def open_logs() -> Collection[Path]:
        return {log_path(folder, dag_id, run_id, key, epoch) for dag_id, run_id, key, epoch in index.open_tries()}

    return LogShipper(
        folder,
        Bounds(settings.logs.chunk_bytes, settings.logs.chunk_s, settings.logs.buffer_mb << 20),
        ShipperPorts(
            settings.logs.store,
            open_store,
            open_logs,
            index.newest_run,
            index.has_live_run,
            lambda path: log_name(identity, folder, path),
            installation.clock,
            lambda report: report.keep(settings.state_folder),
            _log,
            recorder(settings),
            runtime.mask.hide,
        ),
    )


def _log(line: str) -> None:
    write_line(f"log shipper: {line}")
