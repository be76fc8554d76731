"""What a task says of an event of its outlets by ``yield``."""

from typing import Any, NamedTuple

from penstock.author.assets.asset import Asset, AssetAlias


class Metadata(NamedTuple):
    """What a ``@task`` function yields to give the event of an outlet something to carry, as ``outlet_events[asset].extra`` does.

    Attributes:
        asset: The asset.
        alias: An alias among the outlets that stands for the asset.
        extra: What its event carries, beside what it was given before: a dict with a JSON form.
    """

    asset: Asset
    extra: dict[str, Any] | None = None
    alias: AssetAlias | None = None
