"""Hooks on a new database of the Redshift test server, and a runtime around the test."""

import urllib.parse
from contextlib import contextmanager

import pytest

from penstock import Connection
from penstock.author.runtime import current
from penstock.testing.installed import installed
from penstock_redshift.hooks import PostgresHook, RedshiftHook


class Surroundings:
    """What a task may ask for: two connections, and object stores of what is installed."""

    def __init__(self, *connections):
        self._connections = {each.conn_id: each for each in connections}

    def connection(self, conn_id):
        """One of the two."""
        return self._connections[conn_id]

    def object_store(self, url, conn_id):
        """As the real runtime answers."""
        return installed().object_store(url, conn_id)


def connection_to(database, **extra):
    """A connection to a database of the test server."""
    return Connection(
        "redshift_default", "redshift", host=database.host, port=database.port, login=database.user,
        password=database.password, schema=database.dbname,
        extra={"sslmode": "disable", "connect_timeout_s": 5, **extra},
    )  # fmt: skip


def connection_by(url, *, login="postgres", password=""):
    """A connection to a database of the PostgreSQL test server."""
    parts = urllib.parse.urlsplit(url)
    return Connection(
        "postgres_default", "postgres", host=parts.hostname, port=parts.port, login=login, password=password,
        schema=parts.path.removeprefix("/"), extra={"sslmode": "disable", "connect_timeout_s": 5},
    )  # fmt: skip


@pytest.fixture
def connect_with(redshift):
    """A function that makes a hook whose connection has further fields."""
    return lambda **extra: RedshiftHook(connection=connection_to(redshift, **extra))


@pytest.fixture
def hook(connect_with):
    """A hook on an empty database."""
    return connect_with()


@pytest.fixture
def postgres_connection(postgres_server, postgres_url):
    """A connection to an empty database of PostgreSQL, as a superuser with a password."""
    PostgresHook(connection=connection_by(postgres_url)).run(
        "DO $$ BEGIN IF to_regrole('cache_admin') IS NULL THEN CREATE ROLE cache_admin SUPERUSER LOGIN PASSWORD 'cache-Passw0rd';"
        " END IF; END $$"
    )
    return connection_by(postgres_url, login="cache_admin", password="cache-Passw0rd")


@pytest.fixture
def postgres(postgres_connection):
    """A hook on that database."""
    return PostgresHook(connection=postgres_connection)


@pytest.fixture
def bucket(redshift):
    """An empty bucket of the S3 server that COPY reads."""
    return redshift.s3.create_bucket()


@contextmanager
def _with_connections(*connections):
    token = current.set(Surroundings(*connections))
    try:
        yield
    finally:
        current.reset(token)


@pytest.fixture
def with_connections():
    """A function that puts a runtime around a block, which has the connections that it is given."""
    return _with_connections


@pytest.fixture
def aws_connection(redshift):
    """The connection to the S3 server that COPY reads."""
    extra = {"endpoint_url": redshift.s3.endpoint_url, "region_name": "us-east-1", "addressing_style": "path"}
    return Connection("aws_default", "aws", login="testing", password="testing", extra=extra)


@pytest.fixture
def runtime(redshift, aws_connection):
    """A runtime around the test, as a task process has it."""
    with _with_connections(connection_to(redshift), aws_connection):
        yield


@pytest.fixture
def put(redshift, bucket):
    """A function that writes a file of rows; returns its URL."""

    def write(key, *rows):
        url = f"s3://{bucket}/{key}"
        redshift.s3.put(url, "".join(f"{row}\n" for row in rows))
        return url

    return write
