"""What somebody may see of the change feed."""

from penstock.model.access.permission import Permission
from penstock.model.feed.delta import AuditDelta, DagDeleted, Delta, FileDelta, HealthDelta, PoolsDelta
from penstock.service.installation import Installation

_LISTS = (
    Permission.CONNECTIONS_READ, Permission.VARIABLES_READ, Permission.POOLS_READ, Permission.INSTALLATION_READ,
    Permission.AUDIT_READ, Permission.USERS_WRITE,
)  # fmt: skip


class Sight:
    """Decides which deltas a principal sees: those of the DAGs that it may read, and of what else there is if it may read any of that.

    What was found out of a DAG is remembered, so whoever looks on for long gets a new one from time to time.

    Args:
        installation: The installation as the principal may use it.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._known: dict[str, bool] = {}

    def sees(self, delta: Delta) -> bool:
        """Whether the principal may learn of a delta; raises StoreError."""
        if not self._installation.limited:
            return True
        if isinstance(delta, DagDeleted):
            return self._installation.principal.may(Permission.DAGS_READ, delta.dag_id, delta.tags)
        if isinstance(delta, AuditDelta) and not delta.dag_id:
            return any(map(self._installation.principal.may_somewhere, _LISTS))
        if isinstance(delta, PoolsDelta):
            return self._installation.principal.may_somewhere(Permission.POOLS_READ)
        if isinstance(delta, HealthDelta):
            return self._installation.principal.may_somewhere(Permission.INSTALLATION_READ)
        if isinstance(delta, FileDelta):
            return self._installation.principal.may_somewhere(Permission.CODE_READ)
        if not delta.dag_id:
            return self._installation.principal.may_somewhere(Permission.DAGS_READ)
        if delta.dag_id not in self._known:
            self._known[delta.dag_id] = self._installation.may(Permission.DAGS_READ, delta.dag_id)
        return self._known[delta.dag_id]
