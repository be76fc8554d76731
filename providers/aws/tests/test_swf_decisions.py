"""A decider's decisions follow from a workflow's history alone."""

import json

import pytest

from penstock import Connection
from penstock.errors import ErrorKind, ProviderError
from penstock.testing import ServiceSuite
from penstock_aws.hooks import SwfHook
from penstock_aws.hooks.swf import decisions, read_steps
from penstock_aws.services import SwfDeciderService
from penstock_testkit.aws_swf import AwsSwf
from penstock_testkit.saas import plain_http

SHOP = [
    {"name": "stock", "activity": "stock:1", "task_list": "work"},
    {"name": "charge", "activity": "charge:1", "task_list": "work", "retries": 1, "heartbeat_s": 30},
    {"name": "ship", "activity": "ship:1", "task_list": "work", "after": ["stock", "charge"]},
    {"name": "tell", "activity": "tell:1", "task_list": "work", "after": ["ship"]},
]
STEPS = read_steps(SHOP)


@pytest.fixture
def swf():
    """The service."""
    return AwsSwf()


@pytest.fixture
def account(swf):
    """A connection to it."""
    with plain_http(swf) as url:
        extra = {"endpoint_url": url, "region_name": "us-east-1"}
        yield {"aws_default": Connection("aws_default", "aws", login="testing", password="testing", extra=extra)}
    assert swf.problems == []


@pytest.fixture
def hook(account):
    """A hook on it."""
    return SwfHook(connection=account["aws_default"])


@pytest.fixture
def order(hook):
    """An order that has begun."""
    return hook.start_workflow("shop", "order-1", "order:1.0", taskList={"name": "orders"}, input='{"n": 7}')


@pytest.fixture
def decide(hook):
    """A function that answers the next decision task, and returns what was decided."""

    def decided():
        polled = hook.poll_decision("shop", "orders", "test")
        found = decisions(polled["events"], STEPS)
        hook.complete_decision(polled["taskToken"], found)
        return [(each["decisionType"], *_names(each)) for each in found]

    return decided


def _names(decision):
    about = next(value for name, value in decision.items() if name != "decisionType")
    return [about[name] for name in ("activityId", "reason", "result") if name in about]


@pytest.fixture
def work(hook):
    """A function that ends the activity that waits longest, and returns its name and input."""

    def done(result=None, *, fails=""):
        polled = hook.poll_activity("shop", "work", "test")
        if fails:
            hook.fail_activity(polled["taskToken"], fails)
        else:
            hook.complete_activity(polled["taskToken"], json.dumps(result))
        return polled["activityId"], polled["input"]

    return done


@pytest.mark.usefixtures("order")
def test_steps_run_beside_and_after_each_other(swf, decide, work):

    assert decide() == [("ScheduleActivityTask", "stock"), ("ScheduleActivityTask", "charge")]
    assert work("here") == ("stock", '{"n": 7}')
    assert decide() == []
    assert work(3) == ("charge", '{"n": 7}')
    assert decide() == [("ScheduleActivityTask", "ship")]
    assert work({"parcel": 1}) == ("ship", '{"stock": "here", "charge": 3}')
    assert decide() == [("ScheduleActivityTask", "tell")]
    assert work("told") == ("tell", '{"parcel": 1}')
    assert decide() == [("CompleteWorkflowExecution", '"told"')]
    assert swf.executions[0].status == "COMPLETED"
    assert len(swf.executions[0].events("ActivityTaskScheduled")) == len(SHOP)


@pytest.mark.usefixtures("order")
def test_a_history_of_many_pages_is_read_whole(swf, hook, decide, work):
    swf.page = 1
    decide()
    work("here")

    polled = hook.poll_decision("shop", "orders", "test")

    assert [each["eventId"] for each in polled["events"]] == list(range(1, polled["startedEventId"] + 1))
    assert polled["startedEventId"] > 5


@pytest.mark.usefixtures("order")
def test_a_failed_step_is_scheduled_again_as_often_as_it_may_be(swf, decide, work):
    decide()
    work("here")
    work(fails="no answer")
    assert decide() == [("ScheduleActivityTask", "charge")]
    work(fails="no card")
    assert decide() == [("FailWorkflowExecution", "charge: no card")]
    assert swf.executions[0].status == "FAILED"


@pytest.mark.usefixtures("order")
def test_a_step_whose_worker_is_gone_is_scheduled_again(swf, hook, decide, work):
    decide()
    work("here")
    lost = hook.poll_activity("shop", "work", "test")
    swf.time_out_activities()

    assert decide() == [("ScheduleActivityTask", "charge")]
    with pytest.raises(ProviderError) as raised:
        hook.complete_activity(lost["taskToken"], "3")
    assert raised.value.kind is ErrorKind.NOT_FOUND


@pytest.mark.usefixtures("order")
def test_a_workflow_that_is_to_be_cancelled_waits_for_its_steps(swf, hook, decide, work):
    decide()
    work("here")
    running = hook.poll_activity("shop", "work", "test")
    hook.client.request_cancel_workflow_execution(domain="shop", workflowId="order-1")

    assert decide() == [("RequestCancelActivityTask", "charge")]
    assert hook.beat(running["taskToken"], "half") is True
    hook.cancel_activity(running["taskToken"], "stopped")
    assert decide() == [("CancelWorkflowExecution",)]
    assert swf.executions[0].status == "CANCELED"


@pytest.mark.usefixtures("order")
def test_a_decision_that_comes_too_late_counts_for_nobody(swf, hook, decide):
    late = hook.poll_decision("shop", "orders", "test")
    swf.time_out_decisions()
    assert len(decide()) == 2

    with pytest.raises(ProviderError, match="Unknown decision task"):
        hook.complete_decision(late["taskToken"], decisions(late["events"], STEPS))
    assert len(swf.executions[0].events("ActivityTaskScheduled")) == 2


@pytest.mark.usefixtures("order")
def test_an_end_that_was_decided_before_the_last_event_is_decided_anew(swf, hook, decide, work):
    decide()
    work("here")
    work(fails="no answer")
    decide()
    work(fails="no card")
    polled = hook.poll_decision("shop", "orders", "test")
    hook.client.request_cancel_workflow_execution(domain="shop", workflowId="order-1")
    hook.complete_decision(polled["taskToken"], decisions(polled["events"], STEPS))
    assert swf.executions[0].status == "OPEN"

    assert decide() == [("CancelWorkflowExecution",)]


def test_what_is_too_large_fails_the_workflow():
    started = {
        "eventId": 1,
        "eventType": "WorkflowExecutionStarted",
        "workflowExecutionStartedEventAttributes": {"input": "x" * 40_000},
    }
    (found,) = decisions([started], STEPS)
    assert "at most 32768" in found["failWorkflowExecutionDecisionAttributes"]["reason"]


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        ([], "at least one"),
        ([{"name": "a", "activity": "a:1"}] * 2, "a name of its own"),
        ([{"name": "a", "activity": "a:1", "after": ["b"]}], "which are no steps"),
        (
            [{"name": "a", "activity": "a:1", "after": ["b"]}, {"name": "b", "activity": "b:1", "after": ["a"]}],
            "wait for each other",
        ),
        ([{"name": "a:b", "activity": "a:1"}], "without : / |"),
        ([{"name": "a", "activity": "a"}], "write name:version"),
        ([{"name": "a", "activity": "a:1", "retries": -1}], "a whole number of 0 or more"),
        ([{"name": "a", "activity": "a:1", "heartbeat": 3}], "a step has heartbeat"),
        ([{"name": "a", "activity": "a:1", "after": "b"}], "after of a step is 'b'"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused(tables, told):
    with pytest.raises(ValueError, match=told):
        read_steps(tables)


class TestSwfDeciderService(ServiceSuite):
    service = SwfDeciderService
    stop_s = 30.0
    wrong_options = ({"steps": []}, {"workflow": "order"}, {"domain": ""})

    @pytest.fixture
    def connections(self, account):
        return account

    @pytest.fixture
    def options(self):
        return {"domain": "shop", "task_list": "orders", "workflow": "order:1.0", "steps": SHOP}

    @pytest.mark.usefixtures("order")
    def test_it_leads_a_workflow_to_its_end_though_it_is_killed(self, swf, hook, work, start):
        """Killed with a decision task in its hands: the task times out, and another decider answers it."""
        held = swf.faults.hold(
            when=lambda request: request.header("X-Amz-Target").endswith(".PollForDecisionTask"), handled=True
        )
        with start() as running:
            running.until(lambda: held.requests, "does not poll", 30)
        held.release()
        (execution,) = swf.executions
        swf.time_out_decisions()
        with start() as running:
            for number, _ in enumerate(SHOP):
                running.until(lambda: execution.waiting_activity("work"), "decides nothing", 30)
                work(number)
            running.until(lambda: execution.status != "OPEN", "does not end it", 30)
        assert execution.status == "COMPLETED"
        assert len(execution.events("ActivityTaskScheduled")) == len(SHOP)
        assert len(execution.events("DecisionTaskTimedOut")) == 1
