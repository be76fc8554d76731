"""Which worker was handed which try, kept over restarts of the scheduler."""

import logging
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from penstock.errors import ConfigError, as_sentence
from penstock.spec.executor import TaskKey
from penstock_remote.messages import TryName

_log = logging.getLogger(__name__)

_TABLE = (
    "CREATE TABLE IF NOT EXISTS placed (run INTEGER, task_id TEXT, map_index INTEGER, epoch INTEGER, worker TEXT, "
    "PRIMARY KEY (run, task_id, map_index, epoch))"
)


class Notes:
    """A table in a database of its own; what a method has changed is on disk when it returns.

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
            raise ConfigError(f"{path}: it cannot be used: {as_sentence(error)}") from None

    def read(self) -> dict[TryName, str]:
        """The worker of each try that is noted."""
        rows = self._database.execute("SELECT run, task_id, map_index, epoch, worker FROM placed")
        return {(TaskKey(*key), epoch): worker for *key, epoch, worker in rows}

    def add(self, placed: Mapping[TryName, str]) -> bool:
        """Note the worker of tries; False if that is not possible now: the disk is full, say."""
        rows = [(*key, epoch, worker) for (key, epoch), worker in placed.items()]
        return self._changed("INSERT OR REPLACE INTO placed VALUES (?, ?, ?, ?, ?)", rows)

    def remove(self, names: Iterable[TryName]) -> bool:
        """Forget tries; False if that is not possible now."""
        rows = [(*key, epoch) for key, epoch in names]
        return self._changed("DELETE FROM placed WHERE run = ? AND task_id = ? AND map_index = ? AND epoch = ?", rows)

    def _changed(self, statement: str, rows: Sequence[tuple[object, ...]]) -> bool:
        if not rows:
            return True
        try:
            with self._database:
                self._database.executemany(statement, rows)
        except sqlite3.Error as error:
            _log.warning("it cannot be noted which worker has which try, and none is sent until it can: %s", error)
            return False
        return True

    def close(self) -> None:
        """Close the database."""
        self._database.close()
