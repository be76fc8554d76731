"""A secrets backend and services in a real installation, which lives on whatever they do."""

import os
import resource
import signal

import pytest

from penstock.keeper.status import StatusFiles

from .conftest import Project, processes_running

pytestmark = pytest.mark.xdist_group("provider parts")

SETTINGS = """
[core]
dags_folder = "dags"

[plugins]
modules = ["ours"]

[secrets.team]
type = "ours.files"
folder = "team"
cache_s = 0
timeout_s = 300

[services.ticker]
type = "ours.ticker"

[services.broken]
type = "ours.ticker"
pin = 3
"""
OURS = """
import time
from pathlib import Path
from penstock import Connection
from penstock.spec.plugin import Capability, Parameter, hookimpl

class Files:
    def __init__(self, folder):
        self.folder = Path(folder)

    def connection(self, conn_id):
        if conn_id == "hangs":
            time.sleep(600)
        if not self.folder.is_dir():
            raise FileNotFoundError("the team's folder is away")
        file = self.folder / conn_id
        return file.read_text() if file.is_file() else None

    def variable(self, key):
        return None

    connection_ids = variable_keys = lambda self: None

class Ticker:
    def run(self, context):
        print("with", Connection.get("gate").password, flush=True)
        while not context.wait(0.2):
            context.report(f"ticks beside {context.running_tries()} tries")

@hookimpl
def penstock_secrets_backends():
    return [Capability("secrets_backends", "ours.files", Files, "Files.", parameters=(Parameter("folder", required=True),))]

@hookimpl
def penstock_services():
    return [Capability("services", "ours.ticker", Ticker, "Ticks.")]
"""
READS = """
with DAG("reads", params={"conn_id": "gate"}):
    @task
    def read(**context):
        print("host", Connection.get(context["params"]["conn_id"]).host, Connection.get("gate").password)
    read()
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """One installation for all tests here, which runs."""
    made = Project(tmp_path_factory.mktemp("house"))
    (made.folder / "penstock.toml").write_text(SETTINGS)
    (made.folder / "ours.py").write_text(OURS)
    (made.folder / "team").mkdir()
    (made.folder / "team" / "gate").write_text("http://ann:s3cr3t-word@gate.example/")
    made.call("connections", "set", "gate", "http://old:older-word@old.example/")
    made.write("reads.py", READS)
    made.write("other.py", 'with DAG("other"):\n    EmptyOperator(task_id="e")\n')
    made.up()
    made.wait_for_dags("reads", "other")
    yield made
    made.clean_up()


def test_a_task_is_given_what_a_backend_has_and_nothing_in_its_place_when_that_is_away(house):
    house.trigger("reads", "one")
    assert house.wait_for_run("reads", "one") == "success"
    assert "host gate.example ***" in house.call("tasks", "logs", "reads", "read", "--run", "one")
    (house.folder / "team").rename(house.folder / "elsewhere")
    for pid in processes_running(house, "penstock.app.secrets_backend"):
        assert resource.prlimit(pid, resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY, "its memory is bounded"
        os.kill(pid, signal.SIGKILL)
    house.trigger("reads", "away")
    assert house.wait_for_run("reads", "away") == "failed", "what the database has is not given"
    assert "the source 'team'" in house.tasks("reads", "away")["read"].reason
    (house.folder / "elsewhere").rename(house.folder / "team")


def test_the_scheduler_waits_for_no_backend_that_hangs(house):
    house.trigger("reads", "hung", "--conf", '{"conn_id": "hangs"}')
    house.until(lambda: house.states("reads", "hung").get("read") == "running")
    house.until(lambda: processes_running(house, "penstock.app.secrets_backend"))
    house.trigger("other", "one")
    assert house.wait_for_run("other", "one") == "success"
    assert house.state("reads", "hung") == "running"
    files = StatusFiles(house.folder / ".penstock")
    ticks = lambda: (found := files.read("ticker")) and found.detail  # noqa: E731 - short
    house.until(lambda: ticks() == "ticks beside 1 tries", "what a service hears of the try")
    for pid in processes_running(house, "penstock.app.secrets_backend"):
        os.kill(pid, signal.SIGKILL)
    assert house.wait_for_run("reads", "hung") == "failed"
    assert "was killed by SIGKILL" in house.tasks("reads", "hung")["read"].reason
    house.until(lambda: ticks() == "ticks beside 0 tries", "what a service hears of its end")


def test_services_live_as_long_as_the_installation_and_one_that_cannot_start_harms_nobody(house):
    files = StatusFiles(house.folder / ".penstock")
    ticker = house.until(
        lambda: (s := files.read("ticker")) and s.detail == "ticks beside 0 tries" and s, "the first report"
    )
    os.kill(ticker.pid, signal.SIGKILL)
    again = house.until(
        lambda: (s := files.read("ticker")) and s.detail == "ticks beside 0 tries" and s.ends > ticker.ends and s
    )
    assert "was killed by SIGKILL" in again.last_end
    broken = house.until(lambda: (s := files.read("broken")) and s.ends and s, "the end of the one that cannot be made")
    assert "[services.broken]: ours.ticker takes no argument 'pin'" in broken.last_end
    assert "s3cr3t-word" not in (house.folder / ".penstock" / "logs" / "services" / "ticker.log").read_text()
    shown = house.call("providers", "show", "ours")
    assert "[secrets] team" in shown
    assert "ours:Files" in shown
    assert ["Files", "folder", "Any", "required"] in [line.split() for line in shown.splitlines()]
    assert house.down() == 0
    assert house.processes() == []
    assert {each["state"] for each in house.json("services", "list")} == {"down"}
