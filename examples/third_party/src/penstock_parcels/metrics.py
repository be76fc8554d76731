"""Measurements as parcels: one for each metric and its tags, with the sum of all values."""

from collections.abc import Sequence
from datetime import datetime

from penstock.spec.metrics_sink import Point
from penstock_parcels.hooks import DepotHook


class TallySink:
    """Keeps sums, and the last values of gauges.

    Args:
        folder: Where in the depot.
    """

    def __init__(self, folder: str = "tally") -> None:
        self._folder = DepotHook(DepotHook.default_conn_id).folder / folder
        self._sums: dict[str, float] = {}

    def write(self, points: Sequence[Point], at: datetime) -> None:
        """Add the points up, and write what has changed."""
        del at
        self._folder.mkdir(parents=True, exist_ok=True)
        for point in points:
            name = ".".join([point.name, *point.tags.values()])
            before = 0.0 if point.kind == "gauge" else self._sums.get(name, 0.0)
            self._sums[name] = before + point.value
            (self._folder / name).write_text(str(self._sums[name]))
