"""Which worker was handed which try, kept over restarts of the scheduler."""

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

from penstock.errors import ConfigError
from penstock.spec.executor import TaskKey
from penstock_remote.messages import TryName

_TABLE = (
    "CREATE TABLE IF NOT EXISTS placed (run INTEGER, task_id TEXT, map_index INTEGER, epoch INTEGER, worker TEXT, "
    "PRIMARY KEY (run, task_id, map_index, epoch))"
)


class Notes:
    """A table in a database of its own; what a method has done is on disk when it returns.

    Args:
        folder: Where it lies; made if need be.

    Raises:
        ConfigError: It cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "placed.db"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute(_TABLE)
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"{path}: it cannot be used: {error}.") from None

    def read(self) -> dict[TryName, str]:
        """The worker of each try that is noted."""
        rows = self._database.execute("SELECT run, task_id, map_index, epoch, worker FROM placed")
        return {(TaskKey(*key), epoch): worker for *key, epoch, worker in rows}

    def add(self, placed: Mapping[TryName, str]) -> None:
        """Note the worker of tries."""
        rows = [(*key, epoch, worker) for (key, epoch), worker in placed.items()]
        if rows:
            with self._database:
                self._database.executemany("INSERT OR REPLACE INTO placed VALUES (?, ?, ?, ?, ?)", rows)

    def remove(self, names: Iterable[TryName]) -> None:
        """Forget tries."""
        rows = [(*key, epoch) for key, epoch in names]
        if rows:
            with self._database:
                self._database.executemany(
                    "DELETE FROM placed WHERE run = ? AND task_id = ? AND map_index = ? AND epoch = ?", rows
                )

    def close(self) -> None:
        """Close the database."""
        self._database.close()
