"""The hooks of the services beside S3 keep what every hook must keep.

All have one base, and nothing of their own in what the suite tests: one hook of each protocol of the SDK stands for them.
"""

import io

import msgspec
import pytest
from botocore.history import get_global_history_recorder

from penstock import Connection
from penstock.errors import ProviderError
from penstock.testing import HookSuite
from penstock_aws.hooks import BatchHook, EcsHook, S3Hook, SnsHook, SqsHook
from penstock_aws.hooks.kinesis import KinesisHook


class OfAws(HookSuite):
    """What the suites of all hooks share."""

    refuses_wrong_secrets = False  # the test server lets in everybody

    def impatient(self, connection):
        extra = {**connection.extra, "read_timeout_s": 0.2, "deadline_s": 1.0, "max_attempts": 1}
        return msgspec.structs.replace(connection, extra=extra)

    def moved(self, connection, host, port):
        return msgspec.structs.replace(connection, extra={**connection.extra, "endpoint_url": f"http://{host}:{port}"})


class TestEcsHook(OfAws):
    hook = EcsHook  # JSON


class TestBatchHook(OfAws):
    hook = BatchHook  # REST with JSON


class TestSnsHook(OfAws):
    hook = SnsHook  # a form, answered with XML


@pytest.fixture
def asked():
    """What the SDK is asked for, by any client of this process: each as ``service operation``."""
    found = []

    class Handler:
        def emit(self, event_type, payload, source):
            if event_type == "API_CALL":
                found.append(f"{payload['service']} {payload['operation']}")

    recorder, handler = get_global_history_recorder(), Handler()
    recorder.add_handler(handler)
    recorder.enable()
    yield found
    recorder.disable()
    recorder._handlers.remove(handler)


CALLS = [
    (S3Hook, lambda hook, _: hook.has_bucket("b")),
    (S3Hook, lambda hook, _: hook.create_bucket("b")),
    (S3Hook, lambda hook, _: hook.list_keys("b")),
    (S3Hook, lambda hook, _: hook.head("s3://b/k")),
    (S3Hook, lambda hook, _: hook.open("s3://b/k")),
    (S3Hook, lambda hook, _: hook.load_bytes(b"", "s3://b/k", replace=True)),
    (S3Hook, lambda hook, _: hook.load_fileobj(io.BytesIO(b""), "s3://b/k", replace=True)),
    (S3Hook, lambda hook, _: hook.load_fileobj(io.BytesIO(b"1" * 9_000_000), "s3://b/k", replace=True)),
    (S3Hook, lambda hook, _: hook.delete_object("s3://b/k")),
    (S3Hook, lambda hook, _: hook.delete_objects(["s3://b/k"])),
    (S3Hook, lambda hook, _: hook.identify()),
    (SqsHook, lambda hook, _: hook.send("orders", "text")),
    (SqsHook, lambda hook, _: hook.receive("orders")),
    (SqsHook, lambda hook, _: hook.delete("orders", ["r"])),
    (SqsHook, lambda hook, _: hook.release("orders", ["r"])),
    (SqsHook, lambda hook, url: hook.send(f"{url}/1/orders", "text")),
    (SqsHook, lambda hook, url: hook.receive(f"{url}/1/orders")),
    (SqsHook, lambda hook, url: hook.delete(f"{url}/1/orders", ["r"])),
    (SqsHook, lambda hook, url: hook.release(f"{url}/1/orders", ["r"])),
    (KinesisHook, lambda hook, _: hook.list_shards("clicks")),
    (KinesisHook, lambda hook, _: hook.iterator("clicks", "s")),
    (KinesisHook, lambda hook, _: hook.get_records("i")),
    (KinesisHook, lambda hook, _: hook.put_records("clicks", [("k", b"")])),
    (KinesisHook, lambda hook, _: hook.identify()),
]


def test_an_error_names_the_operation_that_was_asked_for(asked, closed_port):
    url = f"http://127.0.0.1:{closed_port}"
    extra = {"endpoint_url": url, "region_name": "eu-west-1", "max_attempts": 1}
    nowhere = Connection("nowhere", "aws", login="k", password="s", extra=extra)
    for hook, call in CALLS:
        with pytest.raises(ProviderError) as raised:
            list(call(hook(connection=nowhere), url))
        assert f"{raised.value.service} {raised.value.operation}" == asked[-1]
