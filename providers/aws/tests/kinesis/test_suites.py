"""The hook, the operator and the service keep what all of their kind must keep."""

import msgspec
import pytest

from penstock.testing import HookSuite, OperatorSuite, ServiceSuite
from penstock_aws.commands import kinesis_batch
from penstock_aws.hooks.kinesis import KinesisHook
from penstock_aws.services import KinesisBatchService
from penstock_aws.transfers import KinesisToS3Operator


class TestKinesisHook(HookSuite):
    hook = KinesisHook
    refuses_wrong_secrets = False  # the test server lets in everybody

    def impatient(self, connection):
        return with_extra(connection, read_timeout_s=0.2, deadline_s=1.0, max_attempts=1)

    def moved(self, connection, host, port):
        return with_extra(connection, endpoint_url=f"http://{host}:{port}")


def with_extra(connection, **extra):
    return msgspec.structs.replace(connection, extra={**connection.extra, **extra})


@pytest.fixture
def arguments(pipeline):
    """A stream with events, and what an operator or a service needs to store them."""
    pipeline.create()
    pipeline.put(range(5))
    return {"stream": "clicks", "s3_url": pipeline.url, "event_field": "event", "poll_s": 0.01, "lease_s": 1.0}


@pytest.fixture
def connections(connection):
    """The test server's."""
    return {"aws_default": connection}


class TestKinesisToS3Operator(OperatorSuite):
    operator = KinesisToS3Operator

    @pytest.fixture
    def arguments(self, arguments):
        return arguments

    @pytest.fixture
    def connections(self, connections):
        return connections


class TestKinesisBatchService(ServiceSuite):
    service = KinesisBatchService
    stop_s = 30.0  # a request may be under way, and the machine may be slow
    wrong_options = ({"poll_s": -1}, {"s3_url": "clicks"}, {"stream": ""})

    @pytest.fixture
    def options(self, arguments):
        return arguments

    @pytest.fixture
    def connections(self, connections):
        return connections


def test_the_operator_tells_what_it_has_stored_and_how_far_it_is(arguments, pipeline, runtime, caplog):
    caplog.set_level("INFO")
    found = KinesisToS3Operator(task_id="store", **arguments).execute({})

    assert (found["records"], found["events"], found["dead"]) == (5, 5, 0)
    assert found["lag_s"] == {"shardId-000000000000": 0.0}
    assert pipeline.ids() == list(range(5))
    (told,) = caplog.messages
    assert told.startswith(f"{pipeline.url}: 1 shards, lag 0.0 s; 5 records, 5 events, 0 duplicates, 0 dead")


def test_the_operator_warns_of_dead_letters_and_of_a_field_that_no_record_has(arguments, pipeline, runtime, caplog):
    KinesisToS3Operator(task_id="store", **arguments, time_field="when").execute({})

    (warning,) = caplog.messages
    assert warning == (
        f"5 records hold no event; each is in {pipeline.url}/_dead/ with its reason. "
        "There was no other: looked for were the fields event, when"
    )


def test_the_command_prints_counts_and_lag(arguments, pipeline, runtime, capsys):
    kinesis_batch(stream="clicks", s3_url=pipeline.url, event_field="event", poll_s=0.01, until_caught_up=True)

    assert capsys.readouterr().out.startswith("1 shards, lag 0.0 s; 5 records, 5 events, 0 duplicates, 0 dead")
    assert pipeline.ids() == list(range(5))
