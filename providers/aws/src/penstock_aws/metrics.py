"""The metrics sink of Amazon CloudWatch.

Limits are those of PutMetricData, MetricDatum and Dimension in the Amazon CloudWatch API Reference: 1,000 metrics and
1 MB a request, 30 dimensions and 150 different values a metric, numbers from -2^360 to 2^360; a dimension's value has 1
to 1,024 characters of ASCII without control characters, one of them no space, and does not begin with a colon.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from penstock import Connection
from penstock.spec.metrics_sink import BOUNDS_S, Point
from penstock_aws.hooks import CloudWatchHook

_MOST_METRICS = 1000
_MOST_BYTES = 400_000  # as JSON; the protocol's own names about double it
_MOST_DIMENSIONS = 30
_MOST_VALUE = 2.0**360
_UNITS = {"s": "Seconds", "By": "Bytes"}


class CloudWatchSink:
    """Stores metrics in Amazon CloudWatch; implements `penstock.spec.metrics_sink.MetricsSink`.

    Tags become dimensions, and each metric with other dimensions is billed as one of its own: ``only`` and ``dimensions``
    choose. Of a timing all values are stored if it has at most a hundred, which gives percentiles; of one with more, their
    number, sum and bounds. A request whose answer was lost is repeated, so that its counters may be counted twice.

    Args:
        namespace: Where CloudWatch shows them.
        only: Patterns of names, such as ``runs.*``; all unless given.
        dimensions: The tags that become dimensions; all unless given.
        aws_conn_id: The connection, of type ``aws``; the SDK's own chain decides unless given.
        region_name: The region, if there is no such connection.
    """

    def __init__(
        self,
        *,
        namespace: str = "Penstock",
        only: list[str] | None = None,
        dimensions: list[str] | None = None,
        aws_conn_id: str = "",
        region_name: str = "",
    ) -> None:
        if aws_conn_id and region_name:
            raise ValueError("region_name stands for itself or in the connection of aws_conn_id; give one of the two")
        self._namespace, self._only, self._dimensions = namespace, only, dimensions
        own = Connection("aws_metrics", "aws", extra={"region_name": region_name} if region_name else {})
        self._hook = CloudWatchHook(aws_conn_id) if aws_conn_id else CloudWatchHook(connection=own)

    def write(self, points: Sequence[Point], at: datetime) -> None:
        """Store points, as many a request as it may have."""
        found = (self._datum(each, at) for each in points if self._is_sent(each))
        for batch in _batches(found):
            self._hook.put(self._namespace, batch)

    def _is_sent(self, point: Point) -> bool:
        wanted = self._only is None or any(fnmatchcase(point.name, each) for each in self._only)
        return wanted and abs(point.value) <= _MOST_VALUE  # which no NaN is

    def _datum(self, point: Point, at: datetime) -> dict[str, Any]:
        tags = {name: text for name, text in point.tags.items() if self._dimensions is None or name in self._dimensions}
        return {
            "MetricName": point.name,
            "Timestamp": at,
            "Unit": _UNITS.get(point.unit, "Count"),
            "Dimensions": _dimensions(tags),
            **_values(point),
        }


def _dimensions(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": _shown(text)} for name, text in sorted(tags.items())[:_MOST_DIMENSIONS]]


def _shown(text: str) -> str:
    """A tag's value as one that a dimension may have."""
    escaped = "".join(each if " " <= each <= "~" else ascii(each)[1:-1] for each in text)[:1024]
    if not escaped.strip():
        return "(empty)"
    return f"_{escaped[1:]}" if escaped.startswith(":") else escaped


def _values(point: Point) -> dict[str, Any]:
    if point.kind != "timing":
        return {"Value": point.value}
    if point.count == len(point.sample):
        counted = Counter(point.sample)
        return {"Values": list(counted), "Counts": [float(each) for each in counted.values()]}
    return {
        "StatisticValues": {
            "SampleCount": float(point.count),
            "Sum": point.value,
            "Minimum": _least(point),
            "Maximum": _most(point),
        }
    }


def _least(point: Point) -> float:
    """The lower bound of the shortest value's bucket."""
    first = next(number for number, count in enumerate(point.buckets) if count)
    return BOUNDS_S[first - 1] if first else 0.0


def _most(point: Point) -> float:
    """The upper bound of the longest value's bucket; of the last one, which has none, the longest that is known."""
    last = max(number for number, count in enumerate(point.buckets) if count)
    return BOUNDS_S[last] if last < len(BOUNDS_S) else max(BOUNDS_S[-1], *point.sample)


def _batches(data: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    size = 0
    for each in data:
        weight = len(json.dumps(each, default=str))
        if batch and (len(batch) == _MOST_METRICS or size + weight > _MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += weight
    if batch:
        yield batch
