"""Messages as an OpenTelemetry collector reads them."""

import socket
import threading
from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from penstock.errors import ConfigError, ErrorKind, ProviderError
from penstock.spec.metrics_sink import BOUNDS_S, Point
from penstock_telemetry.metrics import OtlpSink

NOW = datetime(2026, 3, 1, microsecond=5, tzinfo=UTC)
RUNS = Point("runs.finished", "counter", "{run}", {"dag_id": "sales"}, 3)
CAPACITY = Point("executor.capacity", "gauge", "{try}", {"executor": "local"}, 2)
TURN = Point("scheduler.turn", "timing", "s", {}, 0.5, 2, (2, *[0] * len(BOUNDS_S)), (0.25, 0.25))


def metrics(post):
    (resource,) = post[2]["resourceMetrics"]
    (scope,) = resource["scopeMetrics"]
    return {each["name"]: each for each in scope["metrics"]}


def test_each_kind_has_its_form(collector):
    OtlpSink(collector.endpoint, service="ours").write([RUNS, CAPACITY, TURN], NOW)
    (post,) = collector.posts
    assert post[:2] == ("/v1/metrics", "application/json")
    assert post[2]["resourceMetrics"][0]["resource"]["attributes"] == [
        {"key": "service.name", "value": {"stringValue": "ours"}}
    ]
    found = metrics(post)
    counted = found["penstock.runs.finished"]["sum"]
    assert (counted["isMonotonic"], counted["aggregationTemporality"]) == (True, 2)
    (point,) = counted["dataPoints"]
    assert int(point["startTimeUnixNano"]) > 0
    assert (point["asDouble"], point["timeUnixNano"]) == (3, "1772323200000005000")
    assert point["attributes"] == [{"key": "dag_id", "value": {"stringValue": "sales"}}]
    assert found["penstock.executor.capacity"]["gauge"]["dataPoints"][0]["asDouble"] == 2
    (spread,) = found["penstock.scheduler.turn"]["histogram"]["dataPoints"]
    assert (spread["count"], spread["sum"], spread["explicitBounds"]) == ("2", 0.5, list(BOUNDS_S))
    assert spread["bucketCounts"] == ["2", *["0"] * len(BOUNDS_S)]


def test_a_message_is_one_of_the_protocol_as_its_project_defines_it(collector):
    OtlpSink(collector.endpoint).write([RUNS, CAPACITY, TURN], NOW)
    message = ParseDict(collector.posts[0][2], ExportMetricsServiceRequest())
    (scope,) = message.resource_metrics[0].scope_metrics
    kinds = {each.name: each.WhichOneof("data") for each in scope.metrics}
    assert kinds == {
        "penstock.runs.finished": "sum",
        "penstock.executor.capacity": "gauge",
        "penstock.scheduler.turn": "histogram",
    }


def test_what_one_post_lost_is_in_the_next(collector):
    sink = OtlpSink(collector.endpoint, prefix="")
    collector.answers = [(503, b"")]
    with pytest.raises(ProviderError, match="HTTP Error 503") as raised:
        sink.write([RUNS, CAPACITY, TURN], NOW)
    assert (raised.value.kind, raised.value.http_status) == (ErrorKind.TRANSIENT, 503)
    sink.write([RUNS, CAPACITY, TURN], NOW)
    found = metrics(collector.posts[1])
    assert found["runs.finished"]["sum"]["dataPoints"][0]["asDouble"] == 6
    assert found["executor.capacity"]["gauge"]["dataPoints"][0]["asDouble"] == 2
    assert found["scheduler.turn"]["histogram"]["dataPoints"][0]["bucketCounts"][0] == "4"


@pytest.mark.parametrize(
    ("status", "answer", "kind", "told"),
    [
        (401, b"", ErrorKind.AUTH, "HTTP Error 401"),
        (429, b"", ErrorKind.THROTTLED, "HTTP Error 429"),
        (400, b"", ErrorKind.INVALID, "HTTP Error 400"),
        (200, b'{"partialSuccess": {"rejectedDataPoints": "2", "errorMessage": "old"}}', ErrorKind.INVALID, "refused 2 points: old"),
    ],
)  # fmt: skip
def test_what_a_collector_refuses_is_told(collector, status, answer, kind, told):
    collector.answers = [(status, answer)]
    with pytest.raises(ProviderError, match=told) as raised:
        OtlpSink(collector.endpoint).write([RUNS], NOW)
    assert raised.value.kind is kind


@pytest.mark.parametrize("answer", [b"", b"no JSON", b"[]", b'{"partialSuccess": {}}'])
def test_an_answer_that_says_nothing_is_fine(collector, answer):
    collector.answers = [(200, answer)]
    OtlpSink(collector.endpoint).write([RUNS], NOW)


def test_a_collector_that_is_away_is_told(collector):
    endpoint = "http://127.0.0.1:9/v1/metrics"
    with pytest.raises(ProviderError, match=r"otlp Export: http://127\.0\.0\.1:9/v1/metrics") as raised:
        OtlpSink(endpoint).write([RUNS], NOW)
    assert raised.value.kind is ErrorKind.TRANSIENT
    with pytest.raises(ConfigError, match="endpoint 'localhost:4318' is no URL of HTTP"):
        OtlpSink("localhost:4318")


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://ann:s3cr3t@localhost:4318/v1",
        "http://ann:s3cr3t@[::1/v1",
        "http://localhost:abc/v1",
        "http:///v1",
        "http://a b/v1",
    ],
)
def test_an_endpoint_to_which_nobody_can_post_is_refused_and_shows_no_password(endpoint):
    with pytest.raises(ConfigError, match=r"endpoint .*\. Write") as raised:
        OtlpSink(endpoint)
    assert "s3cr3t" not in str(raised.value)


def test_an_answer_that_is_no_http_is_told_as_any_other_failure():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            line, _ = server.accept()
            with line:
                line.recv(1 << 16)
                line.sendall(b"nonsense\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ProviderError, match="nonsense"):
            OtlpSink(f"http://127.0.0.1:{server.getsockname()[1]}/v1").write([RUNS], NOW)
        thread.join()
