"""Measurements as items of the service: one ``metrics/INSTANT`` for each call, a line of JSON for each point."""

import json
from collections.abc import Sequence
from datetime import datetime

from penstock.spec.metrics_sink import Point

from penstock_sample.hooks import SampleHook


class SampleMetricsSink:
    """Writes points as items; implements `penstock.spec.metrics_sink.MetricsSink`.

    Args:
        sample_conn_id: The connection.
    """

    def __init__(
        self,
        *,
        sample_conn_id: str = "sample_default",
    ) -> None:
        self._hook = SampleHook(sample_conn_id)

    def write(self, points: Sequence[Point], at: datetime) -> None:
        """Write what was measured up to an instant."""
        lines = [json.dumps({**_plain(each), "at": at.isoformat()}) + "\n" for each in points]
        self._hook.write(f"metrics/{at.isoformat()}", "".join(lines).encode())


def _plain(point: Point) -> dict[str, object]:
    found: dict[str, object] = {"name": point.name, "kind": point.kind, "unit": point.unit, "value": point.value}
    return {**found, "tags": dict(point.tags), **({"count": point.count} if point.kind == "timing" else {})}
