"""The executors of ECS and Batch: real workers in place of containers, against fakes that boto3 talks to; failures and refusals."""

import os
import re
import signal
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock.errors import ConfigError, ProviderError
from penstock.spec.remote import Connection, RemoteContext, Ticket
from penstock.testing import RemoteExecutorSuite
from penstock_aws.executors import BatchExecutor, EcsExecutor
from penstock_aws.executors.container_jobs import fargate_size
from penstock_testkit.aws_jobs import AwsJobs
from penstock_testkit.aws_jobs.job_processes import JobProcesses
from penstock_testkit.saas import plain_http

WORKER = (sys.executable, "-m", "penstock", "worker", "--ticket")
ECS = {"cluster": "main", "task_definition": "worker:1", "container": "main"}
BATCH = {"job_queue": "jobs", "job_definition": "worker:1"}
pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module", autouse=True)
def keys():
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield


def told(options):
    return "".join(f"{name} = {value!r}\n" for name, value in options.items())


class _Suite(RemoteExecutorSuite):
    @pytest.fixture(scope="class")
    @classmethod
    def executor_table(cls, keys, tmp_path_factory):
        fake = AwsJobs()
        fake.containers = JobProcesses(WORKER, tmp_path_factory.mktemp("aws") / "containers.out")
        with plain_http(fake) as url:
            yield f'type = "{cls.type}"\nserver = "{{url}}"\nendpoint_url = "{url}"\nregion_name = "us-east-1"\n{told(cls.options)}'
        fake.containers.close()


@pytest.mark.xdist_group("ecs_suite")  # one server and one executor for all of it
class TestEcsExecutor(_Suite):
    type, options = "aws.ecs_executor", ECS


@pytest.mark.nightly  # it differs in its requests alone, which the tests below make with each change
@pytest.mark.xdist_group("batch_suite")
class TestBatchExecutor(_Suite):
    type, options = "aws.batch_executor", BATCH


class Told:
    """A fake, and what an executor tells of its tickets."""

    def __init__(self, url):
        self.url, self.waits, self.lost, self.failed = url, {}, {}, {}

    def gone(self, name, reason, *, retryable=True, failed=False):
        assert retryable
        (self.failed if failed else self.lost)[name] = reason

    def make(self, cls, **options):
        given = {
            **(ECS if cls is EcsExecutor else BATCH),
            "endpoint_url": self.url,
            "region_name": "us-east-1",
            **options,
        }
        context = RemoteContext(
            "aws", given, "http://server", "i1", Path("unused"), lambda: datetime.now(UTC), self.waits.__setitem__,
            self.gone,
        )  # fmt: skip
        return cls(context)


@pytest.fixture
def fake():
    return AwsJobs()


@pytest.fixture
def site(fake):
    with plain_http(fake) as url:
        yield Told(url)
    fake.containers.close()


def ticket(name="t-sales-load-0123456789abcdef", **given):
    return Ticket(name, f"{name}.seal", "far", 1, 1, "sales", "r", "load", **given)


def test_a_ticket_that_is_rung_for_again_has_one_ecs_task(site, fake):
    executor = site.make(EcsExecutor, subnets=["s-1"], security_groups=["g-1"])
    executor.ring([ticket(cpu=0.5, memory_bytes=512 << 20)])
    executor.ring([ticket(cpu=0.5, memory_bytes=512 << 20)])
    site.make(EcsExecutor, subnets=["s-1"], security_groups=["g-1"]).ring([ticket(cpu=0.5, memory_bytes=512 << 20)])
    [task] = fake.tasks.values()
    [container] = task["asked"]["overrides"]["containerOverrides"]
    assert container["command"] == ["penstock", "worker", "--ticket"]
    assert container["environment"] == [
        {"name": "PENSTOCK_TICKET", "value": f"{ticket().name}.seal"},
        {"name": "PENSTOCK_SERVER", "value": "http://server"},
    ]
    assert (container["cpu"], container["memory"], task["startedBy"]) == (512, 512, ticket().name)
    assert {"key": "penstock:dag", "value": "sales"} in task["asked"]["tags"]


def test_a_ticket_that_is_rung_for_again_has_one_batch_job_by_whichever_scheduler(site, fake):
    fake.ends = {"after": 100}
    for _ in range(2):
        executor = site.make(BatchExecutor)
        executor.ring([ticket(cpu=1.5, memory_bytes=1 << 30)])
        executor.ring([ticket(cpu=1.5, memory_bytes=1 << 30)])
    [job] = fake.jobs.values()
    assert job["asked"]["containerOverrides"]["resourceRequirements"] == [
        {"type": "VCPU", "value": "2"},
        {"type": "MEMORY", "value": "1024"},
    ]


def test_a_job_that_never_began_is_started_again_when_it_is_rung_for(site, fake):
    executor = site.make(EcsExecutor)
    fake.ends = {
        "after": 0,
        "task": {"stopCode": "TaskFailedToStart", "stoppedReason": "CannotPullContainerError"},
        "containers": [],
    }
    executor.ring([ticket()])
    executor.look([ticket()])
    assert site.waits == {ticket().name: "its ECS task has stopped: CannotPullContainerError"}
    assert not site.lost
    fake.ends = {"after": 100}
    executor.ring([ticket()])
    assert len(fake.tasks) == 2
    assert {each["startedBy"] for each in fake.tasks.values()} == {ticket().name}
    executor.silence([ticket()], "cancelled")
    assert [each["stoppedReason"] for each in fake.tasks.values()][1] == "cancelled"


@pytest.mark.parametrize(
    ("cls", "end", "reason"),
    [
        (
            EcsExecutor,
            {
                "containers": [
                    {
                        "name": "main",
                        "exitCode": 137,
                        "reason": "OutOfMemoryError: Container killed due to memory usage",
                    }
                ]
            },
            (
                "its ECS task has stopped, with exit code 137: Essential container in task exited; "
                "OutOfMemoryError: Container killed due to memory usage"
            ),
        ),
        (
            BatchExecutor,
            {"job": {"status": "FAILED", "statusReason": "Host EC2 (instance i-1) terminated.", "container": {}}},
            "its Batch job has ended as FAILED: Host EC2 (instance i-1) terminated.",
        ),
        (
            BatchExecutor,
            {
                "job": {
                    "status": "FAILED",
                    "container": {"exitCode": 137, "reason": "OutOfMemoryError: Container killed"},
                }
            },
            "its Batch job has ended as FAILED, with exit code 137: OutOfMemoryError: Container killed",
        ),
    ],
)
def test_a_container_that_is_gone_is_told_with_its_reason(site, fake, cls, end, reason):
    executor = site.make(cls)
    fake.ends = {"after": 0, **end}
    executor.ring([ticket()])
    executor.look([ticket()])
    executor.look([ticket()])
    assert {**site.waits, **site.lost, **site.failed} == {ticket().name: reason}
    assert bool(site.failed) == ("OutOfMemory" in reason), "what its own memory ends has failed, what AWS ends is lost"


def test_where_there_is_no_room_tickets_wait_and_none_is_asked_for_in_vain(site, fake):
    executor = site.make(EcsExecutor)
    fake.refuses = [[{"reason": "RESOURCE:MEMORY"}]]
    assert executor.ring([ticket("t-1"), ticket("t-2")]) == []
    assert set(site.waits) == {"t-1", "t-2"}
    assert "RESOURCE:MEMORY" in site.waits["t-2"]
    executor.ring([ticket("t-1"), ticket("t-2")])
    assert len(fake.tasks) == 2


def test_a_service_that_throttles_or_fails_is_what_tickets_wait_for(site, fake):
    executor = site.make(EcsExecutor)
    executor.ring([ticket()])
    fake.refuses = [[{"reason": "MISSING"}]]
    with pytest.raises(ProviderError, match="MISSING"):
        executor.ring([ticket("t-2")])


def test_what_a_task_says_wrongly_is_refused(site, fake):
    for cls, config in (
        (EcsExecutor, {"ecs": {"image": "x"}}),
        (BatchExecutor, {"batch": {"job_queue": 3}}),
        (EcsExecutor, {"ecs": [1]}),
    ):
        [refused] = site.make(cls).ring([ticket(executor_config=config)])
        assert refused.reason.startswith("executor_config: ")
    assert not fake.tasks
    site.make(EcsExecutor).ring([ticket(executor_config={"ecs": {"task_definition": "large:3"}})])
    assert [each["asked"]["taskDefinition"] for each in fake.tasks.values()] == ["large:3"]


def test_tickets_of_an_earlier_scheduler_are_found_and_those_without_a_container_are_told(site, fake):
    fake.ends = {"after": 100}
    site.make(BatchExecutor).ring([ticket("t-1")])
    executor = site.make(BatchExecutor)
    executor.look([ticket("t-1"), ticket("t-2")])
    assert site.lost == {}
    executor.look([ticket("t-1"), ticket("t-2")])
    assert site.lost == {"t-2": "AWS knows no container of it"}


def test_many_are_looked_at_by_the_hundred(site, fake):
    fake.ends = {"after": 100}
    executor, tickets = site.make(EcsExecutor), [ticket(f"t-{number}") for number in range(120)]
    executor.ring(tickets)
    executor.look(tickets)
    assert len(fake.tasks) == 120


def test_a_killed_container_is_gone_and_a_stopped_one_ends(site, fake):
    fake.containers = JobProcesses(("sleep", "100"))
    executor = site.make(BatchExecutor)
    executor.ring([ticket("t-1"), ticket("t-2")])
    first, second = fake.containers.processes.values()
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    executor.look([ticket("t-1"), ticket("t-2")])
    assert site.lost == {
        "t-1": "its Batch job has ended as FAILED, with exit code 137: Essential container in task exited"
    }
    executor.silence([ticket("t-2")], "cancelled by a person")
    assert second.wait(60) == -signal.SIGTERM


@pytest.mark.parametrize(
    ("cpu", "memory_gib", "size"),
    [(0.25, 0.5, (256, 512)), (0.5, 8, (1024, 8192)), (2, 1, (2048, 4096)), (64, 1, None)],
)
def test_a_size_of_fargate_has_what_is_asked_for(cpu, memory_gib, size):
    assert fargate_size(cpu, int(memory_gib * (1 << 30))) == size


@pytest.mark.parametrize(
    ("cls", "options", "sentence"),
    [
        (EcsExecutor, {"clutser": "x"}, "there is no option 'clutser'; it takes"),
        (EcsExecutor, {"launch_type": "fargate"}, "launch_type is FARGATE, EC2 or EXTERNAL"),
        (BatchExecutor, {"queue": "x"}, "there is no option 'queue'"),
    ],
)
def test_wrong_options_are_refused(site, cls, options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        site.make(cls, **options)


def test_the_page_s_executors_can_be_made():
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "scale-out-with-aws.md").read_text()
    [settings] = re.findall(r"^```toml[^\n]*\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    kinds = {"aws.ecs_executor": EcsExecutor, "aws.batch_executor": BatchExecutor}
    found = tomllib.loads(settings)["executors"].values()
    for options in found:
        made, server = kinds[options.pop("type")], options.pop("server")
        options.pop("slots", None)  # as those of every remote executor
        context = RemoteContext(
            "a", options, server, "i", Path("unused"), lambda: datetime.now(UTC), lambda *_: None, lambda *_, **__: None,
        )  # fmt: skip
        assert made(context).slots() == 100
    assert len(found) == 2


def test_an_executor_takes_a_connection_by_its_name_or_its_own_options_and_not_both():
    connection = Connection("ours", "aws", login="AKIA", password="secret", extra={"region_name": "eu-west-1"})

    def made(**options):
        known = {"cluster": "c", "task_definition": "d", **options}
        nothing = (lambda: datetime.now(UTC), lambda *_: None, lambda *_, **__: None)
        return EcsExecutor(RemoteContext("a", known, "http://server", "i", Path("unused"), *nothing, connection))

    assert made()._hook.fields.region_name == "eu-west-1"
    with pytest.raises(ConfigError, match=r"\[executors.a\]: conn_id and region_name exclude each other"):
        made(region_name="us-east-1")
