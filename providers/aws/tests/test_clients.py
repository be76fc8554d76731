"""Clients are shared within a process, never across a fork, and hold their deadline."""

import os
import socket
import threading
import time
from dataclasses import replace

import pytest

from penstock import Connection
from penstock.errors import ErrorKind, ProviderError
from penstock_aws.hooks import S3Hook
from penstock_aws.hooks.clients import client


def test_hooks_of_one_connection_share_a_client_and_a_changed_connection_has_its_own(hook, connection):
    assert S3Hook(connection=connection).client is hook.client
    assert client("s3", replace(hook.fields, region_name="eu-west-1")) is not hook.client


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the test's own servers have threads
def test_a_forked_child_makes_its_own_client(hook, bucket):
    hook.load_string("x", "k", bucket)
    parents, (readable, writable) = id(hook.client), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            same = b"same" if id(hook.client) == parents else b"own"
            os.write(writable, same + hook.read_key("k", bucket))
        finally:
            os._exit(0)  # never into the test's own end, which waits for threads that a fork does not have
    os.waitpid(child, 0)

    assert os.read(readable, 100) == b"ownx"
    assert hook.read_key("k", bucket) == b"x"
    os.close(readable)
    os.close(writable)


def test_threads_share_one_client(hook, bucket):
    hook.load_string("x", "k", bucket)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append((id(hook.client), hook.read_key("k", bucket)))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [(id(hook.client), b"x")] * 8


def unreachable(endpoint, **extra):
    fields = {"endpoint_url": endpoint, "region_name": "us-east-1", "addressing_style": "path", **extra}
    return S3Hook(connection=Connection("far", "aws", login="k", password="s", extra=fields))


def test_a_closed_port_is_a_transient_error_soon():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        started = time.monotonic()
        with pytest.raises(ProviderError) as raised:
            unreachable(f"http://127.0.0.1:{port}", max_attempts=2).head("k", "bucket")

    assert raised.value.kind is ErrorKind.TRANSIENT
    assert raised.value.retryable
    assert time.monotonic() - started < 30


def test_a_host_that_never_answers_is_given_up_at_the_deadline():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        started = time.monotonic()
        with pytest.raises(ProviderError) as raised:
            unreachable(f"http://127.0.0.1:{port}", read_timeout_s=0.5, deadline_s=0.8, max_attempts=50).head(
                "k", "bucket"
            )

    assert raised.value.kind is ErrorKind.TIMEOUT
    assert time.monotonic() - started < 30
