"""Lines as a StatsD server reads them."""

from datetime import UTC, datetime

import pytest

from penstock.errors import ConfigError
from penstock.spec.metrics_sink import Point
from penstock_telemetry.metrics import StatsdSink
from penstock_telemetry.metrics.statsd import DATAGRAM_BYTES

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RUNS = Point("runs.finished", "counter", "{run}", {"dag_id": "a|b:c d", "state": "success"}, 3)
CAPACITY = Point("executor.capacity", "gauge", "{try}", {"executor": "local"}, 2)
TURN = Point("scheduler.turn", "timing", "s", {}, 0.5, 4, (4,), (0.25, 0.0125))


def lines(statsd, points, **options):
    StatsdSink("127.0.0.1", statsd.getsockname()[1], **options).write(points, NOW)
    return statsd.recv(1 << 16).decode().split("\n")


def test_each_kind_has_its_form_and_tags_lose_what_would_end_them(statsd):
    assert lines(statsd, [RUNS, CAPACITY, TURN]) == [
        "penstock.runs.finished:3|c|#dag_id:a_b_c_d,state:success",
        "penstock.executor.capacity:2|g|#executor:local",
        "penstock.scheduler.turn:250|ms|@0.5",
        "penstock.scheduler.turn:12.5|ms|@0.5",
    ]


def test_without_tags_their_values_are_parts_of_the_name(statsd):
    assert lines(statsd, [RUNS, CAPACITY], tags=False, prefix="") == [
        "runs.finished.a_b_c_d.success:3|c",
        "executor.capacity.local:2|g",
    ]


def test_many_lines_go_in_several_datagrams_none_of_which_is_cut(statsd):
    StatsdSink("127.0.0.1", statsd.getsockname()[1]).write([RUNS] * 100, NOW)
    received = []
    while sum(map(len, received)) < 100:
        datagram = statsd.recv(1 << 16)
        assert len(datagram) <= DATAGRAM_BYTES
        received.append(datagram.decode().split("\n"))
    assert {line for each in received for line in each} == {"penstock.runs.finished:3|c|#dag_id:a_b_c_d,state:success"}


def test_a_server_that_is_away_is_not_noticed(statsd):
    port = statsd.getsockname()[1]
    statsd.close()
    StatsdSink("127.0.0.1", port).write([RUNS], NOW)


@pytest.mark.parametrize("port", [0, -1, 99999])
def test_a_port_that_does_not_exist_is_refused(port):
    with pytest.raises(ConfigError, match=f"port {port} is no port of UDP"):
        StatsdSink(port=port)
