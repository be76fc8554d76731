"""The ECS task in which Penstock runs is protected as long as it has tries."""

import os

import pytest

from penstock.errors import ErrorKind, ProviderError
from penstock.testing import ServiceSuite
from penstock_aws.executors import EcsExecutor
from penstock_aws.hooks.task_protection import TaskProtection
from penstock_aws.services import EcsProtectionService
from penstock_testkit.aws_jobs.ecs_agent import EcsAgent
from penstock_testkit.saas import plain_http


@pytest.fixture
def agent(monkeypatch):
    """The agent of the container in which the test runs."""
    fake = EcsAgent()
    with plain_http(fake) as url:
        monkeypatch.setenv("ECS_AGENT_URI", f"{url}/api/the-container")
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # the agent is this machine's own
        yield fake
    assert fake.problems == []


class TestEcsProtectionService(ServiceSuite):
    service = EcsProtectionService
    stop_s = 30.0
    wrong_options = (
        {"expires_min": 0},
        {"expires_min": 2881},
        {"poll_s": 0},
        {"idle_s": -1},
        {"poll_s": 16, "expires_min": 1},
    )

    @pytest.fixture(autouse=True)
    def _agent(self, agent):
        """Its container."""

    @pytest.fixture
    def options(self):
        return {"poll_s": 0.05, "idle_s": 0.0}

    def test_it_protects_the_task_while_there_are_tries(self, agent, start):
        with start() as running:
            self._said(running, "not protected, 0 tries")
            assert agent.minutes == []
            running.tries = 2
            self._said(running, "protected, 2 tries")
            running.tries = 0
            self._said(running, "not protected, 0 tries")
        assert agent.minutes == [60, 0]

    def test_what_is_refused_is_told_and_asked_for_again(self, agent, start):
        agent.refuses = {"failure": {"Arn": "arn", "Detail": None, "Reason": "DEPLOYMENT_BLOCKED"}}
        with start() as running:
            running.tries = 1
            running.until(lambda: any(not each.healthy for each in running.reports), "is well", 30)
            assert "DEPLOYMENT_BLOCKED" in next(each.detail for each in running.reports if not each.healthy)
            agent.refuses = {}
            self._said(running, "protected, 1 tries")

    def _said(self, running, detail):
        seen = len(running.reports)
        running.until(lambda: detail in [each.detail for each in running.reports[seen:]], f"has not said {detail}", 30)


def test_the_protection_is_begun_anew_at_half_its_time_and_outlasts_short_pauses(agent):
    service = EcsProtectionService(expires_min=10, idle_s=60)
    looks = {0: 1, 299: 1, 300: 1, 310: 0, 369: 3, 428: 0, 429: 0, 500: 0, 501: 1}
    for now, tries in looks.items():
        service._step(tries, float(now))
    assert agent.minutes == [10, 10, 0, 10]


@pytest.mark.parametrize(
    ("answer", "kind", "told"),
    [
        ({"failure": {"Arn": "a", "Detail": None, "Reason": "TASK_NOT_VALID"}}, ErrorKind.INVALID, "a service of ECS"),
        (
            {
                "error": {"Arn": "a", "Code": "AccessDeniedException", "Message": "no policy allows it"},
                "requestID": "1",
            },
            ErrorKind.PERMISSION,
            "Allow ecs:UpdateTaskProtection",
        ),
        (
            {"error": {"Arn": "a", "Code": "ThrottlingException", "Message": "Rate exceeded"}},
            ErrorKind.THROTTLED,
            "Rate",
        ),
        ({"failure": {"Arn": "a", "Detail": "later", "Reason": "DEPLOYMENT_BLOCKED"}}, ErrorKind.CONFLICT, "later"),
        (["?"], ErrorKind.TRANSIENT, "the agent answers"),
        ({"protection": {"ProtectionEnabled": False}}, ErrorKind.CONFLICT, "the agent refuses it"),
    ],
)
def test_an_answer_that_is_no_protection_is_an_error(agent, answer, kind, told):
    agent.refuses = answer
    with pytest.raises(ProviderError, match=told) as raised:
        TaskProtection().protect(5)
    assert raised.value.kind is kind


def test_an_agent_that_does_not_answer_is_asked_again_and_one_that_is_not_there_is_not(monkeypatch):
    with pytest.raises(ProviderError) as raised:
        TaskProtection("http://127.0.0.1:9").protect(5)
    assert raised.value.retryable
    monkeypatch.delenv("ECS_AGENT_URI", raising=False)
    with pytest.raises(ProviderError, match="ECS_AGENT_URI is not set") as raised:
        TaskProtection()
    assert not raised.value.retryable


def test_a_pools_worker_protects_its_task_and_one_that_was_killed_leaves_a_protection_that_ends(agent):
    assert EcsExecutor.guard({}) is None
    guard = EcsExecutor.guard({"ECS_AGENT_URI": os.environ["ECS_AGENT_URI"]})
    guard.busy()
    assert agent.minutes == [60]
    assert agent.protected(in_s=59 * 60)
    assert not agent.protected(in_s=60 * 60)
    assert guard.lasts_s == 3600
    guard.idle()
    assert agent.minutes == [60, 0]
    assert not agent.protected()


def test_a_task_of_no_service_is_not_asked_for_again(agent):
    agent.refuses = {"failure": {"Arn": "a", "Detail": None, "Reason": "TASK_NOT_VALID"}}
    with pytest.raises(ProviderError, match="a service of ECS") as raised:
        EcsExecutor.guard({"ECS_AGENT_URI": os.environ["ECS_AGENT_URI"]}).busy()
    assert raised.value.kind is ErrorKind.INVALID
