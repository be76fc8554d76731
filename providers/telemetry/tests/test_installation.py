"""A whole installation tells StatsD, an OpenTelemetry collector and Prometheus the same, and waits for none of them."""

import os
import re
import threading
import urllib.request
from collections import defaultdict

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from penstock_testkit.beside import WITHOUT_SERVER
from penstock_testkit.commands.fork_server import penstock
from penstock_testkit.processes import free_port, wait_until

SETTINGS = """
[metrics]
interval_s = 0.2
[metrics.scraped]
type = "prometheus"
port = {scraped}
[metrics.lines]
type = "telemetry.statsd"
host = "127.0.0.1"
port = {statsd}
[metrics.posts]
type = "telemetry.otlp"
endpoint = "{otlp}"
timeout_s = 0.5
"""
DAG = """
from penstock import DAG, task
with DAG("talk"):
    @task
    def speak() -> None: ...
    speak()
"""
_LINE = re.compile(r"([^:]+):([^|]+)\|(c|g|ms)(?:\|@([^|]+))?(?:\|#(.*))?")
_SAMPLE = re.compile(r"(\w+?)(?:\{(.*)\})? (\S+)")


class Statsd:
    """Adds up what a socket receives, as a StatsD server does: counters by their sums, timings by how many there were."""

    def __init__(self, sock):
        self._sock, self._sums = sock, defaultdict(float)
        threading.Thread(target=self._receive, daemon=True).start()

    def _receive(self):
        while datagram := self._sock.recv(1 << 16):
            for line in datagram.decode().split("\n"):
                name, value, kind, rate, tags = _LINE.fullmatch(line).groups()
                key = (name, frozenset(each.partition(":")[::2] for each in (tags or "").split(",") if each))
                if kind == "g":
                    self._sums[key] = float(value)
                else:
                    self._sums[key] += {"c": float(value), "ms": 1.0}[kind] / float(rate or 1)

    def totals(self):
        return dict(self._sums)


def posted(collector):
    """What a collector knows that has read all posts: name, kind and unit by name and attributes, and the last value."""
    found = {}
    for _, _, body in list(collector.posts):
        message = ParseDict(body, ExportMetricsServiceRequest())
        for metric in message.resource_metrics[0].scope_metrics[0].metrics:
            kind = metric.WhichOneof("data")
            for point in getattr(metric, kind).data_points:
                tags = frozenset((each.key, each.value.string_value) for each in point.attributes)
                found[metric.name, tags] = kind, metric.unit, point.count if kind == "histogram" else point.as_double
    return found


def scraped(port):
    """Name, labels and value of each sample."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        lines = [line for line in answer.read().decode().splitlines() if not line.startswith("#")]
    samples = [_SAMPLE.fullmatch(line).groups() for line in lines]
    return {
        (name, frozenset(re.findall(r'(\w+)="([^"]*)"', labels or ""))): float(value) for name, labels, value in samples
    }


def exposed(name, kind, unit):
    """What Prometheus calls it."""
    ending = {"histogram": "_count", "sum": "_total", "gauge": ""}[kind]
    return name.replace(".", "_") + {"s": "_seconds", "By": "_bytes"}.get(unit, "") + ending


class House:
    """An installation whose metrics go three ways."""

    def __init__(self, folder, collector, statsd):
        self.collector, self.statsd, self.port = collector, Statsd(statsd), free_port()
        self.folder, self.environ = folder, {**os.environ, **WITHOUT_SERVER}
        where = {"scraped": self.port, "statsd": statsd.getsockname()[1], "otlp": collector.endpoint}
        (folder / "penstock.toml").write_text(SETTINGS.format(**where))
        (folder / "dags").mkdir()
        (folder / "dags" / "talk.py").write_text(DAG)
        self.log = folder / "up.log"
        with self.log.open("wb") as log:
            self.process = penstock().start(["up"], folder, self.environ, output=log)

    def call(self, *words):
        return penstock().run(words, self.folder, self.environ, seconds=60).out

    def until(self, ready):
        wait_until(ready, seconds=100, otherwise=self.log.read_text)

    def run(self, run_id):
        """Trigger a run, and wait for its end by what StatsD is told."""
        before = self.finished()
        self.call("dags", "trigger", "talk", "--run-id", run_id)
        self.until(lambda: self.finished() > before)

    def finished(self):
        return self.statsd.totals().get(
            ("penstock.runs.finished", frozenset({("dag_id", "talk"), ("state", "success")})), 0
        )

    def agree(self):
        """Whether all three know the same names with the same tags and values."""
        known, lines, samples = posted(self.collector), self.statsd.totals(), scraped(self.port)
        values = {key: value for key, (*_, value) in known.items()}
        same = {key: samples.get((exposed(key[0], kind, unit), key[1])) for key, (kind, unit, _) in known.items()}
        return bool(values) and values == lines == same


@pytest.fixture
def house(tmp_path, collector, statsd):
    statsd.settimeout(None)
    made = House(tmp_path, collector, statsd)
    yield made
    made.process.terminate()
    made.process.wait(60)


@pytest.mark.timeout(400)
def test_three_sinks_are_told_the_same_and_one_that_fails_holds_up_nobody_and_is_told_once(house, collector):
    house.until(lambda: any(name == "penstock.loader.imports" for name, _ in house.statsd.totals()))
    house.until(lambda: "talk" in house.call("dags", "list"))
    house.run("one")
    house.until(house.agree)
    names = {name for name, _ in posted(collector)}
    assert {
        "penstock.runs.finished",
        "penstock.tries.wait",
        "penstock.scheduler.turn",
        "penstock.loader.imports",
    } <= names

    collector.answers = [(503, b"")] * 999
    posts = len(collector.posts)
    house.run("while it is away")
    house.until(lambda: len(collector.posts) > posts + 2)
    collector.answers.clear()
    house.until(house.agree)
    assert house.finished() == 2, "what a post has lost is in the next one"
    assert house.log.read_text().count("the metrics sink 'posts' has failed") == 1

    collector.slow.clear()
    house.run("while it does not answer")
    collector.slow.set()
    house.until(house.agree)
    house.until(lambda: "the metrics sink 'posts' works again" in house.log.read_text())
    assert "metrics posts: telemetry.otlp" in house.call("doctor")
