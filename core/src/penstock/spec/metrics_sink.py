"""The metrics sink spec: where measurements go.

Processes of Penstock hand what they measure to one process of the sinks, which runs only if the settings name a sink
(``[metrics.NAME]``). There, values of the same name and tags are put together, and each sink is given what has come since its last
call, every ``[metrics] interval_s`` seconds in which there was something.

A provider names its sink in its manifest (``[[metrics_sinks]]``). Its object is called with its options by name and returns a
`MetricsSink`, which works in a thread of its own. One that is slow holds up nobody: what comes meanwhile is put together with what it
is given next. What it raises is told and counted, and the points that it was given are not given again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

MetricKind = Literal["counter", "gauge", "timing"]

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
"""Upper bounds of the buckets of a timing, in seconds, each within its bucket; a last one has all that is longer."""


class Point(msgspec.Struct, frozen=True):
    """What has become of one metric with certain tags since the sink's last call.

    Attributes:
        name: Such as ``runs.finished``; `docs/reference/metrics.md` lists all. A sink that shares its place puts ``penstock.`` before.
        kind: What it is.
        unit: By UCUM, such as ``s`` or ``{run}``.
        tags: Such as ``{"dag_id": "sales"}``.
        value: Of a counter, what to add; of a gauge, the last value; of a timing, the sum of its values.
        count: Of a timing, the number of its values.
        buckets: Of a timing, how many values fell between the bounds `BOUNDS_S`, one more than there are bounds.
        sample: Of a timing, its values, or the first hundred of them.
    """

    name: str
    kind: MetricKind
    unit: str
    tags: Mapping[str, str]
    value: float
    count: int = 0
    buckets: tuple[int, ...] = ()
    sample: tuple[float, ...] = ()


class MetricsSink(Protocol):
    """Takes points; all calls come from one thread."""

    def write(self, points: Sequence[Point], at: datetime) -> None:
        """Take what was measured up to an instant, aware UTC; called with at least one point, and with each once."""
