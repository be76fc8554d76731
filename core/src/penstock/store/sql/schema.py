"""The schema's version: made when new, refused when it is not ours, moved on by migrations."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, inspect, select, text

from penstock.errors import StoreError
from penstock.model.dag import DEFAULT_POOL
from penstock.model.history.audit import AuditEntry
from penstock.processes.failpoint import failpoint
from penstock.store.sql import compatibility, scheduler_tables, tables
from penstock.store.sql.access import audit_table
from penstock.store.sql.database import Database
from penstock.store.sql.partial_index import put_conditions
from penstock.store.sql.pipeline import Proof

HEAD = tables.REVISIONS[-1]
_VERSION = text("SELECT version_num FROM alembic_version")
_UPGRADE_LOCK = 0x50656E73_00000002
_DEFAULT_POOL_SLOTS = 128
_p = tables.pool.c
SEEDED = select(_p.name).where(_p.name == DEFAULT_POOL, _p.slots == _DEFAULT_POOL_SLOTS)
"""Finds the pool with which every database begins."""


def found_version(connection: Connection) -> str | None:
    """The version in the database, ``""`` for a half-made schema, None for an empty database."""
    present = set(inspect(connection).get_table_names())
    if "alembic_version" in present:
        return connection.execute(_VERSION).scalar() or ""
    return "" if present & set(tables.metadata.tables) else None


def refusal(found: str | None, name: str, floor: str | None = None) -> str | None:
    """Why a database with this version, and this floor, cannot be worked on, as a sentence; None if it can."""
    if found and compatibility.admits(found, floor, HEAD):
        return None
    if floor == compatibility.HALF_COPY:
        return (
            f"database {name}: another one is being copied into it, or was not copied to its end. Wait for `penstock db copy`, or do "
            "that again with the same URL, or name another database."
        )
    if found == HEAD:
        return (
            f"database {name}: it is about to be upgraded to a schema that this Penstock does not know (its newest is {HEAD}). "
            "Upgrade penstock-core here."
        )
    if found is None:
        return f"database {name}: it is empty. Make its tables with `penstock db upgrade`."
    if found in tables.REVISIONS:
        return (
            f"database {name}: its schema is {found}, of an older Penstock; this one works on {HEAD}. "
            "Stop Penstock, make a backup, and run `penstock db upgrade`."
        )
    if not found:
        return f"database {name}: it holds tables named as Penstock's, but no schema version. Name another database."
    return (
        f"database {name}: its schema is {found}, which this Penstock does not know (its newest is {HEAD}). "
        "A newer Penstock has worked on it: upgrade penstock-core here, or restore a backup."
    )


def known_version(database: Database) -> str | None:
    """The version in a database that this code could upgrade, or has; None if it is empty. Raises StoreError for any other."""
    if database.path is not None and not database.path.exists():
        return None
    with database.read() as connection:
        found = found_version(connection)
        if found is not None and found not in tables.REVISIONS:
            raise StoreError(refusal(found, database.name))
        return found


def refused(connection: Connection, name: str) -> str | None:
    """Why a database cannot be worked on, as a sentence; None if it can."""
    found = found_version(connection)
    return refusal(found, name, compatibility.found_floor(connection) if found else None)


def outgrown(connection: Connection, name: str) -> str | None:
    """The same of a database that was opened: asked again and again, so at the cost of two rows."""
    found = connection.execute(_VERSION).scalar()
    return refusal(found or "", name, compatibility.found_floor(connection))


def proof(database: Database, hint: str) -> Proof:
    """What shows within a transaction that the schema has not left this code behind; else it raises StoreError.

    Args:
        database: The database.
        hint: What follows the reason in the error.
    """

    def judge(found: Sequence[Any] | None) -> None:
        version, floor = found or ("", None)
        if problem := refusal(version or "", database.name, floor):
            raise StoreError(f"{problem} {hint}")

    return Proof(f"SELECT ({_VERSION.text}), ({compatibility.FLOOR_SQL})", {}, judge, everywhere=True)


def create(database: Database) -> None:
    """Make the newest schema in an empty database; without effect if another process was faster. Raises StoreError."""
    with _made(database):
        pass


def reserve(database: Database, require_empty: Callable[[Connection], None]) -> None:
    """Have an empty database ready for a copy: with the newest schema, and marked so that no code works on it.

    Args:
        database: The database; its tables are made if there are none.
        require_empty: Raises what is to be raised if it is not empty, or in use.

    Raises:
        StoreError: Its schema is not one that this code knows.
    """
    with _made(database) as (connection, found):
        _require_known(found, database.name)
        require_empty(connection)
        if found not in (None, HEAD):
            migrate(connection, HEAD)
        compatibility.set_floor(connection, compatibility.HALF_COPY)


def unreserve(database: Database) -> None:
    """Have an empty database that was reserved be one to work on again; raises StoreError."""
    with database.write() as connection:
        compatibility.set_floor(connection, compatibility.floor_of(HEAD))


def upgrade(database: Database, audit: Callable[[str, str], AuditEntry] | None = None) -> tuple[str | None, str]:
    """Bring the schema to the newest version, all of it or nothing.

    Schedulers that work on it may go on if the migrations only expand it; otherwise they must have ended. The audit keeps what
    ``audit`` makes of the version before and the version now.

    Returns:
        The version before (None for an empty database) and the version now.

    Raises:
        StoreError: The schema is newer than this code, or not Penstock's, or schedulers work on it that it would leave behind.
    """
    with _made(database) as (connection, before):
        _require_known(before, database.name)
        if before not in (None, HEAD):
            _require_whole(connection, before, database.name)
            _require_alone(connection, before, database.name)
            migrate(connection, HEAD)
            compatibility.set_floor(connection, compatibility.floor_of(HEAD))
            if audit is not None:
                connection.execute(audit_table.audit.insert(), audit_table.row_of(audit(before, HEAD)))
            failpoint("store.migration.before")
    failpoint("store.migration.after")
    return before, HEAD


def migrate(connection: Connection, target: str) -> None:
    """Run Alembic's migrations up to ``target`` within the caller's transaction."""
    from alembic import command  # noqa: PLC0415 - 0.2 s that only an upgrade needs to spend
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, target)


@contextmanager
def _made(database: Database) -> Iterator[tuple[Connection, str | None]]:
    """A transaction in which nobody else makes or upgrades tables, and the version before it; an empty database has its tables then."""
    if database.path is not None:
        _make_folder(database.path.parent)
    with database.write() as connection:
        _lock(connection)
        found = found_version(connection)
        if found is None:
            _create_tables(connection)
        yield connection, found


def _create_tables(connection: Connection) -> None:
    put_conditions(connection, tables.metadata)
    scheduler_tables.scheduler.metadata.create_all(connection, checkfirst=False)
    connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
    compatibility.set_floor(connection, compatibility.floor_of(HEAD))
    seed(connection)


def announce(database: Database) -> list[str]:
    """Have the schedulers leave whose code the upgrade would leave behind: they let what runs end. Returns who works still.

    Raises:
        StoreError: The database cannot serve.
    """
    with database.write() as connection:
        _lock(connection)
        found = found_version(connection)
        if found in (None, HEAD) or found not in tables.REVISIONS or compatibility.online(found):
            return []
        compatibility.set_floor(connection, compatibility.floor_of(HEAD))
        return compatibility.schedulers_at_work(connection) if connection.dialect.name == "postgresql" else []


def withdraw(database: Database) -> None:
    """Let the schedulers of older code go on that have been asked to leave; raises StoreError."""
    with database.write() as connection:
        found = found_version(connection)
        if found and found in tables.REVISIONS:
            compatibility.set_floor(connection, compatibility.floor_of(found))


def _require_known(found: str | None, name: str) -> None:
    if found is not None and found not in tables.REVISIONS:
        raise StoreError(refusal(found, name))


def _require_whole(connection: Connection, found: str, name: str) -> None:
    """Refuse to make a database that was not copied to its end one that code works on."""
    if compatibility.found_floor(connection) == compatibility.HALF_COPY:
        raise StoreError(refusal(found, name, compatibility.HALF_COPY))


def _require_alone(connection: Connection, found: str, name: str) -> None:
    """Refuse an upgrade that would leave running schedulers behind."""
    if connection.dialect.name != "postgresql":
        return
    # Who reads a table for long must not have everybody else wait behind this upgrade.
    connection.execute(text("SET LOCAL lock_timeout = '5s'"))
    working = [] if compatibility.online(found) else compatibility.schedulers_at_work(connection)
    if working:
        raise StoreError(
            f"database {name}: its schema {found} cannot be upgraded while schedulers of an older Penstock work on it: "
            f"{', '.join(working)}. Stop them, or have them end what runs with `penstock db upgrade --drain SECONDS`."
        )


def seed(connection: Connection) -> None:
    """What every database holds from the start."""
    connection.execute(
        insert(tables.pool).values(
            name=DEFAULT_POOL, slots=_DEFAULT_POOL_SLOTS, description="For every task that names no pool."
        )
    )


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"folder {folder}: it cannot be made: {error.strerror}. Check its parent's owner and mode."
        ) from None
