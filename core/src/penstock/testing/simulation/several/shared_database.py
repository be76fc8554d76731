"""A SQLite file that several schedulers share as they share PostgreSQL: the same statements, by words that SQLite knows, too.

SQLite itself has one scheduler, and refuses a second. Here the statements of leases, ownership and shares run as they are shipped; what
only PostgreSQL has is put into words of SQLite, and its locks are the one lock that a writer of SQLite has. No session is ended from
outside: a scheduler that is stopped within a transaction holds up all others.
"""

import json
import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from penstock.store.schedulers.holder import Holder
from penstock.store.schedulers.lease import SchedulerLease
from penstock.store.schedulers.role import LEASE_S, RUNS_ON_S, SchedulerRole
from penstock.store.sql.database import Database
from penstock.store.sql.pipeline import Proof
from penstock.testing.simulation.database import database_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
_WORDS = [
    (re.compile(r"make_interval\(secs => ([^)]*)\)"), r"make_interval(\1)"),
    (re.compile(r"extract\(epoch FROM (.*?)\) \+"), r"in_seconds(\1) +"),
    (re.compile(r"= ANY\(([^)]*)\)"), r"IN (SELECT value FROM json_each(\1))"),
    (re.compile(r" FOR UPDATE SKIP LOCKED"), ""),
]
_SESSIONS = "CREATE TEMP TABLE pg_stat_activity (pid INTEGER, datname TEXT, application_name TEXT)"
_NOBODY = 2**23
"""From here on no process has these numbers."""


def shared_database(folder: Path, clock: Callable[[], datetime]) -> Database:
    """A folder's database, as one of several schedulers opens it.

    Args:
        folder: The folder.
        clock: The clock of the database.
    """

    def now() -> int:
        return (clock() - _EPOCH) // _MICRO

    def connected(connection: sqlite3.Connection, _record: object) -> None:
        functions: list[tuple[str, int, Callable[..., Any]]] = [
            ("clock_timestamp", 0, now),
            ("make_interval", 1, lambda seconds: int(seconds * 1_000_000)),
            ("in_seconds", 1, lambda micros: None if micros is None else micros / 1_000_000),
            ("pg_advisory_xact_lock", 1, lambda _: None),
            ("pg_terminate_backend", 1, lambda _: None),
            ("pg_backend_pid", 0, lambda: 0),
            ("current_database", 0, lambda: ""),
        ]
        for name, arguments, function in functions:
            connection.create_function(name, arguments, function)
        connection.execute(_SESSIONS).close()

    def prepare(engine: Engine) -> None:
        event.listen(engine, "connect", connected)
        event.listen(engine, "before_cursor_execute", _translated, retval=True)

    return database_of(folder, prepare)


def _translated(
    _connection: object,
    _cursor: object,
    statement: str,
    parameters: Any,
    _context: object,
    many: bool,  # noqa: FBT001 - SQLAlchemy's
) -> tuple[str, Any]:
    for words, ours in _WORDS:
        statement = words.sub(ours, statement)
    if not many and isinstance(parameters, tuple):
        parameters = tuple(json.dumps(each) if isinstance(each, list) else each for each in parameters)
    return statement, parameters


class SharedRole(SchedulerRole):
    """The role of one of several schedulers, whatever the database."""

    _processes = count(_NOBODY)

    def acquire(
        self, name: str, now: datetime, place: str = "", *, lease_s: float = LEASE_S, runs_on_s: float = RUNS_ON_S
    ) -> None:
        """Join those who schedule; see `SchedulerRole.acquire`."""
        me = Holder(name, "a machine", next(self._processes), now, place)
        self._held = SchedulerLease(self._database, me, lease_s, runs_on_s)

    @property
    def proof(self) -> Proof | None:
        """What shows that it is still ours; SQLite is asked by another connection, and nobody writes meanwhile."""
        held = self._held
        return Proof("", {}, lambda _: self._ask(held)) if isinstance(held, SchedulerLease) else None

    def _ask(self, held: SchedulerLease) -> None:
        with self._database.read() as connection:
            held.confirm(connection)

    def lose(self) -> None:
        """The process ends here, and gives nothing up."""
        self._held = None
