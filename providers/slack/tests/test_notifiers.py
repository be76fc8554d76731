"""Alerts: what they look like, one thread a run, nothing twice."""

from datetime import UTC, datetime, timedelta

import pytest

from penstock.errors import ProviderError
from penstock.spec.notifier import AlertMessage
from penstock_slack.notifiers import SlackNotifier, SlackWebhookNotifier
from penstock_slack.notifiers.alert_blocks import STATE_BLOCK, alert_blocks, duration_text, state_block

POST = "POST /api/chat.postMessage"
UPDATE = "POST /api/chat.update"


def alert(key="k1", event="task_failed", run="r1", task="load", **more):
    now = datetime.now(UTC)
    title = f"Task {task} of DAG shop, run {run}, {event}"
    given = {
        "text": f"{title}, at now.\n\nno <box>\n\nThe end of the log of shop {run} {task}:\nline 1\nline 2\n\nSee: x\n",
        "at": now, "event": event, "dag_id": "shop", "run_id": run, "task_id": task, "try_number": 2,
        "reason": "no <box>", "log": "line 1\nline 2", "link": "https://penstock.example/dags/shop", "duration_s": 125.0,
    }  # fmt: skip
    return AlertMessage(key=key, title=title, **(given | more))


def digest(key="d1", count=2000):
    return AlertMessage(
        key=key, title=f"{count:,} alerts: {count:,} x task_failed in DAG shop", text="- Task t0\n- Task t1\n",
        at=datetime.now(UTC), event="task_failed", count=count, link="penstock runs list --state failed",
    )  # fmt: skip


@pytest.fixture
def notifier(runtime):
    return SlackNotifier("alerts")


@pytest.fixture
def again(runtime):
    """Another process of the channel, which remembers nothing."""
    return lambda: SlackNotifier("alerts")


def shown(workspace):
    """Threads, as (state that the first message shows, events of all of them)."""
    threads = {}
    for each in workspace.shown():
        threads.setdefault(each.fields.get("thread_ts", each.ts), []).append(each)
    return [(state_of(thread[0]), [each.fields["metadata"]["event_payload"]["event"] for each in thread])
            for thread in threads.values()]  # fmt: skip


def state_of(message):
    blocks = [each for each in message.fields["blocks"] if each.get("block_id") == STATE_BLOCK]
    return blocks[0]["elements"][0]["text"] if blocks else ""


def test_an_alert_shows_state_reason_log_duration_and_link(notifier, workspace):
    notifier.send(alert())
    (message,) = workspace.shown()
    header, body, log, facts = message.fields["blocks"]
    assert header["text"]["text"] == ":red_circle: Task load of DAG shop, run r1, task_failed"
    assert body["text"]["text"] == "no <box>\n\nThe end of the log of shop r1 load:"
    assert log["text"]["text"] == "```\nline 1\nline 2\n```"
    told = [each["text"] for each in facts["elements"]]
    assert told[:5] == ["*DAG* shop", "*run* r1", "*task* load", "*try* 2", "*took* 2 min 5 s"]
    assert told[-1] == "<https://penstock.example/dags/shop|Details>"


def test_the_end_of_a_log_is_shown_and_its_signs_are_none_of_slacks(notifier, workspace):
    log = "".join(f"line {number} of <!channel> ```\n" for number in range(500))
    notifier.send(alert(log=log, text=f"why\n{log}\nSee: x"))
    (text,) = (each["text"]["text"] for each in workspace.shown()[0].fields["blocks"] if "```" in str(each))
    assert "line 499" in text
    assert "<!channel>" not in text
    assert text.count("```") == 2


def test_who_is_called_is_said(runtime, workspace):
    SlackNotifier("alerts", mention="<!here>").send(alert())
    SlackWebhookNotifier(mention="<@U1>").send(alert())
    assert "<!here>" in workspace.shown("alerts")[0].text
    assert "<@U1>" in workspace.shown("general")[0].text


def test_the_alerts_of_a_run_are_one_thread_whose_first_message_shows_its_state(notifier, workspace):
    notifier.send(alert("k1", "task_failed"))
    notifier.send(alert("k2", "task_failed", task="other"))
    notifier.send(alert("k3", "run_failed"))
    notifier.send(alert("k4", "run_failed", run="r2"))
    assert shown(workspace) == [
        (":red_circle: 2 x task_failed, then *run_failed*", ["task_failed", "task_failed", "run_failed"]),
        ("", ["run_failed"]),
    ]
    notifier.send(alert("k5", "run_recovered"))
    assert shown(workspace)[0][0] == ":large_green_circle: 2 x task_failed, 1 x run_failed, then *run_recovered*"


def test_another_process_finds_the_thread(notifier, again, workspace):
    notifier.send(alert("k1"))
    workspace.largest_page = 1
    for number in range(3):
        notifier.send(digest(f"d{number}"))
    again().send(alert("k2"))
    assert shown(workspace)[0] == (":red_circle: 1 x task_failed, then *task_failed*", ["task_failed", "task_failed"])


def test_a_run_that_is_told_of_days_later_begins_another_thread(notifier, again, workspace):
    notifier.send(alert("k1"))
    again().send(alert("k2", at=datetime.now(UTC) + timedelta(days=3)))
    assert len(shown(workspace)) == 2


@pytest.mark.parametrize("lost", [POST, UPDATE])
@pytest.mark.parametrize("same_process", [True, False])
def test_an_alert_that_is_sent_again_arrives_once(notifier, again, workspace, lost, same_process):
    """As after a kill between Slack's having it and the outbox's knowing: all is said again under the same key."""
    notifier.send(alert("k1"))
    workspace.faults.server_error(2, when=lost)
    with pytest.raises(ProviderError):
        notifier.send(alert("k2", "run_failed"))
    for _ in range(2):
        (notifier if same_process else again()).send(alert("k2", "run_failed"))
    (notifier if same_process else again()).send(alert("k1"))
    assert shown(workspace) == [(":red_circle: 1 x task_failed, then *run_failed*", ["task_failed", "run_failed"])]


def test_a_digest_that_is_sent_again_arrives_once_and_in_no_thread(notifier, again, workspace):
    notifier.send(digest())
    again().send(digest())
    (message,) = workspace.shown()
    assert "2,000 alerts" in message.text
    assert "*alerts* 2,000" in message.text


def test_the_first_alert_whose_answer_got_lost_is_posted_once(notifier, workspace):
    workspace.faults.reset_after(when=POST)
    notifier.send(alert())
    assert len(workspace.shown()) == 1


def test_the_thread_of_another_app_is_left_alone(notifier, again, workspace):
    notifier.send(alert("k1"))
    workspace.shown()[0].user = "U0000OTHER"
    again().send(alert("k2"))
    assert [each.fields.get("thread_ts", "") for each in workspace.shown()] == ["", ""]


def test_a_thread_that_a_person_deleted_is_begun_anew(notifier, workspace):
    notifier.send(alert("k1"))
    workspace.shown().clear()
    notifier.send(alert("k2"))
    notifier.send(alert("k3"))
    assert [events for _, events in shown(workspace)] == [["task_failed", "task_failed"]]


def test_without_threads_each_alert_is_a_message_of_its_own(runtime, workspace):
    notifier = SlackNotifier("alerts", threads=False)
    for key in ("k1", "k2", "k2"):
        notifier.send(alert(key))
    assert [each.fields.get("thread_ts") for each in workspace.shown()] == [None, None]


def test_without_the_scope_to_look_alerts_still_arrive_and_say_why_they_begin_no_thread(notifier, workspace, capsys):
    workspace.scopes.discard("channels:history")
    notifier.send(alert("k1"))
    notifier.send(alert("k2"))
    assert len(workspace.shown()) == 2
    assert "channels:history" in capsys.readouterr().out


def test_a_limit_of_calls_is_not_waited_for_beyond_half_of_what_a_notifier_has(notifier, workspace):
    workspace.faults.too_many_requests(retry_after="16", when=POST)
    with pytest.raises(ProviderError) as caught:
        notifier.send(alert())
    assert caught.value.retryable


def test_a_message_without_duration_log_and_text_has_blocks_that_slack_takes(notifier, workspace):
    now = datetime.now(UTC)
    notifier.send(AlertMessage("k", "x" * 400, "", now))
    notifier.send(AlertMessage("l", " ", "\n", now, link="penstock doctor"))
    assert len(workspace.shown()) == 2


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (4.26, "4.3 s"), (59.4, "59 s"), (125, "2 min 5 s"), (12_000, "3 h 20 min")]
)
def test_durations_are_said_as_a_person_does(seconds, text):
    assert duration_text(seconds) == text


def test_a_text_that_is_a_title_too_is_not_said_twice():
    message = alert(text="Task load of DAG shop, run r1, task_failed, at 2026-01-01.\n\nbecause\n", log="")
    assert [each["text"]["text"] for each in alert_blocks(message) if each["type"] == "section"] == ["because"]


def test_the_state_of_one_alert_is_its_event():
    assert state_block([{"event": "run_failed"}])["elements"][0]["text"] == ":red_circle: *run_failed*"
