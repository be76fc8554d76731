"""What a real server says of its queues comes to CloudWatch."""

import importlib.util
import os
import re
import subprocess
import sys
import urllib.error
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

_SETTINGS = '[services.server]\ntype = "server.server"\n[queues.reports]\nmin_workers = 2\nmax_workers = 9\n'


@pytest.fixture(scope="module")
def script():
    path = Path(__file__).parents[2] / "deploy" / "terraform" / "services" / "publish_workers.py"
    spec = importlib.util.spec_from_file_location("publish_workers", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server of an empty installation: its URL and the token of its owner."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "penstock.toml").write_text(_SETTINGS)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
    words = [sys.executable, "-m", "penstock"]
    subprocess.run(
        [*words, "init", "--no-example"], cwd=folder, env=environ, check=True, capture_output=True, timeout=60
    )
    server = [*words, "server", "start", "--port", "0"]
    with subprocess.Popen(
        server, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            url = next(found[0] for line in process.stdout if (found := re.search(r"http://[\d.]+:\d+", line)))
            yield url, (folder / ".penstock" / "server.token").read_text().strip()
        finally:
            process.terminate()


@pytest.fixture
def cloudwatch(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield boto3.client("cloudwatch", "eu-central-1")


def test_each_figure_of_each_queue_is_put(script, served, cloudwatch):
    assert script.publish(*served, "Penstock", "prod", cloudwatch) == 8
    listed = cloudwatch.list_metrics(Namespace="Penstock")["Metrics"]
    found = {
        (each["MetricName"], tuple((part["Name"], part["Value"]) for part in each["Dimensions"])) for each in listed
    }
    where = (("Installation", "prod"), ("Queue", "reports"))
    assert {(name, where) for name in ("DesiredWorkers", "QueuedTries", "RunningTries", "OldestAge")} <= found
    metrics = script.metrics(script.scaling(*served), "prod")
    values = {each["MetricName"]: each["Value"] for each in metrics if each["Dimensions"][1]["Value"] == "reports"}
    assert values == {"DesiredWorkers": 2.0, "QueuedTries": 0.0, "RunningTries": 0.0, "OldestAge": 0.0}


def test_who_may_not_know_puts_nothing(script, served, cloudwatch):
    with pytest.raises(urllib.error.HTTPError, match="401"):
        script.publish(served[0], "penstock_wrong", "Penstock", "prod", cloudwatch)
    assert cloudwatch.list_metrics(Namespace="Penstock")["Metrics"] == []
