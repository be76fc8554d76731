"""A process that is killed between a request and the note of its answer leaves one job, and one invocation."""

import os
import signal
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from penstock import Connection
from penstock.author.runtime import current
from penstock.errors import FailTask
from penstock_aws.operators import (
    BatchOperator,
    EcsRunTaskOperator,
    LambdaInvokeFunctionOperator,
    SwfWorkflowOperator,
)
from penstock_testkit.aws_jobs import AwsJobs
from penstock_testkit.aws_swf import AwsSwf
from penstock_testkit.kept_runtime import KeptRuntime
from penstock_testkit.saas import plain_http

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the test's own server has threads


class Checkpoints:
    """``context["checkpoints"]`` of a runtime."""

    def __init__(self, runtime):
        self.get, self.set = runtime.checkpoint, runtime.set_checkpoint

    def delete(self, key):
        self.set(key, None)


@pytest.fixture
def aws():
    """The services, with a function."""
    fake = AwsJobs()
    fake.functions["double"] = lambda payload: (payload * 2, "")
    return fake


@contextmanager
def kept_runtime(fake, folder):
    """A runtime around the block that outlives a kill, before a fake."""
    with plain_http(fake) as url:
        extra = {"endpoint_url": url, "region_name": "us-east-1", "read_timeout_s": 30}
        connection = Connection("aws_default", "aws", login="testing", password="testing", extra=extra)
        made = KeptRuntime({"aws_default": connection}, folder / "checkpoints")
        token = current.set(made)
        yield made
        current.reset(token)


@pytest.fixture
def runtime(aws, tmp_path):
    """A runtime around the test that outlives a kill."""
    with kept_runtime(aws, tmp_path) as made:
        yield made


def killed_when_held(aws, when, work):
    """Do the work in a process that is killed once its request was handled, and before it hears of that."""
    held = aws.faults.hold(when=when, handled=True)
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    held.reached()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    held.release()


@pytest.mark.parametrize(
    ("operator", "arguments", "when"),
    [
        (EcsRunTaskOperator, {"cluster": "shop", "task_definition": "load"}, "POST /"),
        (
            BatchOperator,
            {"job_name": "load", "job_queue": "night", "job_definition": "load"},
            "POST /v1/submitjob",
        ),
    ],
)
def test_its_job_is_the_next_ones(aws, runtime, operator, arguments, when):
    context = SimpleNamespace(runtime=runtime, facts=SimpleNamespace(try_number=1, max_tries=1))
    killed_when_held(aws, when, lambda: operator(task_id="job", **arguments).poke(context))
    assert len(aws.tasks) + len(aws.jobs) == 1

    following = operator(task_id="job", **arguments)
    ends = [found for found in (following.poke(context) for _ in range(6)) if found][:1]

    assert ends[0].value in (*aws.tasks, *aws.jobs)
    assert len(aws.tasks) + len(aws.jobs) == 1


def test_its_workflow_is_the_next_ones(tmp_path):
    swf = AwsSwf()
    swf.ends = {"event": ("COMPLETED", {"result": "done", "decisionTaskCompletedEventId": 1})}
    arguments = {"domain": "shop", "workflow": "order:1.0", "workflow_id": "order-1", "task_list": "orders"}
    with kept_runtime(swf, tmp_path) as runtime:
        context = SimpleNamespace(runtime=runtime, facts=SimpleNamespace(try_number=1, max_tries=1))
        killed_when_held(swf, "POST /", lambda: SwfWorkflowOperator(task_id="job", **arguments).poke(context))
        assert len(swf.executions) == 1

        following = SwfWorkflowOperator(task_id="job", **arguments)
        ends = [found for found in (following.poke(context) for _ in range(6)) if found][:1]

    assert [each.value for each in ends] == ["done"]
    assert len(swf.executions) == 1
    assert swf.problems == []


def test_its_function_is_not_invoked_again(aws, runtime):
    context = {"checkpoints": Checkpoints(runtime)}

    def made():
        return LambdaInvokeFunctionOperator(task_id="call", function_name="double", payload=4)

    killed_when_held(aws, "POST /2015-03-31/functions/double/invocations", lambda: made().execute(context))

    with pytest.raises(FailTask, match="it may have done its work"):
        made().execute(context)
    assert aws.invoked == [("double", 4)]
