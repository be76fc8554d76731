"""A fake engine, a connection to it, and runs of one task."""

import pytest

from penstock import DAG, Connection
from penstock.testing import run_dag
from penstock_docker.hooks import DockerHook, clients
from penstock_docker.operators import DockerOperator
from penstock_testkit.docker import DockerEngine, unix_address


@pytest.fixture
def engine():
    """An engine; the test fails at its end if that was asked for what it does not know, or a container is left."""
    made = DockerEngine()
    yield made
    left = [each.name for each in made.containers.values()]
    made.close()
    assert made.complaints() == []
    assert left == getattr(made, "kept", [])


@pytest.fixture
def connection(engine):
    """A connection to it whose client repeats nothing."""
    with unix_address(engine) as url:
        yield Connection("docker_default", "docker", extra={"docker_url": url, "max_attempts": 1})


@pytest.fixture(autouse=True)
def no_client_is_left(nothing_left_open):
    """Close the clients that a test has made: those of one engine are of no use to the next."""
    yield
    for fields in list(clients._clients._clients):
        clients.forget(fields)


@pytest.fixture
def hook(connection):
    return DockerHook(connection=connection)


@pytest.fixture
def run(connection, caplog):
    """A function that runs a task of a command; its log is in ``caplog``."""
    caplog.set_level("INFO")

    def run_one(command, **arguments):
        with DAG("shop", schedule=None) as dag:
            DockerOperator(task_id="load", **{"image": "busybox", "command": command, **arguments})
        return run_dag(dag, connections={"docker_default": connection})

    return run_one


@pytest.fixture
def lines(caplog):
    """The lines of the log that are a container's own: its programs of the tests begin each with a bar."""
    return lambda: [each[1:] for each in caplog.messages if each.startswith("|")]
