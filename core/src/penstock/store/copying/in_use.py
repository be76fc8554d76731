"""Whether anybody works on a database: what is written while it is copied would be lost, or be in the way."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime

from sqlalchemy import Connection, text

from penstock.errors import StoreHeldError
from penstock.store.schedulers.file_lock import FileLock
from penstock.store.schedulers.holder import Holder
from penstock.store.sql.database import APPLICATION, Database, this_host

_LEASES = text(
    "SELECT holder, host, pid, fenced_at IS NULL AND expires_at >= clock_timestamp() AS works, "
    "extract(epoch FROM coalesce(fenced_at, expires_at) - clock_timestamp()) + runs_on_s AS left_s FROM scheduler "
    "WHERE coalesce(fenced_at, expires_at) + make_interval(secs => runs_on_s) > clock_timestamp() ORDER BY number"
)
_SESSIONS = text(
    "SELECT application_name, pid, coalesce(host(client_addr), 'a socket') FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND starts_with(application_name, :application) ORDER BY pid"
)
_REMEDY = "Stop `penstock up`, its server and every other process of Penstock that has it open, on each machine, and try again."


@contextmanager
def alone(database: Database, now: datetime) -> Iterator[None]:
    """Keep a scheduler of SQLite away within the block; raises StoreHeldError if somebody works on the database."""
    with ExitStack() as held:
        if database.path is not None and database.path.exists():
            lock = FileLock(database.path, Holder("penstock db copy", this_host(), os.getpid(), now))
            held.callback(lock.release)
            if process := database.user_of_file():
                raise StoreHeldError(f"database {database.name}: process {process} has it open. {_REMEDY}")
        yield


def require_unused(connection: Connection, name: str) -> None:
    """Refuse a database of PostgreSQL, of this code's schema, on which somebody works.

    Raises:
        StoreHeldError: A scheduler has a lease, or its tries may run on, or a process of Penstock has a session.
    """
    if connection.dialect.name == "sqlite":
        return
    for holder, host, pid, works, left_s in connection.execute(_LEASES):
        who = f"{holder} (scheduler process {pid} on {host})"
        if works:
            raise StoreHeldError(f"database {name}: {who} works on it. {_REMEDY}")
        raise StoreHeldError(
            f"database {name}: {who} has ended without leaving, and what it had running may run on for {float(left_s):.0f} s. Wait so long."
        )
    require_no_session(connection, name)


def require_no_session(connection: Connection, name: str) -> None:
    """Refuse a database of PostgreSQL, of whatever schema, in which another process of Penstock has a session; raises StoreHeldError."""
    if connection.dialect.name == "sqlite":
        return
    for application, pid, where in connection.execute(_SESSIONS, {"application": APPLICATION}):
        raise StoreHeldError(
            f"database {name}: a process of Penstock ({application}, from {where}; session {pid} of the server) has it open. {_REMEDY}"
        )
