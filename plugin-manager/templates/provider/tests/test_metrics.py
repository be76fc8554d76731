"""The metrics sink against the stand-in of the service."""

import json

import pytest
from penstock.testing import MetricsSinkSuite, runtime

from penstock_sample.metrics import SampleMetricsSink


class TestSampleMetricsSink(MetricsSinkSuite):
    @pytest.fixture
    def sink(self, connection):
        with runtime({"sample_default": connection}):
            yield SampleMetricsSink()

    @pytest.fixture
    def taken(self, service):
        def totals():
            found = {}
            for _, data in sorted(service.items.items()):
                for point in map(json.loads, data.decode().splitlines()):
                    before = found.get(point["name"], 0.0) if point["kind"] != "gauge" else 0.0
                    found[point["name"]] = before + point.get("count", point["value"])
            return found

        return totals

    @pytest.fixture
    def away(self, connection):
        from msgspec.structs import replace

        with runtime({"away": replace(connection, port=9)}):
            yield SampleMetricsSink(sample_conn_id="away")
