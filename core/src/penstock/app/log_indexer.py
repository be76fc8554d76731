"""Main of the log indexer's process."""

from collections.abc import Collection
from pathlib import Path

from penstock.app.service_main import run_service
from penstock.logs.log_indexer import IndexerPorts, LogIndexer
from penstock.logs.log_subjects import LogSubjects
from penstock.service.installation import Installation
from penstock.store import LogSearch
from penstock.terminal import write_line
from penstock.tries.paths import log_path


def main() -> int:
    """Index logs until SIGTERM; the exit code is 5 if the installation is wrong."""

    def run(installation: Installation, stop: int) -> None:
        search = LogSearch.make(installation.store, installation.settings.state_folder)
        try:
            log_indexer(installation, search).run(stop)
        finally:
            search.close()

    return run_service("log indexer", run)


def log_indexer(installation: Installation, search: LogSearch) -> LogIndexer:
    """The log indexer of an installation."""
    settings, logs, clock = installation.settings, installation.store.logs, installation.clock
    folder, most_bytes = settings.logs_folder.absolute(), settings.logs.index_mb << 20

    def open_logs() -> Collection[Path]:
        return {log_path(folder, dag_id, run_id, key, epoch) for dag_id, run_id, key, epoch in logs.open_tries()}

    def trim() -> None:
        search.trim(clock.now(), most_bytes, settings.logs.index_days)

    return LogIndexer(
        folder,
        settings.logs.index_try_mb << 20,
        settings.logs.chunk_s,
        IndexerPorts(
            open_logs,
            logs.newest_run,
            logs.has_live_run,
            lambda: LogSubjects(installation.store, folder).of,
            search.positions,
            search.horizon,
            lambda parts: search.index(parts, clock.now(), most_bytes),
            trim,
            clock,
            _log,
        ),
    )


def _log(line: str) -> None:
    write_line(f"log indexer: {line}")
