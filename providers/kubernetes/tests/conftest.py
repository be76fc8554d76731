"""A fake cluster whose pods are processes, and connections to it."""

import sys
import threading
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from penstock import DAG, Connection
from penstock.spec.remote import RemoteContext
from penstock.testing import run_dag
from penstock.testing import runtime as fake_runtime
from penstock_kubernetes.executors import KubernetesExecutor
from penstock_kubernetes.hooks import KubernetesHook, clients
from penstock_testkit.kubernetes import KubeCluster


@pytest.fixture(autouse=True)
def no_client_is_left(nothing_left_open):
    """Close the clients that a test has made: those of one cluster are of no use to the next."""
    yield
    for fields in list(clients._clients._clients):
        clients.forget_client(fields)


@pytest.fixture
def cluster(tmp_path):
    """A cluster without pods."""
    found = KubeCluster(tmp_path / "node")
    with found.serving() as found.url:
        yield found
    assert found.complaints() == []


@pytest.fixture
def connection(cluster):
    """A connection to it whose client repeats a call once."""
    extra = {"server": cluster.url, "max_attempts": 2}
    return Connection("kubernetes_default", "kubernetes", password=cluster.token, extra=extra)


@pytest.fixture
def connections(connection):
    return {"kubernetes_default": connection}


@pytest.fixture
def hook(connection):
    return KubernetesHook(connection=connection)


@pytest.fixture
def runtime(connections):
    """A runtime around the test that knows the connection."""
    with fake_runtime(connections) as found:
        yield found


@pytest.fixture
def run(connections):
    """A function that runs a task of a class."""

    def run_one(operator, **arguments):
        with DAG("jobs", schedule=None) as dag:
            operator(task_id="job", poke_interval=arguments.pop("poke_interval", 0.1), **arguments)
        found = run_dag(dag, connections=connections)
        task = found.tasks["job"]
        value = found.value("job") if task.state == "success" else None
        return SimpleNamespace(state=task.state, tries=task.tries, errors=task.errors, value=value)

    return run_one


@pytest.fixture
def python():
    """The arguments of a pod that runs some Python."""

    def arguments(script, **more):
        return {"image": "python:3", "cmds": [sys.executable, "-c", script], **more}

    return arguments


class Recorder:
    """What an executor has told of tickets."""

    def __init__(self):
        self.notes, self.ends, self.failed, self.lock = {}, {}, set(), threading.Lock()

    def waiting(self, name, reason):
        with self.lock:
            self.notes.setdefault(name, []).append(reason)

    def gone(self, name, reason, *, retryable=True, failed=False):
        with self.lock:
            self.ends.setdefault(name, (reason, retryable))
            if failed:
                self.failed.add(name)


@pytest.fixture
def told():
    return Recorder()


@pytest.fixture
def make(cluster, tmp_path, told):
    """A function that makes executors of one installation, started."""
    made = []

    def make_one(script="import time; time.sleep(60)", *, started=True, **options):
        cluster.node.environment = {**cluster.node.environment, "PYTHONDONTWRITEBYTECODE": "1"}
        cluster.watches.bookmark_every_s = 0.1
        usual = {
            "image": "penstock:1", "command": [sys.executable, "-S", "-c", script],
            "cluster": {"server": cluster.url, "token": cluster.token},
            "pod_template": {"spec": {"terminationGracePeriodSeconds": 1}}, "silent_s": 1.0,
        }  # fmt: skip
        context = RemoteContext(
            "pods",
            usual | options,
            "http://penstock.example",
            "i1",
            tmp_path,
            lambda: datetime.now(UTC),
            told.waiting,
            told.gone,
        )
        executor = KubernetesExecutor(context)
        if started:
            executor.start()
        made.append(executor)
        return executor

    yield make_one
    for each in made:
        each.stop()
