"""Copies of the whole database into another one, such as from SQLite to PostgreSQL."""

from collections.abc import Callable

from penstock.model.history.audit import NOBODY, AskedBy, AuditAction, AuditEntry
from penstock.service.installation import Installation
from penstock.store import DatabaseCopy, copy_database


def copy_whole_database(
    installation: Installation,
    to_url: str,
    progress: Callable[[str, str, int, int], None],
    *,
    by: AskedBy = NOBODY,
) -> DatabaseCopy:
    """Copy all that is in the database into an empty one; the installation goes on with its own until the settings name the other.

    Args:
        installation: Its database is copied, while nothing works on it.
        to_url: The other one.
        progress: As in `penstock.store.copy_database`.
        by: Who asks, for the audit of the other one.

    Raises:
        StoreError: As `penstock.store.copy_database`; nothing was changed here, and the other one holds nothing.
        RequestError: Both are the same.
        ConfigError: The URL cannot be used.
    """
    now = installation.now()

    def entry(before: str, after: str) -> AuditEntry:
        return by.entry(now, AuditAction.DATABASE, subject="database copied", before=before, after=after)

    return copy_database(installation.settings.database_url, to_url, now, progress, entry)
