"""The sinks keep what all of their kind must keep."""

import re
from collections import defaultdict

import pytest

from penstock.testing import MetricsSinkSuite
from penstock_telemetry.metrics import OtlpSink, StatsdSink


class TestStatsdSink(MetricsSinkSuite):
    @pytest.fixture
    def sink(self, statsd):
        return StatsdSink("127.0.0.1", statsd.getsockname()[1])

    @pytest.fixture
    def taken(self, statsd):
        """As a StatsD server adds them up."""
        statsd.setblocking(False)
        found = {}

        def totals():
            try:
                while True:
                    for line in statsd.recv(1 << 16).decode().split("\n"):
                        name, value, kind, rate = re.match(
                            r"penstock\.([^:]+):([^|]+)\|(\w+)(?:\|@([^|]+))?", line
                        ).groups()
                        added = {"c": float(value), "g": float(value), "ms": 1.0}[kind] / float(rate or 1)
                        found[name] = added if kind == "g" else found.get(name, 0.0) + added
            except BlockingIOError:
                return found

        return totals

    @pytest.fixture
    def away(self):
        return StatsdSink("127.0.0.1", 9)


class TestOtlpSink(MetricsSinkSuite):
    @pytest.fixture
    def sink(self, collector):
        return OtlpSink(collector.endpoint)

    @pytest.fixture
    def taken(self, collector):
        """As a collector reads cumulative sums: the last of each series, added up by the metric's name."""

        def totals():
            series = {}
            for _, _, body in list(collector.posts):
                for metric in body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]:
                    name = metric["name"].removeprefix("penstock.")
                    for point in next(metric[kind] for kind in ("sum", "gauge", "histogram") if kind in metric)[
                        "dataPoints"
                    ]:
                        series[name, str(point["attributes"])] = float(point.get("count", point.get("asDouble", 0)))
            found = defaultdict(float)
            for (name, _), value in series.items():
                found[name] += value
            return found

        return totals

    @pytest.fixture
    def away(self):
        return OtlpSink("http://127.0.0.1:9/v1/metrics", timeout_s=2)
