"""The files of logs: where they are for whoever reads them, and what they are called."""

from pathlib import Path

from penstock.errors import ConfigError
from penstock.logs.reading import LogReader
from penstock.service.installation import Installation
from penstock.spec.log_store import LogStore


def log_file(installation: Installation, shown: Path) -> Path:
    """The file of a log by the path that whoever asks is shown."""
    return installation.settings.logs_folder / shown


def log_words(path: Path) -> tuple[str, ...]:
    """A log as people know it: DAG, run, task and dispatch."""
    return path.parts[-4:]


def unreadable(path: Path, error: OSError) -> ConfigError:
    """What is said of a log whose file is there, and cannot be read."""
    return ConfigError(
        f"{'/'.join(log_words(path))}: the log cannot be read: {error.strerror}. Check its owner and mode."
    )


def log_reader(installation: Installation) -> LogReader:
    """What reads the logs of an installation, from files and from the log store."""
    settings = installation.settings.logs

    def open_store() -> LogStore:
        return installation.host.log_store(settings.store, settings.conn_id or None)

    from penstock.tries.store_runtime import StoreRuntime  # noqa: PLC0415 - only where a log store is named

    runtime = StoreRuntime(installation.vault)
    return LogReader(settings.store, open_store, runtime, runtime.mask.hide)
