"""The names of what exists, as a shell completes them."""

from collections.abc import Callable, Iterable
from itertools import islice

from penstock.model.access.permission import Permission
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation

_RECENT_RUNS = 200
_OFFERED = 200


@operation("GET", "/names/{kind}", needs=None)
def known_names(installation: Installation, kind: str, *, dag_id: str = "", prefix: str = "") -> list[str]:
    """The names of what exists and begins with a prefix, as a shell completes them, 200 at most; none of an unknown kind.

    Args:
        installation: The installation.
        kind: ``dag``, ``run``, ``task``, ``connection``, ``variable``, ``pool``, ``asset`` or ``provider``.
        dag_id: The DAG whose runs or tasks are named.
        prefix: What they begin with.

    Raises:
        ConfigError: The keys do not fit what is stored.
        StoreError: The database failed.
    """
    found = _KNOWN[kind](installation, dag_id) if kind in _KNOWN else ()
    return list(islice((name for name in found if name.startswith(prefix)), _OFFERED))


def _known_dags(installation: Installation, _dag_id: str) -> Iterable[str]:
    seen = installation.seen_dags()
    return installation.store.dags.ids() if seen is None else seen


def _known_runs(installation: Installation, dag_id: str) -> Iterable[str]:
    if not installation.may(Permission.DAGS_READ, dag_id):
        return ()
    return (run.run_id for run in installation.store.runs.page(dag_id=dag_id, limit=_RECENT_RUNS))


def _known_tasks(installation: Installation, dag_id: str) -> Iterable[str]:
    row = installation.store.dags.row(dag_id) if installation.may(Permission.DAGS_READ, dag_id) else None
    return () if row is None else (task.task_id for task in row.spec.tasks)


def _known_assets(installation: Installation, _dag_id: str) -> Iterable[str]:
    seen = installation.seen_dags()
    if seen is None:
        return (asset.uri for asset in installation.store.assets.declared())
    return sorted({use.asset for use in installation.store.assets.uses() if use.dag_id in set(seen)})


_KNOWN: dict[str, Callable[[Installation, str], Iterable[str]]] = {
    "dag": _known_dags,
    "run": _known_runs,
    "task": _known_tasks,
    "connection": lambda made, _: (
        each.conn_id for each in made.store.config.connections() if made.may(Permission.CONNECTIONS_READ, each.conn_id)
    ),
    "variable": lambda made, _: (
        each.key for each in made.store.config.variables() if made.may(Permission.VARIABLES_READ, each.key)
    ),
    "pool": lambda made, _: (
        each.name for each in made.store.config.pools() if made.may(Permission.POOLS_READ, each.name)
    ),
    "asset": _known_assets,
    "provider": lambda made, _: sorted(made.host.ids()) if made.may(Permission.INSTALLATION_READ) else (),
}
