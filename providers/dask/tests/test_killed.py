"""Tries on a cluster whose worker and scheduler are killed: a real installation, a real cluster, and gates in the tasks."""

import json
import os
import signal
import sqlite3

import pytest

from penstock_testkit.network import network_faults
from penstock_testkit.processes import has_ended
from penstock_testkit.remote.gates import GATED, Gates
from penstock_testkit.remote.remote_installation import RemoteInstallation

SETTINGS = """
[executors.cluster]
type = "dask.executor"
server = "{{url}}"
address = "{address}"
doorbell_s = 3.0
worker_lease_s = 6.0
queues = {{ large = {{ MEMORY = 1e9 }} }}

[queues]
far = "cluster"
large = "cluster"
"""
DAG = """
import os, time
from pathlib import Path
from penstock import DAG, task
from penstock_dask.hooks import DaskHook

with DAG("sums"):

    @task(queue="large", resources={"cpu": 2})
    def total():
        print("it adds")
        return DaskHook().get_client().submit(sum, [1, 2, 3]).result()

    total()

with DAG("wrong"):

    @task(queue="far", executor_config={"dask": {"wrokers": []}})
    def wrong(): ...

    wrong()

with DAG("greedy"):

    @task(queue="far", resources={"cpu": 64})
    def greedy(): ...

    greedy()
"""
GREEDY = "no Dask worker has what it takes: CPU 64"
pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("dask")]


@pytest.fixture
def gates(tmp_path):
    return Gates(tmp_path / "gates")


@pytest.fixture
def cluster(tmp_path, gates, local_dask, monkeypatch):
    monkeypatch.setenv("GATES", str(gates.folder))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    made = local_dask(tmp_path)
    yield made
    made.close()


def installation(tmp_path, cluster, address):
    environ = {"PENSTOCK_CONN_DASK_DEFAULT": f"dask://127.0.0.1:{cluster.port}"}
    settings = SETTINGS.format(address=address)
    return RemoteInstallation(tmp_path / "project", settings, {"far.py": DAG, "gated.py": GATED}, environ)


@pytest.fixture
def installed(cluster, tmp_path):
    with installation(tmp_path, cluster, cluster.address) as made:
        yield made


@pytest.fixture
def made(installed):
    installed.up()
    return installed


def notes(made):
    """What open tries wait for."""
    with sqlite3.connect(made.folder / ".penstock" / "penstock.db") as database:
        return [note for (note,) in database.execute("SELECT note FROM remote_try")]


def test_a_task_runs_on_the_cluster_takes_its_resources_and_has_a_client_of_it(made, cluster):
    cluster.start_worker("--resources", "CPU=4 MEMORY=2e9")
    made.trigger("sums", "one")
    assert made.ended("sums", "one") == "success"
    assert json.loads(made.run("tasks", "xcoms", "sums", "total", "--run", "one", "--json"))
    assert "it adds" in made.log("sums", "one", "total")
    made.trigger("wrong", "one")
    assert made.ended("wrong", "one") == "failed"
    assert "dask takes resources, a dict, and workers, a list; it has 'wrokers'" in made.run(
        "tasks", "why", "wrong", "wrong", "--run", "one"
    )
    made.trigger("greedy", "one")
    made.wait(lambda: GREEDY in notes(made), "it says so")


def test_a_killed_dask_worker_takes_its_try_along_which_runs_again_and_spends_no_retry(made, cluster, gates):
    first = cluster.start_worker("--no-nanny")
    made.trigger("gated", "one")
    made.wait(gates.begun, "the task runs")
    [pid] = gates.begun()
    cluster.start_worker("--no-nanny")
    os.kill(first.pid, signal.SIGKILL)
    made.wait(lambda: gates.begun() - {pid}, "it runs again")
    assert has_ended(pid)
    gates.open()
    assert made.ended("gated", "one") == "success"


@pytest.mark.nightly
@pytest.mark.parametrize("before", [True, False], ids=["before the first look", "after it"])
def test_a_dask_scheduler_that_is_away_is_what_tries_wait_for(installed, cluster, gates, before):
    """A try is not even offered to a cluster of which nobody knows yet what it can run."""
    gates.open()
    if not before:
        installed.up()
        installed.trigger("gated", "first")
        installed.wait(lambda: notes(installed), "it is offered")
    cluster.kill_scheduler()
    if before:
        installed.up()
        installed.trigger("gated", "first")

    def why():
        return installed.run("tasks", "why", "gated", "wait", "--run", "first")

    installed.wait(lambda: f"tcp://127.0.0.1:{cluster.port}" in why(), "it says so")
    cluster.start_scheduler()
    cluster.start_worker()
    assert installed.ended("gated", "first") == "success"


@pytest.mark.nightly
def test_a_try_runs_once_though_another_cluster_takes_the_place_of_its_own(cluster, gates, tmp_path, local_dask):
    """Its worker has lost nothing, and goes on: the new cluster does not know of it."""
    cluster.start_worker("--no-nanny")
    other = local_dask(tmp_path)
    try:
        other.start_worker("--no-nanny", "--resources", "CPU=4")
        with (
            network_faults("127.0.0.1", cluster.port) as proxy,
            installation(tmp_path, cluster, f"tcp://127.0.0.1:{proxy.port}") as made,
        ):
            made.up()
            made.trigger("gated", "one")
            made.wait(gates.begun, "the task runs")
            proxy._upstream = "127.0.0.1", other.port
            proxy.reset()
            made.trigger("greedy", "two")
            made.wait(lambda: notes(made).count(GREEDY) == 1, "the new one is asked")
            made.trigger("greedy", "three")
            made.wait(lambda: notes(made).count(GREEDY) == 2, "it is looked at again")
            gates.open()
            assert made.ended("gated", "one") == "success"
            assert len(gates.begun()) == 1
    finally:
        other.close()


@pytest.mark.nightly
def test_a_cancelled_run_ends_its_process_on_the_cluster(made, cluster, gates):
    cluster.start_worker()
    made.trigger("gated", "one")
    made.wait(gates.begun, "the task runs")
    [pid] = gates.begun()
    made.run("runs", "cancel", "gated", "one")
    assert made.ended("gated", "one") == "cancelled"
    made.wait(lambda: has_ended(pid), "its process has ended")
