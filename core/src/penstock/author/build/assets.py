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
    """What a DAG says of each asset that its schedule or a task of it names, by URI: of several, what is said last, and all watchers."""
    from msgspec.structs import replace  # noqa: PLC0415 - only a DAG with assets needs msgspec

    found: dict[str, AssetSpec] = {}
    for asset in sorted(_named(dag), key=lambda asset: asset.uri):
        spec, before = asset.spec(), found.get(asset.uri)
        # Any of them may be the one that is written with watchers, and a second of the same URI the mere name.
        watchers = (*(before.watchers if before else ()), *spec.watchers)
        found[asset.uri] = replace(spec, watchers=tuple(dict.fromkeys(watchers)))
    return found


def _named(dag: "DAG") -> Iterator[Asset]:
    schedule = dag.schedule
    wanted = as_awaited(schedule.assets if isinstance(schedule, AssetOrTimeSchedule) else schedule)
    yield from () if wanted is None else wanted.assets()
    for task in dag.tasks:
        yield from (*task.inlets, *task.outlets)
