"""Figures as somebody may see them: without the names of DAGs, DAG files and pools that are others'."""

from collections.abc import Collection, Sequence

from penstock.metrics import metrics_table as table
from penstock.metrics.labels import together
from penstock.metrics.series import Record
from penstock.model.access.permission import Permission
from penstock.service.installation import Installation

_OF_POOLS = frozenset({table.POOL_SLOTS.name, table.POOL_USED.name, table.POOL_WAITING.name})


def as_seen(records: Sequence[Record], viewer: Installation) -> list[Record]:
    """Figures as the installation's principal may see them: of what may not be seen the worst is told as one, without a name.

    Raises:
        StoreError: The database failed.
    """
    if not viewer.limited:
        return list(records)
    found, rest = list[Record](), dict[str, list[float]]()
    seen = _seen_names(viewer)
    for each in records:
        name = each.tags[0] if each.tags else ""
        if each.name in _OF_POOLS and not viewer.may(Permission.POOLS_READ, name):
            continue
        names = seen.get(each.name)
        if names is None or name in names:
            found.append(each)
        else:
            rest.setdefault(each.name, []).append(each.value)
    return [*found, *(together(name, values) for name, values in rest.items())]


def _seen_names(viewer: Installation) -> dict[str, Collection[str]]:
    """Names of DAGs and of DAG files that are told, by metric; none of a metric whose names are all told."""
    visible = viewer.seen_dags()
    if visible is None:
        return {}
    files = viewer.store.dags.by_file()
    seen = {file for file, dag_ids in files.items() if not dag_ids.isdisjoint(visible)}
    return {table.LAST_SUCCESS.name: frozenset(visible), table.FILE_IMPORT.name: seen}
