"""Jobs of ECS and Batch are started once, are waited for, say why they failed, and end with their task."""

import pytest

from penstock import DAG, Connection
from penstock.errors import ErrorKind, ProviderError
from penstock.testing import SensorSuite, run_dag
from penstock.testing.fake_runtime import runtime
from penstock_aws.operators import BatchOperator, EcsRunTaskOperator
from penstock_aws.operators.batch_job import fail_cause
from penstock_aws.operators.ecs_task import stop_cause
from penstock_testkit.aws_jobs import AwsJobs
from penstock_testkit.saas import plain_http

ECS = {"cluster": "shop", "task_definition": "load:3"}
BATCH = {"job_name": "load", "job_queue": "night", "job_definition": "load:3"}


@pytest.fixture
def aws():
    """The services, empty."""
    return AwsJobs()


@pytest.fixture
def account(aws):
    """A connection to them whose client repeats nothing."""
    with plain_http(aws) as url:
        extra = {"endpoint_url": url, "region_name": "us-east-1", "max_attempts": 1}
        yield {"aws_default": Connection("aws_default", "aws", login="testing", password="testing", extra=extra)}
    assert aws.problems == []


@pytest.fixture
def run(account):
    """A function that runs a task of a class."""

    def run_one(operator, **arguments):
        with DAG("jobs", schedule=None) as dag:
            operator(task_id="job", **arguments)
        return run_dag(dag, connections=account).tasks["job"]

    return run_one


@pytest.fixture
def runtime_of(account):
    """A runtime around the test that knows the connection."""
    with runtime(account):
        yield


class TestEcsRunTaskOperator(SensorSuite):
    operator = EcsRunTaskOperator

    @pytest.fixture
    def connections(self, account):
        return account

    @pytest.fixture
    def arguments(self, aws):
        return {**ECS, "launch_type": "FARGATE", "options": {"enableExecuteCommand": True}}

    @pytest.fixture
    def waiting(self, aws):
        aws.ends = {"after": 1000}
        return ECS


class TestBatchOperator(SensorSuite):
    operator = BatchOperator

    @pytest.fixture
    def connections(self, account):
        return account

    @pytest.fixture
    def arguments(self, aws):
        return {**BATCH, "container_overrides": {"command": ["true"]}}

    @pytest.fixture
    def waiting(self, aws):
        aws.ends = {"after": 1000}
        return BATCH


def test_a_task_of_ecs_whose_answer_was_lost_is_started_once(aws, run):
    aws.faults.reset_after(when="POST /")

    assert run(EcsRunTaskOperator, **ECS).state == "success"
    assert len(aws.tasks) == 1


def test_a_job_of_batch_whose_answer_was_lost_is_submitted_once(aws, run):
    aws.faults.reset_after(when="POST /v1/submitjob")

    assert run(BatchOperator, **BATCH).state == "success"
    assert len(aws.jobs) == 1
    assert len(aws.asked("POST /v1/submitjob")) == 1


def test_the_sdk_itself_does_not_submit_a_job_twice(aws, account):
    aws.faults.server_error(when="POST /v1/submitjob")
    patient = {**account["aws_default"].extra, "max_attempts": 5}
    connection = Connection("aws_default", "aws", login="testing", password="testing", extra=patient)
    with DAG("jobs", schedule=None) as dag:
        BatchOperator(task_id="job", **BATCH)

    assert run_dag(dag, connections={"aws_default": connection}).state == "success"
    assert len(aws.asked("POST /v1/submitjob")) == 2  # the second one after it was looked for
    assert len(aws.asked("POST /v1/listjobs")) >= 1


def test_a_cluster_without_room_is_asked_again(aws, run):
    aws.refuses = [[{"reason": "RESOURCE:MEMORY"}], [{"reason": "Capacity is unavailable at this time"}]]

    assert run(EcsRunTaskOperator, **ECS).state == "success"
    assert len(aws.tasks) == 1


def test_a_request_that_can_never_be_met_fails_at_once(aws, run):
    aws.refuses = [[{"reason": "MISSING", "detail": "no such cluster"}]]

    found = run(EcsRunTaskOperator, **ECS, retries=3)

    assert (found.state, found.tries) == ("failed", 1)
    assert "MISSING no such cluster" in found.errors[0]


@pytest.mark.parametrize(
    ("task", "containers", "says"),
    [
        ({}, [{"name": "main", "exitCode": 1}], "container 'main' ended with exit code 1"),
        ({}, [{"name": "main", "exitCode": 137}], "exit code 137 (SIGKILL)"),
        (
            {},
            [{"name": "main", "exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"}],
            "container 'main' was killed for its memory",
        ),
        (
            {"stopCode": "TaskFailedToStart", "stoppedReason": "CannotPullContainerError: no such image"},
            [{"name": "main"}],
            "the task never started: CannotPullContainerError: no such image",
        ),
        ({"stopCode": "SpotInterruption", "stoppedReason": "spot"}, [{"name": "main", "exitCode": 143}], "taken back"),
        ({"stopCode": "UserInitiated", "stoppedReason": "by hand"}, [], "somebody stopped it: by hand"),
        ({}, [{"name": "main", "reason": "it vanished"}], "has no exit code: it vanished"),
    ],
)
def test_a_stopped_task_says_why(aws, run, task, containers, says):
    aws.ends = {"task": task, "containers": containers}

    found = run(EcsRunTaskOperator, **ECS)

    assert found.state == "failed"
    assert says in found.errors[0]


def test_only_the_named_container_counts_and_a_code_may_skip(aws, run):
    aws.ends = {"containers": [{"name": "main", "exitCode": 0}, {"name": "proxy", "exitCode": 143}]}
    assert run(EcsRunTaskOperator, **ECS, container_name="main").state == "success"
    assert run(EcsRunTaskOperator, **ECS, container_name="other").state == "failed"
    assert run(EcsRunTaskOperator, **ECS).state == "failed"

    aws.ends = {"containers": [{"name": "main", "exitCode": 99}]}
    assert run(EcsRunTaskOperator, **ECS, skip_on_exit_code=[99]).state == "skipped"


def test_a_failed_task_is_followed_by_another_in_the_next_try(aws, run):
    aws.ends = {"containers": [{"name": "main", "exitCode": 1}]}

    assert run(EcsRunTaskOperator, **ECS, retries=1).tries == 2
    assert len(aws.tasks) == 2


LOGS = {"awslogs_group": "/shop", "awslogs_stream_prefix": "run", "container_name": "main"}


def test_its_log_is_read_to_the_end_once(aws, run, caplog):
    aws.ends = {"after": 3}
    aws.streams["/shop", f"run/main/{1:032x}"] = [f"line {number}" for number in range(5)]

    with caplog.at_level("INFO"):
        assert run(EcsRunTaskOperator, **ECS, **LOGS).state == "success"

    assert [each for each in caplog.messages if each.startswith("line ")] == [f"line {number}" for number in range(5)]


def test_a_log_that_is_missing_or_cannot_be_read_fails_nothing(aws, run):
    """af#15000, af#42521: a task that never started has no log stream, and a reader may be throttled."""
    assert run(EcsRunTaskOperator, **ECS, **LOGS).state == "success"

    aws.faults.too_many_requests(when=lambda request: "GetLogEvents" in request.header("X-Amz-Target"))
    assert run(EcsRunTaskOperator, **ECS, **LOGS).state == "success"


def test_the_log_of_a_job_of_batch_is_read(aws, run, caplog):
    aws.streams["/aws/batch/job", "stream/job-1"] = ["one", "two", "three"]

    with caplog.at_level("INFO"):
        assert run(BatchOperator, **BATCH, awslogs_enabled=True).state == "success"

    assert [each for each in caplog.messages if each in ("one", "two", "three")] == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("job", "says"),
    [
        ({"container": {"exitCode": 3}}, "its container ended with exit code 3"),
        (
            {"container": {"exitCode": 137, "reason": "OutOfMemoryError: too much"}},
            "killed for its memory (exit code 137)",
        ),
        ({"statusReason": "Host EC2 (instance i-1) terminated.", "container": {}}, "its machine was taken away"),
        ({"statusReason": "Task failed to start", "container": {}}, "did not run to its end: Task failed to start"),
        ({"container": {"exitCode": 1}, "attempts": [{}, {}]}, "after 2 attempts"),
    ],
)
def test_a_failed_job_says_why(aws, run, job, says):
    aws.ends = {"job": {"status": "FAILED", **job}}

    found = run(BatchOperator, **BATCH)

    assert found.state == "failed"
    assert says in found.errors[0]
    assert says in fail_cause(aws.jobs["job-1"])


@pytest.mark.parametrize(("operator", "arguments"), [(EcsRunTaskOperator, ECS), (BatchOperator, BATCH)])
def test_a_job_that_runs_longer_than_its_task_may_is_ended(aws, run, operator, arguments):
    aws.ends = {"after": 1000}

    assert run(operator, **arguments, timeout=100).state == "failed"

    (left,) = [*aws.tasks.values(), *aws.jobs.values()]
    assert left.get("lastStatus", left.get("status")) in ("STOPPED", "FAILED")
    assert "Penstock has ended its task" in (left.get("stoppedReason"), left.get("statusReason"))


@pytest.mark.parametrize(("operator", "arguments"), [(EcsRunTaskOperator, ECS), (BatchOperator, BATCH)])
def test_a_job_that_nobody_knows_any_more_is_no_success(aws, runtime_of, operator, arguments):
    """af#31838: services show a job only some time after they took the request; the first looks may find none."""
    task = operator(task_id="job", **arguments)
    for _ in range(4):
        assert type(task.look("gone")).__name__ == "Running"

    with pytest.raises(ProviderError, match="does not know") as raised:
        task.look("gone")
    assert raised.value.kind is ErrorKind.NOT_FOUND
    task.cancel("gone")


def test_contradictory_arguments_are_refused():
    with pytest.raises(ValueError, match="exclude each other"):
        EcsRunTaskOperator(task_id="t", **ECS, launch_type="EC2", capacity_provider_strategy=[{}])
    with pytest.raises(ValueError, match="give both with awslogs_group"):
        EcsRunTaskOperator(task_id="t", **ECS, awslogs_group="g")


def test_a_task_that_ended_well_has_no_cause():
    assert stop_cause({"stopCode": "EssentialContainerExited"}, [{"name": "main", "exitCode": 0}]) == ""
