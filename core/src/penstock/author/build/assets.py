"""The assets that a DAG names, as values of the model."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from penstock.author.assets.asset import Asset, AssetOrTimeSchedule, as_awaited

if TYPE_CHECKING:
    from penstock.author.dag import DAG
    from penstock.model.assets.asset_condition import AssetSpec


def uris_of(assets: Iterable[Asset]) -> tuple[str, ...]:
    """The URIs of some assets, each once, sorted."""
    return tuple(sorted({asset.uri for asset in assets}))


def declared_assets(dag: "DAG") -> "dict[str, AssetSpec]":
    """What a DAG says of each asset that its schedule or a task of it names, by URI: of several, what is said last."""
    return {asset.uri: asset.spec() for asset in sorted(_named(dag), key=lambda asset: asset.uri)}


def _named(dag: "DAG") -> Iterator[Asset]:
    schedule = dag.schedule
    wanted = as_awaited(schedule.assets if isinstance(schedule, AssetOrTimeSchedule) else schedule)
    yield from () if wanted is None else wanted.assets()
    for task in dag.tasks:
        yield from (*task.inlets, *task.outlets)
