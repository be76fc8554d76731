"""Hooks that talk to the test server, and a count of what they ask."""

import socket

import msgspec
import pytest

from penstock import Connection
from penstock.author.runtime import current
from penstock.testing.installed import installed
from penstock_aws.hooks import S3Hook


@pytest.fixture
def connection(s3):
    """A connection to an empty S3 server."""
    extra = {"endpoint_url": s3.endpoint_url, "region_name": "us-east-1", "addressing_style": "path", "max_attempts": 2}
    return Connection("aws_default", "aws", login="testing", password="testing", extra=extra)


@pytest.fixture
def hook(connection):
    """A hook on an empty S3 server."""
    return S3Hook(connection=connection)


@pytest.fixture
def bucket(s3):
    """An empty bucket."""
    return s3.create_bucket()


@pytest.fixture
def fill(s3, bucket):
    """A function that writes many empty objects."""
    client = s3.client()

    def write(keys):
        for key in keys:
            client.put_object(Bucket=bucket, Key=key)

    yield write
    client.close()


@pytest.fixture
def requests(hook):
    """The names of the operations that the hook asks for, in order, as they are sent."""
    sent = []

    def note(request, operation_name, **_):
        sent.append(operation_name)

    hook.client.meta.events.register("before-sign.s3", note)
    yield sent
    hook.client.meta.events.unregister("before-sign.s3", note)


class Surroundings:
    """What a task may ask for: the one connection, and object stores of what is installed."""

    def __init__(self, connection):
        self._connection = connection

    def connection(self, conn_id):
        """The test server's, whatever the name."""
        return self._connection

    def object_store(self, url, conn_id):
        """As the real runtime answers."""
        return installed().object_store(url, conn_id)


@pytest.fixture
def runtime(connection):
    """A runtime around the test, as a task process has it."""
    token = current.set(Surroundings(connection))
    yield
    current.reset(token)


@pytest.fixture
def closed_port():
    """A port on which nobody listens."""
    with socket.socket() as closed:  # it is bound, so that nobody begins to listen there meanwhile
        closed.bind(("127.0.0.1", 0))
        yield closed.getsockname()[1]


@pytest.fixture
def away_runtime(connection, closed_port):
    """A runtime around the test whose connection leads to where nobody listens."""
    extra = {**connection.extra, "endpoint_url": f"http://127.0.0.1:{closed_port}", "max_attempts": 1}
    token = current.set(Surroundings(msgspec.structs.replace(connection, extra=extra)))
    yield
    current.reset(token)
