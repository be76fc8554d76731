"""Upgrades of the database's schema."""

from collections.abc import Callable
from typing import NamedTuple

from penstock.model.history.audit import NOBODY, AskedBy, AuditAction, AuditEntry
from penstock.service.installation import Installation
from penstock.store import PendingUpgrade, pending_upgrade, upgrade


class Upgrade(NamedTuple):
    """Versions of a database's schema; ``before`` is None if it had none."""

    before: str | None
    after: str

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        return self.before != self.after


def pending_upgrade_of(installation: Installation) -> PendingUpgrade:
    """What an upgrade of the schema would do, and nothing is done; raises StoreError."""
    return pending_upgrade(installation.settings.database_url)


def upgrade_database(
    installation: Installation,
    drained: Callable[[Callable[[], bool]], bool] | None = None,
    *,
    by: AskedBy = NOBODY,
) -> Upgrade:
    """Bring the schema to the version that this Penstock works on, all of it or nothing; raises StoreError.

    Args:
        installation: Its database is upgraded.
        drained: As in `penstock.store.upgrade`.
        by: Who asks, for the audit, which keeps it in the upgrade's own transaction.
    """

    def entry(before: str, after: str) -> AuditEntry:
        return by.entry(installation.now(), AuditAction.DATABASE, subject="schema upgraded", before=before, after=after)

    return Upgrade(*upgrade(installation.settings.database_url, drained, entry))
