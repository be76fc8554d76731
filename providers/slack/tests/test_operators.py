"""Operators do their work once, whichever of their tries does it, and whoever is killed in between."""

import json
import signal
import subprocess
import sys

import pytest

from penstock import DAG, Connection
from penstock.errors import ProviderError
from penstock.testing import run_dag
from penstock.testing import runtime as fake_runtime
from penstock_slack.operators import SlackFileOperator, SlackPostOperator, SlackUpdateOperator, SlackWebhookOperator

POST = "POST /api/chat.postMessage"
COMPLETE = "POST /api/files.completeUploadExternal"
A_TRY = """
import json, sys
from pathlib import Path
from penstock import Connection
from penstock.testing import runtime
from penstock_slack import operators

name, arguments, token, folder = sys.argv[1:]

class Kept:
    def get(self, key, default=None):
        file = Path(folder, key)
        return json.loads(file.read_text()) if file.exists() else default

    def set(self, key, value):
        Path(folder, key).write_text(json.dumps(value))

connection = Connection("slack_default", "slack", password=token)
with runtime({"slack_default": connection}):
    getattr(operators, name)(task_id="t", **json.loads(arguments)).execute({"checkpoints": Kept()})
"""


class Kept(dict):
    """Checkpoints in memory."""

    set = dict.__setitem__


def texts(workspace, channel="alerts"):
    return [each.fields["text"] for each in workspace.shown(channel)]


@pytest.fixture
def kept(runtime):
    return {"checkpoints": Kept()}


def test_a_message_is_posted_answered_and_updated_in_a_run(connection, workspace):
    with DAG("told") as dag:
        started = SlackPostOperator(task_id="started", channel="#alerts", text="loading {{ run_id }}")
        where = "{{ ti.xcom_pull(task_ids='started').%s }}"
        answered = SlackPostOperator(
            task_id="answered", channel=where % "channel", text="1 row", thread_ts=where % "ts"
        )
        ended = SlackUpdateOperator(task_id="ended", channel=where % "channel", ts=where % "ts", text="loaded")
        started >> answered >> ended

    result = run_dag(dag, connections={"slack_default": connection})

    assert result.state == "success"
    first, answer = workspace.shown()
    assert (first.fields["text"], answer.fields["text"], answer.fields["thread_ts"]) == ("loaded", "1 row", first.ts)


def test_a_try_after_one_that_posted_posts_nothing(kept, workspace):
    operator = SlackPostOperator(task_id="t", channel="alerts", text="one", options={"unfurl_links": False})
    assert operator.execute(kept) == operator.execute(kept)
    assert texts(workspace) == ["one"]


def test_a_try_after_one_that_failed_posts_once(kept, workspace):
    operator = SlackPostOperator(task_id="t", channel="alerts", text="one")
    workspace.faults.server_error(2, when=POST)
    with pytest.raises(ProviderError):
        operator.execute(kept)
    operator.execute(kept)
    assert texts(workspace) == ["one"]


def test_a_file_is_uploaded_once_by_two_tries(kept, workspace, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("a,b\n")
    operator = SlackFileOperator(task_id="t", channel="alerts", file=str(file), title="Rows", comment="the rows")
    workspace.faults.server_error(2, when=COMPLETE)
    with pytest.raises(ProviderError):
        operator.execute(kept)
    file_id = operator.execute(kept)
    assert operator.execute(kept) == file_id
    assert list(workspace.files) == [file_id]
    assert workspace.files[file_id].fields["title"] == "Rows"
    assert texts(workspace) == ["the rows"]


@pytest.mark.parametrize("given", [{}, {"file": "a", "content": "b"}])
def test_a_file_and_a_content_exclude_each_other(kept, given):
    with pytest.raises(ValueError, match="one of file and content"):
        SlackFileOperator(task_id="t", channel="alerts", **given).execute(kept)


def test_a_webhooks_message_is_sent_once_by_two_tries(kept, workspace):
    operator = SlackWebhookOperator(task_id="t", text="one")
    operator.execute(kept)
    operator.execute(kept)
    assert texts(workspace, "general") == ["one"]


@pytest.mark.parametrize(
    ("name", "arguments", "request_of"),
    [
        ("SlackPostOperator", {"channel": "alerts", "text": "one"}, POST),
        ("SlackFileOperator", {"channel": "alerts", "content": "a,b", "comment": "one"}, COMPLETE),
    ],
)
def test_a_process_that_is_killed_once_slack_has_it_leaves_one(workspace, tmp_path, name, arguments, request_of):
    a_try = [sys.executable, "-c", A_TRY, name, json.dumps(arguments), workspace.token, str(tmp_path)]
    held = workspace.faults.hold(when=request_of, handled=True)
    with subprocess.Popen(a_try) as process:
        try:
            held.reached(60)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL
    held.release()
    for _ in range(2):
        subprocess.run(a_try, check=True, timeout=60)
    assert texts(workspace) == ["one"]


def test_a_cleared_task_posts_again(workspace):
    connection = Connection("slack_default", "slack", password=workspace.token)
    for _ in range(2):
        with fake_runtime({"slack_default": connection}):
            SlackPostOperator(task_id="t", channel="alerts", text="one").execute({"checkpoints": Kept()})
    assert texts(workspace) == ["one", "one"]
