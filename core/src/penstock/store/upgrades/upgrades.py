"""Upgrades of a database's schema: what is to come, whether schedulers may go on meanwhile, and the upgrade itself."""

from collections.abc import Callable

import msgspec

from penstock.errors import StoreError
from penstock.model.history.audit import AuditEntry
from penstock.store.schedulers.file_lock import file_holder
from penstock.store.sql import compatibility, schema
from penstock.store.sql.database import Database


class PendingUpgrade(msgspec.Struct, frozen=True):
    """What an upgrade would do.

    Attributes:
        before: The version that the database has; None if it is empty.
        after: The one that it would have.
        migrations: What would be carried out, in its order.
        blocking: Those of them that no scheduler of older code may live to see.
        floor: The oldest version whose code works on the schema afterwards.
    """

    before: str | None
    after: str
    migrations: tuple[str, ...]
    blocking: tuple[str, ...]
    floor: str


def pending_upgrade(url: str) -> PendingUpgrade:
    """What an upgrade of a database would do; nothing is changed. Raises StoreError if it is not one of this code's past."""
    database = Database(url)
    try:
        found = schema.known_version(database)
    finally:
        database.close()
    migrations = compatibility.pending(found)
    blocking = tuple(each for each in migrations if each not in compatibility.EXPANDING)
    return PendingUpgrade(found, schema.HEAD, migrations, blocking, compatibility.floor_of(schema.HEAD))


def upgrade(
    url: str,
    drained: Callable[[Callable[[], bool]], bool] | None = None,
    audit: Callable[[str, str], AuditEntry] | None = None,
) -> tuple[str | None, str]:
    """Bring a database's schema to this code's version; see `penstock.store.sql.schema.upgrade`, also for what it raises.

    Args:
        url: The database.
        drained: Waits for what it is handed to be true, and says whether it became so: schedulers of older code are asked to leave
            first if they could not go on. None if they are not.
        audit: Makes what the audit keeps of an upgrade from one version to another; None if it keeps nothing.
    """
    database = Database(url)
    try:
        if drained is not None and schema.announce(database) and not drained(lambda: not schema.announce(database)):
            schema.withdraw(database)
        _require_no_writer(database)
        return schema.upgrade(database, audit)
    finally:
        database.close()


def _require_no_writer(database: Database) -> None:
    """Refuse to leave behind the one scheduler of a SQLite database."""
    holder = None if database.path is None else file_holder(database.path)
    if holder is not None and not compatibility.online(schema.known_version(database)):
        raise StoreError(
            f"database {database.name}: its schema cannot be upgraded while {holder.holder} of an older Penstock works on it (scheduler "
            f"process {holder.pid} on {holder.host}). Stop that one first."
        )
