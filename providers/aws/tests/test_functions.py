"""A function is invoked, and no second time where nobody knows what became of the first."""

import pytest

from penstock import DAG, Connection
from penstock.errors import ErrorKind, ProviderError
from penstock.testing import OperatorSuite, run_dag
from penstock.testing.fake_runtime import runtime
from penstock_aws.hooks import LambdaHook
from penstock_aws.operators import LambdaInvokeFunctionOperator
from penstock_testkit.aws_jobs import AwsJobs
from penstock_testkit.saas import plain_http


@pytest.fixture
def aws():
    """The service with some functions."""
    fake = AwsJobs()
    fake.functions["double"] = lambda payload: ({"twice": payload["n"] * 2}, "")
    fake.functions["fails"] = lambda _: ({"errorType": "KeyError", "errorMessage": "'n'"}, "Unhandled")
    fake.functions["large"] = lambda _: ("x" * 100_000, "")
    return fake


@pytest.fixture
def account(aws):
    """A connection to it."""
    with plain_http(aws) as url:
        extra = {"endpoint_url": url, "region_name": "us-east-1", "max_attempts": 5}
        yield {"aws_default": Connection("aws_default", "aws", login="testing", password="testing", extra=extra)}
    assert aws.problems == []


@pytest.fixture
def run(account):
    """A function that invokes a function in a run."""

    def run_one(**arguments):
        with DAG("functions", schedule=None) as dag:
            LambdaInvokeFunctionOperator(task_id="call", **arguments)
        return run_dag(dag, connections=account)

    return run_one


class TestLambdaInvokeFunctionOperator(OperatorSuite):
    operator = LambdaInvokeFunctionOperator

    @pytest.fixture
    def connections(self, account):
        return account

    @pytest.fixture
    def arguments(self):
        return {"function_name": "double", "payload": {"n": 4}}


def test_its_answer_is_what_the_task_leaves(aws, run, caplog):
    with caplog.at_level("INFO"):
        result = run(function_name="double", payload={"n": 4}, qualifier="live")

    assert result.check().value("call") == {"twice": 8}
    assert "the function's own line" in caplog.messages
    assert aws.invoked == [("double", {"n": 4})]


def test_its_own_failure_is_told_and_tried_again(aws, run):
    found = run(function_name="fails", retries=2).tasks["call"]

    assert (found.state, found.tries, len(aws.invoked)) == ("failed", 3, 3)
    assert "KeyError" in found.errors[0]
    assert "the function failed (unhandled): 'n'" in found.errors[0]


def test_one_whose_answer_was_lost_is_not_invoked_again(aws, run):
    """The SDK would do so five times by itself, and each retry of the task once more."""
    aws.faults.reset_after(when="POST /2015-03-31/functions/double/invocations")
    found = run(function_name="double", payload={"n": 4}, retries=2).tasks["call"]

    assert (found.state, found.tries) == ("failed", 2)
    assert "it may have done its work" in found.errors[1]
    assert len(aws.invoked) == 1


def test_one_that_bears_it_is_invoked_again(aws, run):
    aws.faults.reset_after(when="POST /2015-03-31/functions/double/invocations")
    result = run(function_name="double", payload={"n": 4}, retries=2, repeatable=True)

    assert result.check().value("call") == {"twice": 8}
    assert len(aws.invoked) == 2


def test_a_throttled_invocation_has_done_nothing_and_is_tried_again(aws, run):
    aws.faults.too_many_requests(when="POST /2015-03-31/functions/double/invocations")

    assert run(function_name="double", payload={"n": 4}, retries=1).state == "success"
    assert len(aws.invoked) == 1


def test_an_answer_that_arrived_is_taken_by_a_later_try(aws, account):
    task = LambdaInvokeFunctionOperator(task_id="call", function_name="double", payload={"n": 4})
    with runtime(account):
        kept = Kept()
        for _ in range(2):
            assert task.execute({"checkpoints": kept}) == {"twice": 8}
    assert len(aws.invoked) == 1


def test_a_large_answer_is_not_kept_and_its_function_not_invoked_again(aws, account):
    task = LambdaInvokeFunctionOperator(task_id="call", function_name="large")
    with runtime(account):
        kept = Kept()
        assert len(task.execute({"checkpoints": kept})) == 100_000
        with pytest.raises(Exception, match="it may have done its work"):
            task.execute({"checkpoints": kept})
    assert len(aws.invoked) == 1


def test_one_that_is_only_asked_for_leaves_nothing(aws, run):
    assert run(function_name="double", payload={"n": 1}, invocation_type="Event").check().value("call") is None
    assert run(function_name="double", invocation_type="DryRun").check().value("call") is None
    assert aws.invoked == [("double", {"n": 1})]


def test_a_function_that_is_not_there_fails_at_once(account):
    hook = LambdaHook(connection=account["aws_default"])

    with pytest.raises(ProviderError, match="Function not found") as raised:
        hook.invoke("nothing")
    assert raised.value.kind is ErrorKind.NOT_FOUND


class Kept(dict):
    """Checkpoints of a task instance, as its tries see them."""

    def set(self, key, value):
        self[key] = value

    def delete(self, key):
        self.pop(key, None)
