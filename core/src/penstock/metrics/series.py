"""Values put together by metric and tags."""

from bisect import bisect_left
from collections.abc import Iterable

import msgspec

from penstock.metrics.metrics_table import DROPPED, METRICS
from penstock.spec.metrics_sink import BOUNDS_S, Point

MOST_SERIES = 10_000
"""Different metrics and tags that are held at once; values of more are dropped."""

SAMPLE = 100


class Record(msgspec.Struct, frozen=True, array_like=True):
    """One value that a process measured.

    Attributes:
        name: Of the metric.
        value: The value.
        tags: Values of its tags, in the order of the table.
    """

    name: str
    value: float
    tags: tuple[str, ...] = ()


class _Series:
    def __init__(self) -> None:
        self.value, self.count = 0.0, 0
        self.buckets = [0] * (len(BOUNDS_S) + 1)
        self.sample: list[float] = []


class OpenSeries:
    """Series by metric and tags, until somebody takes them."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, tuple[str, ...]], _Series] = {}

    def __bool__(self) -> bool:
        """Whether there is anything to take."""
        return bool(self._series)

    def add(self, records: Iterable[Record]) -> None:
        """Put values to those of the same metric and tags; one that nobody knows is dropped, and counted as that."""
        for record in records:
            metric, key = METRICS.get(record.name), (record.name, record.tags)
            full = key not in self._series and len(self._series) >= MOST_SERIES
            if metric is None or full or len(record.tags) != len(metric.tags):
                metric, key, record = DROPPED, (DROPPED.name, ()), Record(DROPPED.name, 1.0)  # noqa: PLW2901 - counted in its place
            series = self._series.setdefault(key, _Series())
            if metric.kind == "gauge":
                series.value = record.value
                continue
            series.value += record.value
            if metric.kind == "timing":
                series.count += 1
                series.buckets[bisect_left(BOUNDS_S, record.value)] += 1
                if len(series.sample) < SAMPLE:
                    series.sample.append(record.value)

    def take(self) -> list[Point]:
        """All of them as points, and begin anew."""
        taken, self._series = self._series, {}
        points = []
        for (name, tags), series in taken.items():
            metric = METRICS[name]
            timing = metric.kind == "timing"
            points.append(
                Point(
                    name, metric.kind, metric.unit, dict(zip(metric.tags, tags, strict=True)), series.value, series.count,
                    tuple(series.buckets) if timing else (), tuple(series.sample),
                )
            )  # fmt: skip
        return points
