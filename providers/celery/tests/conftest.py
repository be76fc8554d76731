"""Installations whose tries go by a broker, all of them real processes."""

import os
import signal

import pytest
from celery import Celery

from penstock_testkit.brokers.rabbitmq import rabbitmq
from penstock_testkit.brokers.valkey import valkey
from penstock_testkit.remote.remote_installation import RemoteInstallation

SETTINGS = """
[executors.pool]
type = "celery.executor"
server = "{{url}}"
{broker}
doorbell_s = 10.0
worker_lease_s = 6.0
publish_timeout_s = 3.0
transport_options = {{ {transport} }}

[queues]
far = "pool"
near = "pool"
"""
DAGS = {
    "far.py": """
import os, time
from pathlib import Path
from penstock import DAG, get_current_context, task

GATES = Path(os.environ["GATES"])

with DAG("far"):

    @task(queue="far")
    def first():
        print("the first one speaks")
        return list(range(6))

    @task(queue="near")
    def each(number):
        with open(GATES / "ran", "a") as file:
            file.write(f"{number}\\n")
        return number * 2

    @task(queue="far")
    def last(found):
        return sum(found)

    last(each.expand(number=first()))

with DAG("gated"):

    @task(queue="far", retries=0)
    def wait():
        run = get_current_context()["run_id"]
        (GATES / f"begun-{run}-{os.getpid()}").touch()
        while not (GATES / f"open-{run}").exists():
            time.sleep(0.05)

    wait()

with DAG("limited"):

    @task(queue="far", retries=0, execution_timeout=2)
    def wait():
        run = get_current_context()["run_id"]
        (GATES / f"begun-{run}-{os.getpid()}").touch()
        while not (GATES / f"open-{run}").exists():
            time.sleep(0.05)

    wait()
"""
}


class Pool:
    """An installation on a broker of its own, and the gates that its tries wait at.

    Attributes:
        made: The installation.
        broker: The broker's server.
    """

    def __init__(self, made, broker, gates, environ):
        self.made, self.broker, self.gates, self._environ = made, broker, gates, environ
        self._number = 0

    def worker(self, *words, queues="far,near"):
        """Start a worker, and wait until it is announced; its process, and what it prints."""
        self._number += 1
        name = f"worker-{self._number}"
        process = self.made.worker("--executor", "pool", "--queues", queues, *words, name=name, environ=self._environ)
        return process, lambda: self.made.output(name)

    def begun(self, run_id):
        """Process ids of the tries of a gated run so far."""
        return {int(path.name.rpartition("-")[2]) for path in self.gates.glob(f"begun-{run_id}-*")}

    def start(self, run_id, dag_id="gated"):
        """Trigger a gated run, and wait until its try runs; its process id."""
        self.made.trigger(dag_id, run_id)
        self.made.wait(lambda: self.begun(run_id), f"the try of {run_id} runs")
        (pid,) = self.begun(run_id)
        return pid

    def open(self, *run_ids):
        """Let gated runs end."""
        for run_id in run_ids:
            (self.gates / f"open-{run_id}").touch()

    def waiting(self):
        """Messages in the queue `far` that no worker has."""
        with self.app.connection_for_read() as connection:
            passive = connection.transport.driver_type == "amqp"  # a list of Redis that is empty is not there
            return connection.default_channel.queue_declare("far", passive=passive).message_count

    @property
    def app(self):
        """A client of Celery's own, such as Flower is."""
        return Celery("monitor", broker=self.broker.url, set_as_current=False)


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """Start an installation on a broker."""
    made = []

    def start(broker, *, transport="", conn_id=""):
        folder = tmp_path_factory.mktemp("pool")
        (folder / "gates").mkdir()
        environ = {"GATES": str(folder / "gates"), "TMPDIR": str(folder)}
        place = f'conn_id = "{conn_id}"' if conn_id else f'broker = "{broker.url}"'
        settings = SETTINGS.format(broker=place, transport=transport)
        made.append(RemoteInstallation(folder / "project", settings, DAGS, environ))
        if conn_id:  # the scheduler finds it in the database, workers in their environment
            made[-1].run("connections", "set", conn_id, broker.url)
        made[-1].up()
        known = {f"PENSTOCK_CONN_{conn_id.upper()}": broker.url} if conn_id else {}
        return Pool(made[-1], broker, folder / "gates", known)

    yield start
    for each in made:
        each.stop()


@pytest.fixture(scope="module")
def redis(make):
    with valkey("a-secret-word") as server:
        yield make(server, transport="visibility_timeout = 1")


@pytest.fixture(scope="module")
def rabbit(make):
    with rabbitmq() as server:
        yield make(server, conn_id="broker")


@pytest.fixture(autouse=True)
def _workers_of_one_test_alone(request):
    yield
    for each in {"redis", "rabbit"} & set(request.fixturenames):
        pool = request.getfixturevalue(each)
        for process in pool.made._processes[1:]:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
