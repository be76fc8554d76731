"""Says whether anything was committed: what was read under a stamp is true for as long as the stamp is the same."""

import sqlite3
from contextlib import suppress
from threading import Lock
from typing import cast

from sqlalchemy import Connection, text

from penstock.store.sql.database import Database
from penstock.store.sql.driver_errors import translate_errors

# https://www.sqlite.org/pragma.html#pragma_data_version: it differs once any other connection has committed.
_DATA_VERSION = "PRAGMA data_version"
# https://www.postgresql.org/docs/14/functions-info.html#FUNCTIONS-INFO-SNAPSHOT: two views of the same snapshot see the same rows.
SNAPSHOT_NOW = text("SELECT pg_current_snapshot()::text")


class CommitStamp:
    """Reads the stamp of a database; for several threads.

    Args:
        database: The database.

    Attributes:
        at_once: Whether it is read at the cost of some microseconds (SQLite), and not by a question to a server.
    """

    def __init__(self, database: Database) -> None:
        self._database, self.at_once = database, database.sqlite
        self._connection: Connection | None = None
        self._session: sqlite3.Connection | None = None
        self._lock = Lock()

    def read(self) -> str:
        """The stamp: another one as soon as something was committed.

        On PostgreSQL, within `penstock.store.Store.view`, it is that of the view: all that is read in that is read under it.

        Raises:
            StoreError: The database cannot serve.
        """
        if not self._database.sqlite:
            with self._database.read() as connection:
                return str(connection.execute(SNAPSHOT_NOW).scalar_one())
        self._database.check_file()
        with self._lock, translate_errors(self._database.name, self._database.wait_s):
            # One session that writes nothing, as its own commits would not show, and takes none of the pool's.
            self._session = self._session or self._opened()
            return str(self._session.execute(_DATA_VERSION).fetchone()[0])

    def own(self) -> int:
        """How many transactions this process has committed: what was read since the last of them holds all that it has written."""
        return self._database.commits

    def close(self) -> None:
        """Read no more."""
        with self._lock, suppress(Exception):
            if self._connection is not None:
                self._connection.close()
            self._connection = self._session = None

    def _opened(self) -> sqlite3.Connection:
        self._connection = self._database.engine.connect()
        session = cast("sqlite3.Connection", self._connection.connection.driver_connection)
        self._connection.detach()
        return session
