"""Activities of Amazon SWF are done by Python functions, and what was lost with a killed worker is done once more."""

import pytest

from penstock import Connection
from penstock.testing import ServiceSuite
from penstock_aws.hooks import SwfHook
from penstock_aws.hooks.swf import ActivityStoppedError, ActivityTask, Outcome, decisions, outcome_of, read_steps
from penstock_aws.services import SwfActivityService
from penstock_testkit.aws_swf import AwsSwf
from penstock_testkit.saas import plain_http

STEPS = read_steps([{"name": "charge", "activity": "charge:1", "task_list": "work", "retries": 1}])
FUNCTIONS = """
import threading
from pathlib import Path

here = Path(__file__).parent

def charge(task):
    with (here / "began").open("a") as file:
        file.write(f"{task.activity_id} {task.input['n']}\\n")
    if (here / "slow").exists():
        threading.Event().wait(120)
    return {"paid": task.input["n"]}

def patient(task):
    (here / "began").touch()
    while True:
        task.heartbeat("half")
        threading.Event().wait(0.02)
"""


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
def decide(hook):
    """A function that answers the next decision task."""

    def decided():
        polled = hook.poll_decision("shop", "orders", "test")
        hook.complete_decision(polled["taskToken"], decisions(polled["events"], STEPS))

    return decided


@pytest.fixture
def execution(swf, hook, decide):
    """A workflow whose only activity waits for a worker."""
    hook.start_workflow("shop", "order-1", "order:1.0", taskList={"name": "orders"}, input='{"n": 7}')
    decide()
    return swf.executions[0]


@pytest.fixture
def folder(tmp_path):
    """A folder with the module of the functions."""
    (tmp_path / "functions_of_the_shop.py").write_text(FUNCTIONS)
    return tmp_path


class TestSwfActivityService(ServiceSuite):
    service = SwfActivityService
    stop_s = 30.0
    wrong_options = (
        {"activities": {}},
        {"activities": {"charge": "builtins:repr"}},
        {"activities": {"charge:1": "builtins:nothing_of_this_name"}},
        {"activities": {"charge:1": "no_such_module_anywhere:f"}},
        {"heartbeat_s": 0},
        {"heartbeat_s": 31},
    )

    @pytest.fixture
    def connections(self, account):
        return account

    @pytest.fixture
    def options(self):
        return {"domain": "shop", "task_list": "work", "activities": {"charge:1": "builtins:repr"}, "heartbeat_s": 0.1}

    def test_what_was_lost_with_a_killed_worker_is_done_once_more_and_ends_once(
        self, swf, execution, folder, decide, start
    ):
        functions = {"charge:1": "functions_of_the_shop:charge"}
        (folder / "slow").touch()
        with start(activities=functions, folder=str(folder)) as running:
            running.until(lambda: self._began(folder) == ["charge 7"], "does not begin", 30)
            running.until(lambda: "details" in execution.activities["charge"], "sends no heartbeat", 30)
            assert running.end() != "ended with exit code 0"
        (folder / "slow").unlink()
        assert execution.started_activities() == ["charge"]
        swf.time_out_activities()
        decide()
        with start(activities=functions, folder=str(folder)) as running:
            running.until(lambda: not execution.activities, "does not do it", 30)
            running.until(lambda: running.reports[-1].detail.startswith("waits"), "does not go on", 30)
        decide()

        assert execution.status == "COMPLETED"
        assert self._began(folder) == ["charge 7", "charge 7"]
        assert [each["timeoutType"] for each in execution.events("ActivityTaskTimedOut")] == ["HEARTBEAT"]
        assert [each["result"] for each in execution.events("ActivityTaskCompleted")] == ['{"paid": 7}']

    def test_an_answer_whose_receipt_was_lost_ends_it_once(self, swf, execution, folder, start):
        swf.faults.reset_after(when=lambda request: request.header("X-Amz-Target").endswith("TaskCompleted"))
        with start(activities={"charge:1": "functions_of_the_shop:charge"}, folder=str(folder)) as running:
            said = "was closed before"
            running.until(lambda: any(said in each.detail for each in running.reports), "does not go on", 30)
        assert len(execution.events("ActivityTaskCompleted")) == 1
        assert len(self._began(folder)) == 1

    def test_one_that_is_to_be_cancelled_ends_itself(self, hook, execution, folder, decide, start):
        with start(activities={"charge:1": "functions_of_the_shop:patient"}, folder=str(folder)) as running:
            running.until((folder / "began").exists, "does not begin", 30)
            hook.client.request_cancel_workflow_execution(domain="shop", workflowId="order-1")
            decide()
            running.until(lambda: not execution.activities, "does not end it", 30)
            decide()
        assert len(execution.events("ActivityTaskCanceled")) == 1
        assert execution.status == "CANCELED"

    def test_one_that_it_has_no_function_for_fails(self, execution, start):
        with start(activities={"other:1": "builtins:repr"}) as running:
            running.until(lambda: not execution.activities, "does not end it", 30)
        (failed,) = execution.events("ActivityTaskFailed")
        assert failed["reason"] == "this worker has no function for charge:1"

    def _began(self, folder):
        file = folder / "began"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def task(hook, execution):
    """An activity task that was polled."""
    return ActivityTask(hook, hook.poll_activity("shop", "work", "test"))


def test_how_an_activity_ends_follows_from_its_function(task):
    def fails(_):
        raise KeyError("n" * 300)

    def stops(task):
        raise ActivityStoppedError("by itself")

    assert outcome_of(task, lambda task: {"got": task.input["n"]}) == Outcome("completed", '{"got": 7}')
    assert outcome_of(task, lambda _: "text") == Outcome("completed", "text")
    assert outcome_of(task, fails).text == f"KeyError: '{'n' * 245}"
    assert outcome_of(task, stops).state == "failed"
    assert outcome_of(task, lambda _: object()).state == "failed"
    assert "store it" in outcome_of(task, lambda _: "x" * 32_769).text


def test_one_whose_time_is_over_is_told_at_its_next_heartbeat(swf, task):
    task.heartbeat("half")
    swf.time_out_activities()
    task.beat()

    with pytest.raises(ActivityStoppedError, match="is over"):
        task.heartbeat("more")
    assert outcome_of(task, lambda task: task.heartbeat()).state == "canceled"
    assert not task.respond(Outcome("completed", "3"))
