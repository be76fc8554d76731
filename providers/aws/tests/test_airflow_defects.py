"""Defects that Airflow's provider for AWS has had, by the numbers of its issues, are not here.

Others stand where their subject is: `test_jobs` and `test_sensors` name their numbers.
"""

from types import SimpleNamespace

import pytest

from penstock import DAG, Connection
from penstock.plugins.host import PluginHost
from penstock.testing import LogStoreSuite, run_dag
from penstock.testing.fake_runtime import runtime as fake_runtime
from penstock_aws.operators import EcsRunTaskOperator
from penstock_aws.sensors import S3KeySensor
from penstock_testkit.aws_jobs import AwsJobs
from penstock_testkit.saas import plain_http

ECS = {"cluster": "shop", "task_definition": "load:3"}
LOGS = {"awslogs_group": "/shop", "awslogs_stream_prefix": "run", "container_name": "main"}
STREAM = ("/shop", f"run/main/{1:032x}")


@pytest.mark.parametrize(
    ("pattern", "there"),
    [
        ("part-[0-9].csv", True),
        ("part-?.csv", True),
        ("part-[5-9].csv", False),
        ("part-1", False),
        ("part-1.cs?", True),
    ],
)
def test_a_pattern_is_matched_whole_whatever_its_first_special_character(runtime, s3, bucket, pattern, there):
    """af#15538: the prefix was cut at `*` alone; af#24321, af#22737: a prefix that was there was taken for a match."""
    s3.put(f"s3://{bucket}/in/part-1.csv", "x")

    assert S3KeySensor(task_id="t", bucket_key=f"s3://{bucket}/in/{pattern}").poke({}) is there


def test_one_key_is_one_key_and_costs_one_request(runtime, s3, bucket, requests):
    """af#52920: a single key was taken letter by letter; af#55039, af#40473: the whole listing was held in memory."""
    for number in range(30):
        s3.put(f"s3://{bucket}/in/{number:02}", "x")

    assert S3KeySensor(task_id="t", bucket_key=f"s3://{bucket}/in/*").poke({})
    assert S3KeySensor(task_id="t", bucket_key=f"s3://{bucket}/in/07").poke({})
    assert requests == ["ListObjectsV2", "HeadObject"]


class TestLogsInS3(LogStoreSuite):
    """af#67144, af#45079, af#61499, af#73517: logs were read and written whole each time that something was added."""

    @pytest.fixture
    def make(self, runtime, bucket):
        return lambda: PluginHost.discover().log_store(f"s3://{bucket}/logs", "aws_default")

    def test_what_is_added_is_written_once_and_what_was_read_is_not_read_again(self, make, s3, bucket, requests):
        store = make()
        for number in range(10):
            store.append("a/1.log", number * 1000, b"x" * 1000)
        assert sum(len(s3.get(f"s3://{bucket}/{key}")) for key in s3.keys(f"s3://{bucket}/logs/")) == 10_000

        requests.clear()
        assert sum(map(len, store.read("a/1.log", 9_000))) == 1000
        assert requests.count("GetObject") == 1


@pytest.fixture
def aws():
    """The services, empty."""
    return AwsJobs()


@pytest.fixture
def account(aws):
    """A connection to them."""
    with plain_http(aws) as url:
        extra = {"endpoint_url": url, "region_name": "us-east-1", "max_attempts": 1}
        yield {"aws_default": Connection("aws_default", "aws", login="testing", password="testing", extra=extra)}
    assert aws.problems == []


def lines(caplog):
    """The job's own lines in the task's log."""
    return [each for each in caplog.messages if each.startswith("line ")]


@pytest.mark.parametrize(
    ("after", "timeout", "state"),
    [
        pytest.param(0, 600, "success", id="af#21573: a short task"),
        pytest.param(1000, 60, "failed", id="af#39026: a timeout"),
    ],
)
def test_the_log_of_a_task_is_there_however_short_it_was_or_late(aws, account, caplog, after, timeout, state):
    aws.ends = {"after": after}
    aws.streams[STREAM] = ["line 1", "line 2", "line 3"]
    with DAG("jobs", schedule=None) as dag:
        EcsRunTaskOperator(task_id="job", **ECS, **LOGS, timeout=timeout)

    with caplog.at_level("INFO"):
        assert run_dag(dag, connections=account).tasks["job"].state == state

    assert lines(caplog) == ["line 1", "line 2", "line 3"]


def test_who_goes_on_with_a_task_reads_its_log(aws, account, caplog):
    """af#22878: after a restart the task was found again, and the first look at its log failed."""
    aws.streams[STREAM] = ["line 1"]
    with fake_runtime(account) as runtime, caplog.at_level("INFO"):
        context = SimpleNamespace(runtime=runtime, facts=SimpleNamespace(try_number=1, max_tries=1))
        first = EcsRunTaskOperator(task_id="job", **ECS, **LOGS)
        while not aws.tasks:
            first.poke(context)
        following = EcsRunTaskOperator(task_id="job", **ECS, **LOGS)
        ends = [found for found in (following.poke(context) for _ in range(4)) if found]

    assert ends[0].value in aws.tasks
    assert len(aws.tasks) == 1
    assert "line 1" in lines(caplog)


def test_a_failure_is_a_sentence(aws, account):
    """af#17038: the error was all that the service says of the task, some thousand letters of JSON."""
    aws.ends = {"containers": [{"name": "main", "exitCode": 1}]}
    with DAG("jobs", schedule=None) as dag:
        EcsRunTaskOperator(task_id="job", **ECS)

    (error,) = run_dag(dag, connections=account).tasks["job"].errors

    assert "container 'main' ended with exit code 1" in error.splitlines()[0]
    assert "{" not in error.splitlines()[0]
