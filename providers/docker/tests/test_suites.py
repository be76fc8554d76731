"""The hook and the operator keep what all of their kind must keep."""

import msgspec
import pytest

from penstock import Connection
from penstock.testing import HookSuite, SensorSuite
from penstock_docker.hooks import DockerHook
from penstock_docker.operators import DockerOperator
from penstock_testkit.docker import tls_address


def with_extra(connection, **extra):
    return msgspec.structs.replace(connection, extra={**connection.extra, **extra})


class TestDockerHook(HookSuite):
    hook = DockerHook

    @pytest.fixture
    def connection(self, engine):
        with tls_address(engine) as address:
            extra = {"docker_url": address.url, "tls_ca": address.ca, "tls_cert": address.cert, "tls_key": address.key}
            yield Connection("docker_default", "docker", extra=extra)

    def with_secret(self, connection, secret):
        return with_extra(connection, tls_key=secret)

    def impatient(self, connection):
        return with_extra(connection, connect_timeout_s=0.2, read_timeout_s=0.2, max_attempts=1)

    def moved(self, connection, host, port):
        return with_extra(connection, docker_url=f"tcp://{host}:{port}")


class TestDockerOperator(SensorSuite):
    operator = DockerOperator

    @pytest.fixture
    def connections(self, connection):
        return {"docker_default": connection}

    @pytest.fixture
    def arguments(self, engine):
        return {"image": "busybox", "command": "echo done", "user": "", "container_name": "suite"}

    @pytest.fixture
    def waiting(self, engine):
        return {"image": "busybox", "command": ["sleep", "1000"], "stop_grace_s": 1}
