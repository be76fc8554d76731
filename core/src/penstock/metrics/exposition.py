"""Metrics as Prometheus reads them: its text format 0.0.4, and OpenMetrics 1.0 for whoever asks for that.

Formats: https://prometheus.io/docs/instrumenting/exposition_formats/ and https://prometheus.io/docs/specs/om/open_metrics_spec/ .
Names are made as OpenTelemetry does for Prometheus: dots become ``_``, the unit follows, counters end in ``_total``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from penstock.metrics.metrics_table import METRICS, Metric
from penstock.metrics.series import Record
from penstock.spec.metrics_sink import BOUNDS_S, Point

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_PREFIX = "penstock_"
_UNITS = {"s": "seconds", "By": "bytes"}
_ACCEPTED = re.compile(r"\s*([\w.+*-]+/[\w.+*-]+)\s*((?:;[^,]*)?)")
_WEIGHT = re.compile(r";\s*q\s*=\s*([01](?:\.\d{0,3})?)")


class Kept(NamedTuple):
    """What a series has come to; ``buckets`` of a timing hold one number more than there are bounds.

    Attributes:
        value: The sum of a counter or a timing, the last value of a gauge.
        buckets: How many values fell between the bounds.
    """

    value: float
    buckets: tuple[int, ...] = ()


Series = Mapping[tuple[str, tuple[str, ...]], Kept]
"""What is shown: by the metric's name and the values of its tags."""


def exposed_name(metric: Metric) -> str:
    """The family's name, without the ``_total`` of a counter."""
    unit = _UNITS.get(metric.unit)
    name = _PREFIX + metric.name.replace(".", "_")
    return f"{name}_{unit}" if unit else name


def sample_names(metric: Metric) -> tuple[str, ...]:
    """The names that a query may ask for."""
    name = exposed_name(metric)
    if metric.kind == "timing":
        return (f"{name}_bucket", f"{name}_sum", f"{name}_count")
    return (f"{name}_total",) if metric.kind == "counter" else (name,)


def wants_openmetrics(accept: str) -> bool:
    """Whether the header ``Accept`` of a request prefers OpenMetrics to plain text."""
    found = {"application/openmetrics-text": 0.0, "text/plain": 0.0}
    for kind, more in _ACCEPTED.findall(accept):
        weight = float(match[1]) if (match := _WEIGHT.search(more)) else 1.0
        for each, known in found.items():
            if kind in (each, "text/*" if each.startswith("text/") else ""):
                found[each] = max(known, weight)
    return found["application/openmetrics-text"] > 0 and found["application/openmetrics-text"] >= found["text/plain"]


def of_records(records: Iterable[Record]) -> dict[tuple[str, tuple[str, ...]], Kept]:
    """Gauges that were just read."""
    return {(each.name, each.tags): Kept(each.value) for each in records}


class Registry:
    """Adds points up, as Prometheus wants them: what has come since the start, not since the last time."""

    def __init__(self) -> None:
        self.series: dict[tuple[str, tuple[str, ...]], Kept] = {}

    def add(self, points: Iterable[Point]) -> None:
        """Add what has come since the last call."""
        for point in points:
            key = (point.name, tuple(point.tags.values()))
            old = self.series.get(key)
            if point.kind == "gauge" or old is None:
                self.series[key] = Kept(point.value, point.buckets)
            else:
                buckets = tuple(map(sum, zip(old.buckets, point.buckets, strict=True)))
                self.series[key] = Kept(old.value + point.value, buckets)


def exposition(series: Series, *, openmetrics: bool = False) -> str:
    """The text of all series; families are in the order of the table, and none is broken up."""
    families: dict[str, list[tuple[tuple[str, ...], Kept]]] = {}
    for (name, tags), kept in sorted(series.items()):
        families.setdefault(name, []).append((tags, kept))
    lines = [
        line
        for name, metric in METRICS.items()
        if name in families
        for line in _family(metric, families[name], openmetrics=openmetrics)
    ]
    return "".join(f"{line}\n" for line in [*lines, *(["# EOF"] if openmetrics else [])])


def _family(metric: Metric, samples: Iterable[tuple[tuple[str, ...], Kept]], *, openmetrics: bool) -> Iterator[str]:
    name = exposed_name(metric)
    family = name if openmetrics or metric.kind != "counter" else f"{name}_total"
    meaning = metric.meaning.replace("\\", "\\\\").replace("\n", "\\n")
    yield f"# HELP {family} {meaning.replace(chr(34), chr(92) + chr(34)) if openmetrics else meaning}"
    yield f"# TYPE {family} {'histogram' if metric.kind == 'timing' else metric.kind}"
    if openmetrics and metric.unit in _UNITS:
        yield f"# UNIT {family} {_UNITS[metric.unit]}"
    for tags, kept in samples:
        labels = [f'{tag}="{_escaped(value)}"' for tag, value in zip(metric.tags, tags, strict=True)]
        if metric.kind == "timing":
            yield from _histogram(name, labels, kept)
        else:
            yield f"{name}{'_total' if metric.kind == 'counter' else ''}{_braced(labels)} {_number(kept.value)}"


def _histogram(name: str, labels: list[str], kept: Kept) -> Iterator[str]:
    total = 0
    for bound, count in zip((*map(_number, BOUNDS_S), "+Inf"), kept.buckets, strict=True):
        total += count
        le = f'le="{bound}"'
        yield f"{name}_bucket{_braced([*labels, le])} {total}"
    yield f"{name}_sum{_braced(labels)} {_number(kept.value)}"
    yield f"{name}_count{_braced(labels)} {total}"


def _braced(labels: list[str]) -> str:
    return f"{{{','.join(labels)}}}" if labels else ""


def _escaped(value: str) -> str:
    text = value.encode("utf-8", "replace").decode()
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    """As Go and OpenMetrics write one; a bound such as 1 is 1.0 in both."""
    return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(text := repr(float(value)), text)
