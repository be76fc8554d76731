"""Tries in containers that are killed, and a service that throttles: a real installation, its containers processes of this machine."""

import os
import signal
import sqlite3
import sys

import pytest

from penstock_testkit.aws_jobs import AwsJobs
from penstock_testkit.aws_jobs.job_processes import JobProcesses
from penstock_testkit.processes import has_ended
from penstock_testkit.remote.gates import GATED, Gates
from penstock_testkit.remote.remote_installation import RemoteInstallation
from penstock_testkit.saas import plain_http

SETTINGS = """
[executors.containers]
type = "aws.ecs_executor"
server = "{{url}}"
endpoint_url = "{url}"
region_name = "us-east-1"
cluster = "main"
task_definition = "worker:1"
doorbell_s = 3.0
worker_lease_s = 6.0

[queues]
far = "containers"
"""
pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def fake(tmp_path):
    made = AwsJobs()
    made.containers = JobProcesses(
        (sys.executable, "-m", "penstock", "worker", "--ticket"), tmp_path / "containers.out"
    )
    yield made
    made.containers.close()


@pytest.fixture
def gates(tmp_path, monkeypatch):
    made = Gates(tmp_path / "gates")
    monkeypatch.setenv("GATES", str(made.folder))
    return made


@pytest.fixture
def made(tmp_path, fake, gates):
    environ = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "GATES": str(gates.folder)}
    with plain_http(fake) as url:
        settings = SETTINGS.format(url=url)
        with RemoteInstallation(tmp_path / "project", settings, {"gated.py": GATED}, environ) as made:
            made.up()
            yield made


def test_a_killed_container_loses_its_try_which_runs_again_and_spends_no_retry(made, fake, gates):
    made.trigger("gated", "one")
    made.wait(gates.begun, "the task runs")
    [pid] = gates.begun()
    [container] = fake.containers.processes.values()
    os.kill(container.pid, signal.SIGKILL)
    made.wait(lambda: gates.begun() - {pid}, "it runs again")
    assert has_ended(pid)
    gates.open()
    assert made.ended("gated", "one") == "success"
    assert len(fake.tasks) == 2


@pytest.mark.nightly
def test_a_service_without_room_is_what_a_try_waits_for(made, fake, gates):
    gates.open()
    fake.refuses = [[{"reason": "RESOURCE:MEMORY"}]]
    made.trigger("gated", "one")

    def notes():
        with sqlite3.connect(made.folder / ".penstock" / "penstock.db") as database:
            return [note for (note,) in database.execute("SELECT note FROM remote_try")]

    made.wait(lambda: any("AWS has no room for it now" in note for note in notes()), "it says so")
    assert made.ended("gated", "one") == "success"


@pytest.mark.nightly
def test_a_cancelled_run_ends_its_container(made, fake, gates):
    made.trigger("gated", "one")
    made.wait(gates.begun, "the task runs")
    made.run("runs", "cancel", "gated", "one")
    assert made.ended("gated", "one") == "cancelled"
    [container] = fake.containers.processes.values()
    made.wait(lambda: container.poll() is not None, "its container has ended")
