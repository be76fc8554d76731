"""The executor of Kubernetes on a fake cluster whose pods are real workers, which know a server and one ticket."""

import contextlib
import itertools
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from penstock_testkit.kubernetes import KubeCluster
from penstock_testkit.kubernetes.api_refusals import ApiRefusedError
from penstock_testkit.nightly import nightly_but
from penstock_testkit.processes import has_ended
from penstock_testkit.remote.gates import GATED, Gates
from penstock_testkit.remote.remote_installation import RemoteInstallation
from penstock_testkit.saas import HttpAnswer

SETTINGS = f"""
[executors.pods]
type = "kubernetes.executor"
server = "{{url}}"
image = "penstock:1"
command = ["{sys.executable}", "-m", "penstock", "worker", "--ticket"]
doorbell_s = 2.0
worker_lease_s = 8.0
slots = 4
silent_s = 2.0
pod_template = {{ spec = {{ terminationGracePeriodSeconds = 5 }} }}

[executors.pods.cluster]
server = "CLUSTER"
token = "TOKEN"

[queues]
far = "pods"
"""
DAG = """
import os, time
from pathlib import Path
from penstock import DAG, task

with DAG("far"):

    @task(queue="far")
    def first():
        print("the first one speaks")
        return {"numbers": list(range(5))}

    @task(queue="far")
    def second(found):
        secrets = [name for name in os.environ if name in ("PENSTOCK_TICKET", "PENSTOCK_SECRET_KEY", "PENSTOCK_TOKEN")]
        return {"sum": sum(found["numbers"]), "secrets": secrets}

    second(first())

with DAG("many"):

    @task(queue="far")
    def one(number):
        with open(os.environ["GATES"] + "/done", "a") as file:
            file.write(f"{number}\\n")

    one.expand(number=list(range(6)))

with DAG("slow"):

    @task(queue="far")
    def some(number):
        time.sleep(0.5)
        with open(os.environ["GATES"] + "/done", "a") as file:
            file.write(f"{number}\\n")

    some.expand(number=list(range(30)))
"""
VERBS = ["create", "get", "list", "watch", "delete", "deletecollection", "patch", "update"]
HUNGRY = GATED.replace('"gated"', '"hungry"').replace("retries=0", "retries=1, retry_delay=0")
pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("kubernetes executor"),
]  # one installation for all of it
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "scale-out-with-kubernetes.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pods")


@pytest.fixture
def gates(folder):
    """Gates at which nobody has been yet."""
    shutil.rmtree(folder / "gates", ignore_errors=True)
    return Gates(folder / "gates")


def granted():
    """Verbs and resources of the Role that the page has, which is that of the chart."""
    role = yaml.safe_load(
        re.search(r'^```yaml title="role.yaml"\n(.*?)^```', PAGE.read_text(), re.MULTILINE | re.DOTALL)[1]
    )
    return {(verb, each) for rule in role["rules"] for each in rule["resources"] for verb in rule["verbs"]}


@pytest.fixture(scope="module")
def cluster(folder):
    """A cluster in which every watch breaks off time and again, and whose user may what the page's Role grants alone."""
    found = KubeCluster(folder / "node")
    found.denied = (
        set(itertools.product(VERBS, ["pods", "pods/log", "secrets", "events", "namespaces", "jobs"])) - granted()
    )
    found.watches.bookmark_every_s, found.watches.cut_after_s = 0.3, 0.7
    found.node.environment = {"PATH": os.environ["PATH"], "GATES": str(folder / "gates"), "TMPDIR": str(folder)}
    with found.serving() as found.url:
        yield found
    assert found.complaints() == []


@pytest.fixture(scope="module")
def made(folder, cluster):
    settings = SETTINGS.replace("CLUSTER", cluster.url).replace("TOKEN", cluster.token)
    with RemoteInstallation(
        folder / "project", settings, {"far.py": DAG, "gated.py": GATED, "hungry.py": HUNGRY}
    ) as made:
        made.up()
        yield made


def noted(made):
    """What the one try that is open waits for."""
    with contextlib.closing(sqlite3.connect(made.folder / ".penstock" / "penstock.db")) as database:
        return " ".join(note or "" for (note,) in database.execute("SELECT note FROM remote_try"))


def nothing_left(made, cluster):
    made.wait(lambda: not cluster.pods() and not cluster.store.all("secrets"), "no pod is left")
    assert cluster.node.alive() == []


def test_tries_run_in_pods_by_tickets_alone_and_leave_none(made, cluster, gates):
    made.trigger("far", "one")
    assert made.ended("far", "one") == "success"
    assert "the first one speaks" in made.log("far", "one", "first")
    assert re.search(r'"sum": 10|sum\W+10', made.run("tasks", "xcoms", "far", "second", "--run", "one", "--json"))

    cluster.quotas["default"] = 2
    made.trigger("many", "one")
    assert made.ended("many", "one") == "success"
    assert sorted(gates.done()) == list(range(6))
    cluster.quotas.clear()
    nothing_left(made, cluster)
    assert not cluster.asked("PATCH /api/v1/namespaces/default/pods/{name}")


@pytest.mark.parametrize("act", nightly_but(["kill"], ["kill", "evict", "lose"]))
def test_a_pod_that_ends_loses_its_try_which_runs_again_and_spends_no_retry(made, cluster, gates, act):
    made.trigger("gated", act)
    made.wait(gates.begun, "the task runs")
    [first], [pod] = gates.begun(), list(cluster.pods())
    if act == "lose":
        cluster.node.lose()
    else:
        getattr(cluster.node, act)(pod)
    made.wait(lambda: gates.begun() - {first}, "it runs again")
    assert has_ended(first)
    gates.open()
    assert made.ended("gated", act) == "success"
    nothing_left(made, cluster)


def test_a_pod_whose_memory_runs_out_again_and_again_spends_the_retries_of_its_task(made, cluster, gates):
    made.trigger("hungry", "one")
    for number in (1, 2):
        made.wait(lambda number=number: len(gates.begun()) == number, "the task runs")
        [pod] = cluster.node.alive()
        cluster.node.oom(pod)
    assert made.ended("hungry", "one") == "failed"
    assert "was killed for its memory" in made.run("tasks", "why", "hungry", "wait", "--run", "one")
    assert len(gates.begun()) == 2
    nothing_left(made, cluster)


def test_a_cancelled_run_ends_its_pod(made, cluster, gates):
    made.trigger("gated", "cancelled")
    made.wait(gates.begun, "the task runs")
    made.run("runs", "cancel", "gated", "cancelled")
    assert made.ended("gated", "cancelled") == "cancelled"
    nothing_left(made, cluster)


def test_what_a_pod_waits_for_is_told_and_a_cluster_without_room_fails_nothing(made, cluster, gates):
    gates.open()
    cluster.node.paused = True
    cluster.quotas["default"] = 0
    made.trigger("gated", "waits")
    made.wait(lambda: "the quota of its namespace is used up" in noted(made), "the quota is told")
    cluster.quotas.clear()
    made.wait(lambda: "its pod is scheduling" in noted(made), "the phase is told")
    cluster.node.paused = False
    assert made.ended("gated", "waits") == "success"
    nothing_left(made, cluster)


def test_pods_outlive_a_scheduler_that_is_killed_and_are_taken_up_by_the_next(made, cluster, gates):
    made.trigger("gated", "outlives")
    made.wait(gates.begun, "the task runs")
    [pid], before = gates.begun(), set(cluster.pods())
    asked = len(cluster.asked("POST /api/v1/namespaces/default/pods"))
    [scheduler] = json.loads(made.run("schedulers", "list", "--json"))
    os.kill(scheduler["pid"], signal.SIGKILL)
    cluster.store.compact()
    gates.open()
    assert made.ended("gated", "outlives") == "success"
    assert gates.begun() == {pid}
    assert len(cluster.asked("POST /api/v1/namespaces/default/pods")) <= asked + 1  # its template, and no pod
    assert before
    nothing_left(made, cluster)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", [1, 2])
def test_random_ends_of_pods_watches_and_answers_lose_no_task(made, cluster, gates, seed):
    chance, api = random.Random(seed), "/api/v1/namespaces/default/pods"
    cluster.faults.append(lambda request: _unkind(chance, request, api))
    made.trigger("slow", f"seed-{seed}")
    made.wait(cluster.node.alive, "pods run")
    for _ in range(12):
        made.wait(lambda: cluster.node.alive() or len(gates.done()) == 30, "pods run")
        name = chance.choice([*cluster.node.alive(), ""])
        act = chance.choice(["kill", "evict", "preempt", "compact"])
        with contextlib.suppress(KeyError, ApiRefusedError):  # it has ended by itself
            cluster.store.compact() if act == "compact" or not name else getattr(cluster.node, act)(name)
    assert made.ended("slow", f"seed-{seed}", 180.0) == "success", seed
    assert sorted(gates.done()) == list(range(30)), seed
    cluster.faults.clear()
    nothing_left(made, cluster)


def _unkind(chance, request, api):
    """One request of ten for pods fails: before it is done, or after it."""
    if request.path.startswith(api) and "watch" not in request.query and chance.random() < 0.1:
        return chance.choice(
            [HttpAnswer(0, reset=True), HttpAnswer.text("busy", 503), lambda answer: replace(answer, reset=True)]
        )
    return None


def test_the_page_about_it_is_followed(tmp_path, cluster):
    """Its settings and its DAG, with the cluster, the command and the server of this machine in place of the reader's."""
    text = PAGE.read_text()
    first, *_ = re.findall(r"^```toml.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (dag,) = re.findall(r"^```python.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    cluster.store.create("namespaces", {"metadata": {"name": "tasks"}})
    command = f'command = ["{sys.executable}", "-m", "penstock", "worker", "--ticket"]'
    settings = first.replace("https://penstock.example:8443", "{url}").replace("slots = 200", f"slots = 200\n{command}")
    table = f'[executors.pods.cluster]\nserver = "{cluster.url}"\ntoken = "{cluster.token}"\n'
    with RemoteInstallation(tmp_path / "project", f"{settings}\n{table}", {"train.py": dag}) as made:
        made.up()
        made.trigger("train", "one")
        made.wait(lambda: cluster.pods("tasks"), "a pod is there")
        pod = next(iter(cluster.pods("tasks").values()))
        assert made.ended("train", "one") == "success"
        assert "the score is 0.93" in made.log("train", "one", "report")
    requests = pod["spec"]["containers"][0]["resources"]["requests"]
    assert requests == {"cpu": "2000m", "memory": str((4 << 30) + (192 << 20))}
