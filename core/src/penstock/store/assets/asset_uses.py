"""Writes which assets the DAGs of files name, when the loader stores these."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import delete

from penstock.model.assets.asset_use import AssetRole
from penstock.model.dag import DagSpec
from penstock.store.sql.assets import asset_tables
from penstock.store.transaction import Transaction


def publish_assets(tx: Transaction, dags: Sequence[DagSpec], known: Sequence[str]) -> None:
    """Replace what is stored of the assets that DAGs name.

    Args:
        tx: The transaction.
        dags: The DAGs, whose rows are written.
        known: Ids of those among them that were stored before.
    """
    u, w = asset_tables.asset_use.c, asset_tables.asset_watcher.c
    if known:
        tx.execute(delete(asset_tables.asset_use).where(u.dag_id.in_(known)))
        tx.execute(delete(asset_tables.asset_watcher).where(w.dag_id.in_(known)))
    declared = {uri: spec for dag in dags for uri, spec in dag.assets.items()}
    rows = [
        {"uri": s.uri, "name": s.name, "group_name": s.group, "extra": s.extra} for _, s in sorted(declared.items())
    ]
    tx.replace(asset_tables.asset, rows)
    tx.insert_absent(asset_tables.asset_use, [use for dag in dags for use in _uses(dag)])
    tx.insert_absent(asset_tables.asset_watcher, [row for dag in dags for row in _watchers(dag)])


def _uses(dag: DagSpec) -> Iterator[dict[str, Any]]:
    condition = dag.schedule.assets
    for uri in () if condition is None else condition.assets():
        yield _use(uri, dag.dag_id, "", AssetRole.SCHEDULE)
    for task in dag.tasks:
        for role, uris in ((AssetRole.OUTLET, task.outlets), (AssetRole.INLET, task.inlets)):
            for uri in uris:
                yield _use(uri, dag.dag_id, task.task_id, role)


def _use(uri: str, dag_id: str, task_id: str, role: AssetRole) -> dict[str, Any]:
    return {"asset": uri, "dag_id": dag_id, "task_id": task_id, "role": role}


def _watchers(dag: DagSpec) -> Iterator[dict[str, Any]]:
    for uri, spec in sorted(dag.assets.items()):
        if spec.watchers:
            yield {"asset": uri, "dag_id": dag.dag_id, "watches": msgspec.to_builtins(spec.watchers)}
