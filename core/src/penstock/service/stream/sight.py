"""What somebody may see of the change feed."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from penstock.model.access.permission import Permission
from penstock.model.feed.delta import (
    AssetDelta,
    AuditDelta,
    BackfillDeleted,
    BackfillDelta,
    DagDeleted,
    DagDelta,
    Delta,
    FileDelta,
    HealthDelta,
    PoolsDelta,
    RunDeleted,
    RunDelta,
    TaskDelta,
    TaskRemoved,
)
from penstock.service.history.seen_files import may_name_file
from penstock.service.installation import Installation

_LISTS = (
    Permission.CONNECTIONS_READ, Permission.VARIABLES_READ, Permission.POOLS_READ, Permission.INSTALLATION_READ,
    Permission.AUDIT_READ, Permission.USERS_WRITE,
)  # fmt: skip


class Sight:
    """Decides which deltas a principal sees: those of what its lists would show, and of a kind without a rule none.

    What was found out of a DAG is remembered until it is forgotten, as it has to be when the DAG has changed.

    Args:
        installation: The installation as the principal may use it.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._known: dict[str, bool] = {}
        self._rules: Mapping[type[Delta], Callable[[Any], bool]] = {
            TaskDelta: self._dag,
            TaskRemoved: self._dag,
            RunDelta: self._dag,
            RunDeleted: self._dag,
            BackfillDelta: self._dag,
            BackfillDeleted: self._dag,
            DagDelta: self._dag,
            DagDeleted: self._deleted_dag,
            AssetDelta: self._asset,
            FileDelta: self._file,
            AuditDelta: self._audit,
            PoolsDelta: self._pools,
            HealthDelta: self._health,
        }

    def sees(self, delta: Delta) -> bool:
        """Whether the principal may learn of a delta; raises StoreError."""
        if not self._installation.limited:
            return True
        rule = self._rules.get(type(delta))
        return rule is not None and rule(delta)

    def _dag(
        self, delta: TaskDelta | TaskRemoved | RunDelta | RunDeleted | BackfillDelta | BackfillDeleted | DagDelta
    ) -> bool:
        return self._sees_dag(delta.dag_id)

    def _deleted_dag(self, delta: DagDeleted) -> bool:
        return self._installation.principal.may(Permission.DAGS_READ, delta.dag_id, delta.tags)

    def _asset(self, delta: AssetDelta) -> bool:
        """The asset is seen with any DAG that names it, and whoever made the event by itself."""
        if delta.dag_id and not self._sees_dag(delta.dag_id):
            return False
        return self._installation.principal.may_everywhere(Permission.DAGS_READ) or any(
            self._sees_dag(use.dag_id) for use in self._installation.store.assets.uses(delta.asset)
        )

    def _file(self, delta: FileDelta) -> bool:
        return self._installation.principal.may_everywhere(Permission.CODE_READ) or may_name_file(
            self._installation, delta.file
        )

    def _audit(self, delta: AuditDelta) -> bool:
        if delta.dag_id:
            return self._sees_dag(delta.dag_id)
        return any(map(self._installation.principal.may_somewhere, _LISTS))

    def _pools(self, _delta: PoolsDelta) -> bool:
        return self._installation.principal.may_somewhere(Permission.POOLS_READ)

    def _health(self, _delta: HealthDelta) -> bool:
        return self._installation.principal.may_somewhere(Permission.INSTALLATION_READ)

    def _sees_dag(self, dag_id: str) -> bool:
        known = self._known
        if dag_id not in known:
            known[dag_id] = bool(dag_id) and self._installation.may(Permission.DAGS_READ, dag_id)
        return known[dag_id]

    def forget(self, dag_ids: Collection[str]) -> None:
        """Find out anew whether some DAGs may be seen."""
        # Another dict: what a thread finds out just now, of what was before, is remembered in the old one.
        self._known = {dag_id: seen for dag_id, seen in self._known.items() if dag_id not in dag_ids}
