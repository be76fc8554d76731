"""Hooks, operators and notifiers keep what all of their kind must keep."""

import msgspec
import pytest

from penstock import Connection
from penstock.testing import HookSuite, NotifierSuite, OperatorSuite
from penstock_slack.hooks import SlackHook, SlackWebhookHook
from penstock_slack.notifiers import SlackNotifier, SlackWebhookNotifier
from penstock_slack.operators import (
    SlackFileOperator,
    SlackPostOperator,
    SlackUpdateOperator,
    SlackWebhookOperator,
)
from penstock_testkit.saas import plain_http
from penstock_testkit.slack import SlackWorkspace


def with_extra(connection, **extra):
    return msgspec.structs.replace(connection, extra={**connection.extra, **extra})


@pytest.fixture
def service():
    workspace = SlackWorkspace()
    with plain_http(workspace) as url:
        yield workspace, url


class TestSlackHook(HookSuite):
    hook = SlackHook

    @pytest.fixture
    def connection(self, service):
        workspace, url = service
        return Connection("slack_default", "slack", password=workspace.token, extra={"base_url": f"{url}/api/"})

    def impatient(self, connection):
        return with_extra(connection, timeout_s=0.2, deadline_s=1.0, max_attempts=1)

    def moved(self, connection, host, port):
        return with_extra(connection, base_url=f"http://{host}:{port}/api/")


class TestSlackWebhookHook(HookSuite):
    hook = SlackWebhookHook

    @pytest.fixture
    def connection(self, service):
        workspace, url = service
        path = workspace.webhook_url.removeprefix("https://hooks.slack.com")
        return Connection("slack_default", "slack", extra={"webhook_url": url + path})

    def with_secret(self, connection, secret):
        base, _, _ = connection.extra["webhook_url"].rpartition("/")
        return with_extra(connection, webhook_url=f"{base}/{secret}")

    def impatient(self, connection):
        return with_extra(connection, timeout_s=0.2, deadline_s=1.0, max_attempts=1)

    def moved(self, connection, host, port):
        _, _, path = connection.extra["webhook_url"].partition("/services/")
        return with_extra(connection, webhook_url=f"http://{host}:{port}/services/{path}")


class WithConnection:
    """What the suites of all tasks share."""

    @pytest.fixture
    def connections(self, connection):
        return {"slack_default": connection}


class TestSlackPostOperator(WithConnection, OperatorSuite):
    operator = SlackPostOperator

    @pytest.fixture
    def arguments(self, workspace):
        return {"channel": "#alerts", "text": "loaded"}


class TestSlackUpdateOperator(WithConnection, OperatorSuite):
    operator = SlackUpdateOperator

    @pytest.fixture
    def arguments(self, hook):
        posted = hook.post("alerts", "loading")
        return {"channel": posted.channel, "ts": posted.ts, "text": "loaded"}


class TestSlackFileOperator(WithConnection, OperatorSuite):
    operator = SlackFileOperator

    @pytest.fixture
    def arguments(self, workspace):
        return {"channel": "alerts", "content": "a,b\n1,2\n", "filename": "rows.csv"}


class TestSlackWebhookOperator(WithConnection, OperatorSuite):
    operator = SlackWebhookOperator

    @pytest.fixture
    def arguments(self, workspace):
        return {"text": "loaded"}


class TestSlackNotifier(NotifierSuite):
    @pytest.fixture
    def notifier(self, runtime):
        return SlackNotifier("alerts")

    @pytest.fixture
    def sent(self, workspace):
        return lambda: [each.text for each in workspace.shown("alerts")]

    @pytest.fixture
    def away(self, workspace, runtime):
        workspace.faults.server_error(None)
        return SlackNotifier("alerts")


class TestSlackWebhookNotifier(NotifierSuite):
    @pytest.fixture
    def notifier(self, runtime):
        return SlackWebhookNotifier()

    @pytest.fixture
    def sent(self, workspace):
        return lambda: [each.text for each in workspace.shown("general")]

    @pytest.fixture
    def away(self, workspace, runtime):
        workspace.faults.server_error(None)
        return SlackWebhookNotifier()
