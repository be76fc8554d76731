"""A workspace of a fake Slack, connections to it, and buckets on a clock that nobody waits for."""

import itertools

import pytest

from penstock import Connection
from penstock.testing import runtime as fake_runtime
from penstock_slack.hooks import SlackHook, SlackWebhookHook
from penstock_slack.hooks.pacing import pacing
from penstock_testkit.slack import SlackWorkspace

_numbers = itertools.count()


@pytest.fixture(autouse=True)
def paused(monkeypatch, tmp_path):
    """Seconds that messages waited for their place in a channel; none of them passes."""
    waited = []
    monkeypatch.setattr(pacing, "_folder", tmp_path / "pacing")
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # for the processes that a test starts
    monkeypatch.setattr(pacing, "_sleep", waited.append)
    monkeypatch.setattr(pacing, "_monotonic", lambda: 1000.0)
    return waited


@pytest.fixture
def workspace(saas):
    """A workspace at Slack's own host names, with a token that no other test's has: what is kept is kept by token."""
    found = saas.serve(SlackWorkspace())
    found.token = f"xoxb-0123-{next(_numbers)}-secret"
    return found


@pytest.fixture
def connection(workspace):
    """A connection with token and webhook; a call is repeated once, after half a second at most."""
    extra = {"webhook_url": workspace.webhook_url, "max_attempts": 2}
    return Connection("slack_default", "slack", password=workspace.token, extra=extra)


@pytest.fixture
def hook(connection):
    return SlackHook(connection=connection)


@pytest.fixture
def webhook(connection):
    return SlackWebhookHook(connection=connection)


@pytest.fixture
def runtime(connection):
    """What tasks and notifiers ask for."""
    with fake_runtime({"slack_default": connection}) as found:
        yield found
