"""The events of assets that a DAG has not taken yet."""

from collections.abc import Mapping

from penstock.model.assets.asset_condition import AssetCondition


class AssetQueue:
    """How far a DAG has taken the events of the assets that its schedule names, and how far these have come.

    Two numbers an asset and no list: ten thousand events that wait cost what one does.

    Args:
        condition: Which assets must have an event before a run is made.

    Attributes:
        taken: Number of the last event of each asset that a run was made for.
        newest: Number of the last event of each asset; absent if it has none.
    """

    def __init__(self, condition: AssetCondition) -> None:
        self.condition = condition
        self.taken: dict[str, int] = {}
        self.newest: dict[str, int] = {}

    def come(self, asset: str, number: int) -> None:
        """An event has come."""
        self.newest[asset] = max(number, self.newest.get(asset, 0))

    def fresh(self) -> dict[str, list[int]]:
        """Of each asset with events that no run was made for, after and up to which number they lie."""
        bounds = {asset: [self.taken.get(asset, 0), self.newest.get(asset, 0)] for asset in self.condition.assets()}
        return {asset: pair for asset, pair in bounds.items() if pair[0] < pair[1]}

    def due(self) -> dict[str, list[int]]:
        """What a run is to be made for, as `fresh`; nothing unless the condition holds."""
        fresh = self.fresh()
        return fresh if fresh and self.condition.holds(fresh) else {}

    def take(self, consumed: Mapping[str, list[int]]) -> None:
        """A run was made for these."""
        self.taken.update({asset: upto for asset, (_, upto) in consumed.items()})
