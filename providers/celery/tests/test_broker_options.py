"""The broker is an option, a connection, or the environment's, and what is wrong is told by its name."""

import os
import subprocess
import sys

import pytest

from penstock.errors import ConfigError
from penstock.spec.fields import Connection
from penstock_celery.connections import read_options

PASSWORD = "p/a@s:s"


@pytest.mark.parametrize(
    ("connection", "url"),
    [
        (Connection("b", "redis", "h", 6379, password=PASSWORD, schema="1"), "redis://:p%2Fa%40s%3As@h:6379/1"),
        (Connection("b", "amqp", "::1", login="ann", password="x", schema="/"), "amqp://ann:x@[::1]/%2F"),
        (Connection("b", "rediss", "h", extra={"ssl_cert_reqs": "required"}), "rediss://h/?ssl_cert_reqs=required"),
        (Connection("b", "amqps", "h", login="ann"), "amqps://ann@h/"),
    ],
)
def test_a_connection_is_the_url_of_a_broker(connection, url):
    assert read_options({}, "pool", connection).broker == url


def test_a_broker_that_is_named_twice_is_refused_and_the_environment_goes_before_both(monkeypatch):
    connection = Connection("b", "redis", "h")
    with pytest.raises(ConfigError, match=r"\[executors.pool\]: broker and conn_id exclude each other"):
        read_options({"broker": "redis://other/"}, "pool", connection)
    monkeypatch.setenv("CELERY_BROKER_URL", "amqp://theirs/")
    assert read_options({}, "pool", connection).broker == "amqp://theirs/"


@pytest.mark.parametrize("broker", ["redis://[::1", "redis://h:port/0", "redis://h/0;redis://h:port/0", "nonsense"])
def test_what_is_no_url_of_a_broker_is_refused(broker):
    with pytest.raises(ConfigError, match=r"\[executors.pool\]: broker is to be a URL that begins with one of redis"):
        read_options({"broker": broker}, "pool")


NOT_HERE = "connection 'broker' is not in this worker's environment, and a worker has no other"


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({}, f"[executors.pool]: {NOT_HERE}: set PENSTOCK_CONN_BROKER or CELERY_BROKER_URL."),
        (
            {"PENSTOCK_CONN_BROKER": "http://ann:canary@h/"},
            "connection 'broker' is of type 'http', and redis or rediss or",
        ),
    ],
    ids=["missing", "another type"],
)
def test_a_worker_finds_its_connection_in_its_environment_alone(environ, told, tmp_path):
    (tmp_path / "penstock.toml").write_text('[executors.pool]\ntype = "celery.executor"\nconn_id = "broker"\n')
    known = {"PENSTOCK_SERVER": "http://127.0.0.1:9", "PENSTOCK_TOKEN": "penstock_x", **environ}
    inherited = {name: value for name, value in os.environ.items() if name != "CELERY_BROKER_URL"}
    done = subprocess.run(
        [sys.executable, "-m", "penstock", "worker", "--executor", "pool"], cwd=tmp_path, env={**inherited, **known},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 5
    assert told in done.stderr
    assert "canary" not in done.stderr
