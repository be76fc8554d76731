"""Workflows of Amazon SWF are started once, are waited for, say why they failed, and end with their task."""

import msgspec
import pytest

from penstock import DAG, Connection
from penstock.errors import ErrorKind, ProviderError
from penstock.testing import HookSuite, SensorSuite, run_dag
from penstock.testing.fake_runtime import runtime
from penstock_aws.hooks import SwfHook
from penstock_aws.operators import SwfWorkflowOperator
from penstock_testkit.aws_swf import AwsSwf
from penstock_testkit.saas import plain_http

ORDER = {"domain": "shop", "workflow": "order:1.0", "task_list": "orders"}
DECIDED = {"decisionTaskCompletedEventId": 1}


def asks(operation):
    """Whether a request is for an operation."""
    return lambda request: request.header("X-Amz-Target").endswith(f".{operation}")


@pytest.fixture
def swf():
    """The service, whose executions end well by themselves."""
    fake = AwsSwf()
    fake.ends = {"event": ("COMPLETED", {"result": '{"parcels": 2}', **DECIDED})}
    return fake


@pytest.fixture
def account(swf):
    """A connection to it whose client repeats nothing."""
    with plain_http(swf) as url:
        extra = {"endpoint_url": url, "region_name": "us-east-1", "max_attempts": 1}
        yield {"aws_default": Connection("aws_default", "aws", login="testing", password="testing", extra=extra)}
    assert swf.problems == []


@pytest.fixture
def run(account):
    """A function that runs a workflow in a task."""

    def run_one(**arguments):
        with DAG("orders", schedule=None) as dag:
            SwfWorkflowOperator(task_id="order", **ORDER, **arguments)
        return run_dag(dag, connections=account)

    return run_one


class TestSwfWorkflowOperator(SensorSuite):
    operator = SwfWorkflowOperator

    @pytest.fixture
    def connections(self, account):
        return account

    @pytest.fixture
    def arguments(self):
        return {**ORDER, "workflow_id": "order-1", "workflow_input": {"n": 1}, "tags": ["nightly"]}

    @pytest.fixture
    def waiting(self, swf):
        swf.ends = {"after": 1000}
        return ORDER


class TestSwfHook(HookSuite):
    hook = SwfHook
    refuses_wrong_secrets = False  # the test server lets in everybody

    def impatient(self, connection):
        extra = {**connection.extra, "read_timeout_s": 0.2, "deadline_s": 1.0, "max_attempts": 1}
        return msgspec.structs.replace(connection, extra=extra)

    def moved(self, connection, host, port):
        return msgspec.structs.replace(connection, extra={**connection.extra, "endpoint_url": f"http://{host}:{port}"})


def test_its_result_is_what_the_task_leaves(swf, run):
    result = run(workflow_input={"n": 1}, options={"childPolicy": "TERMINATE"})

    assert result.check().value("order") == {"parcels": 2}
    (execution,) = swf.executions
    assert execution.asked["input"] == '{"n": 1}'
    assert execution.asked["tagList"] == [execution.asked["workflowId"]]


def test_one_whose_answer_was_lost_is_started_once(swf, run):
    swf.faults.reset_after(when=asks("StartWorkflowExecution"))

    assert run(workflow_id="order-1").state == "success"
    assert len(swf.executions) == 1


def test_one_whose_answer_was_lost_is_its_own_though_it_cannot_be_found_at_first(swf, run):
    """Lists are eventually consistent: the request is repeated, refused, and the execution then found by its tag."""
    swf.faults.reset_after(when=asks("StartWorkflowExecution"))
    swf.faults.server_error(times=1, when=asks("ListOpenWorkflowExecutions"))

    assert run(workflow_id="order-1").state == "success"
    assert len(swf.executions) == 1


def test_an_open_execution_of_somebody_else_is_left_alone(swf, account, run):
    swf.ends = {"after": 1000}
    SwfHook(connection=account["aws_default"]).start_workflow(
        "shop", "order-1", "order:1.0", taskList={"name": "orders"}, tagList=["theirs"]
    )

    found = run(workflow_id="order-1").tasks["order"]

    assert found.state == "failed"
    assert "give another workflow_id" in found.errors[0]
    assert [each.status for each in swf.executions] == ["OPEN"]


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (("FAILED", {"reason": "no card", "details": "order 7", **DECIDED}), "the workflow failed: no card: order 7"),
        (("FAILED", DECIDED), "the workflow failed: no reason was given"),
        (("TIMED_OUT", {"timeoutType": "START_TO_CLOSE", "childPolicy": "TERMINATE"}), "it timed out (START_TO_CLOSE)"),
        (("TERMINATED", {"childPolicy": "TERMINATE", "reason": "wrong"}), "it was terminated by somebody: wrong"),
        (
            ("TERMINATED", {"childPolicy": "TERMINATE", "cause": "EVENT_LIMIT_EXCEEDED"}),
            "terminated for the length of its history",
        ),
        (("CANCELED", {"details": "by the customer", **DECIDED}), "it was cancelled: by the customer"),
    ],
)
def test_a_workflow_that_did_not_end_well_says_why(swf, run, event, says):
    swf.ends = {"event": event}

    found = run().tasks["order"]

    assert found.state == "failed"
    assert says in found.errors[0]


def test_the_activity_that_failed_last_is_told(swf, run):
    kind, tasks = {"name": "charge", "version": "1"}, {"name": "cards"}
    scheduled = {"activityId": "charge", "activityType": kind, "taskList": tasks, **DECIDED}
    failed = {"reason": "the card is blocked", "scheduledEventId": 2, "startedEventId": 0}
    swf.ends = {
        "before": [("ActivityTaskScheduled", scheduled), ("ActivityTaskFailed", failed)],
        "event": ("FAILED", {"reason": "it did not work", **DECIDED}),
    }

    (told,) = run().tasks["order"].errors

    assert "it did not work; its last failed activity was charge: the card is blocked" in told


def test_a_failed_one_is_followed_by_another_with_the_same_id(swf, run):
    swf.ends = {"event": ("FAILED", DECIDED)}

    assert run(workflow_id="order-1", retries=1).tasks["order"].tries == 2
    assert [each.asked["workflowId"] for each in swf.executions] == ["order-1", "order-1"]


@pytest.fixture
def continued(swf, account):
    """An execution that has continued as another one."""
    hook = SwfHook(connection=account["aws_default"])
    swf.ends = {}
    found = hook.start_workflow("shop", "order-1", "order:1.0", taskList={"name": "orders"})
    polled = hook.poll_decision("shop", "orders", "test")
    swf.ends = {"after": 1}
    hook.complete_decision(polled["taskToken"], [{"decisionType": "ContinueAsNewWorkflowExecution"}])
    with runtime(account):
        yield found


def test_one_that_continues_as_a_new_one_is_followed(swf, continued):
    task = SwfWorkflowOperator(task_id="order", **ORDER)

    ends = [task.look("/".join(continued)) for _ in range(2)]

    assert [type(each).__name__ for each in ends] == ["Running", "Succeeded"]


def test_the_one_that_it_has_come_to_is_ended(swf, continued):
    SwfWorkflowOperator(task_id="order", **ORDER).cancel("/".join(continued))

    assert [each.status for each in swf.executions] == ["CONTINUED_AS_NEW", "TERMINATED"]


def test_one_that_runs_longer_than_its_task_may_is_ended(swf, run):
    swf.ends = {"after": 1000}

    assert run(timeout=100).state == "failed"

    (left,) = swf.executions
    assert left.events("WorkflowExecutionTerminated")[0]["reason"] == "Penstock has ended its task"


def test_a_type_without_a_version_and_too_many_tags_are_refused(account):
    with pytest.raises(ProviderError, match="write name:version") as raised:
        SwfHook(connection=account["aws_default"]).start_workflow("shop", "order-1", "order")
    assert raised.value.kind is ErrorKind.INVALID
    with pytest.raises(ValueError, match="one is the operator's own"):
        SwfWorkflowOperator(task_id="order", **ORDER, tags=list("abcde"))


def test_one_that_nobody_knows_any_more_is_no_success(account):
    """The service shows an execution only some time after it took the request; the first looks may find none."""
    task = SwfWorkflowOperator(task_id="order", **ORDER)
    with runtime(account):
        for _ in range(4):
            assert type(task.look("order-1/gone=")).__name__ == "Running"
        with pytest.raises(ProviderError, match="Unknown execution") as raised:
            task.look("order-1/gone=")
    assert raised.value.kind is ErrorKind.NOT_FOUND
