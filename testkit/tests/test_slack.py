"""The fake Slack answers the official client as Slack does, and refuses what Slack refuses."""

import warnings

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.web import WebClient
from slack_sdk.webhook import WebhookClient

from penstock_testkit.slack import SlackWorkspace


@pytest.fixture
def workspace(saas):
    return saas.serve(SlackWorkspace())


@pytest.fixture
def client(workspace):
    return WebClient(workspace.token)


def refused(call, *args, **kwargs):
    with pytest.raises(SlackApiError) as caught:
        call(*args, **kwargs)
    return caught.value.response["error"]


def section(text):
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def test_the_official_client_posts_updates_reads_and_deletes(client, workspace):
    posted = client.chat_postMessage(
        channel="#alerts", text="one", metadata={"event_type": "e", "event_payload": {"k": 1}}
    )
    channel, ts = posted["channel"], posted["ts"]
    client.chat_postMessage(channel=channel, text="an answer", thread_ts=ts)
    client.chat_update(channel=channel, ts=ts, text="two")

    (shown,) = client.conversations_history(channel=channel)["messages"]
    with_metadata = client.conversations_history(channel=channel, include_all_metadata=True)["messages"]
    thread = client.conversations_replies(channel=channel, ts=ts)["messages"]

    assert (shown["text"], "metadata" in shown) == ("two", False)
    assert with_metadata[0]["metadata"]["event_payload"] == {"k": 1}
    assert [each["text"] for each in thread] == ["two", "an answer"]
    client.chat_delete(channel=channel, ts=ts)
    assert refused(client.chat_update, channel=channel, ts=ts, text="three") == "message_not_found"


def test_a_name_is_known_to_post_message_alone(client):
    ts = client.chat_postMessage(channel="alerts", text="one")["ts"]

    assert refused(client.chat_update, channel="#alerts", ts=ts, text="two") == "channel_not_found"
    assert refused(client.conversations_history, channel="alerts") == "channel_not_found"
    assert refused(client.chat_postMessage, channel="#nowhere", text="one") == "channel_not_found"


def test_lists_come_in_pages(client, workspace):
    workspace.largest_page = 1

    names = [[each["name"] for each in page["channels"]] for page in client.conversations_list(limit=100)]

    assert names == [["general"], ["alerts"]]


def test_the_official_client_uploads_a_file(client, workspace):
    (channel,) = (each for each, name in workspace.channels.items() if name == "alerts")

    client.files_upload_v2(content="a,b\n", filename="rows.csv", channel=channel, initial_comment="rows")
    asks = client.chat_postMessage(channel=channel, text="which rows?")["ts"]
    client.files_upload_v2(content="a,b\n", filename="more.csv", channel=channel, thread_ts=asks)

    found, answer = workspace.files.values()
    (begins, replies) = client.conversations_replies(channel=channel, ts=asks)["messages"]
    assert (begins["text"], answer.name, len(replies["files"])) == ("which rows?", "more.csv", 1)
    assert (found.name, found.content, found.channel) == ("rows.csv", b"a,b\n", channel)
    assert refused(client.files_completeUploadExternal, files=[{"id": "F9"}], channel_id=channel) == "file_not_found"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({}, "no_text"),
        ({"text": "t", "blocks": [section("x" * 3001)]}, "invalid_blocks"),
        ({"text": "t", "blocks": [section("")]}, "invalid_blocks"),
        ({"text": "t", "blocks": [section("x")] * 51}, "invalid_blocks"),
        ({"text": "t", "blocks": [section("x" * 2900)] * 5}, "msg_blocks_too_long"),
        ({"text": "t", "attachments": [{"color": "#fff"}] * 101}, "too_many_attachments"),
    ],
)
def test_what_says_nothing_or_too_much_is_refused(client, message, code):
    with warnings.catch_warnings(action="ignore"):  # the client warns of a message without a text
        assert refused(client.chat_postMessage, channel="alerts", **message) == code


def test_tokens_and_scopes_are_looked_at(client, workspace):
    assert client.auth_test()["user_id"] == workspace.user
    assert refused(WebClient("xoxb-wrong").auth_test) == "invalid_auth"
    workspace.scopes.discard("channels:history")
    assert refused(client.conversations_history, channel="C000000001") == "missing_scope"
    assert client.users_lookupByEmail(email="ann@example.com")["user"]["id"] == "U0000000ANN"
    assert refused(client.users_lookupByEmail, email="bob@example.com") == "users_not_found"


def test_a_limit_of_calls_is_refused_in_slacks_words(client, workspace):
    workspace.faults.too_many_requests(retry_after="0")
    client.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=1))

    assert client.auth_test()["ok"]
    assert len(workspace.asked("POST /api/auth.test")) == 2


def test_a_webhook_answers_in_plain_text(workspace):
    answers = [
        WebhookClient(workspace.webhook_url).send(text="one"),
        WebhookClient(workspace.webhook_url).send(text=""),
        WebhookClient(workspace.webhook_url + "wrong").send(text="one"),
    ]
    workspace.archived.add("C000000001")
    answers.append(WebhookClient(workspace.webhook_url).send(text="one"))

    assert [(each.status_code, each.body) for each in answers] == [
        (200, "ok"), (400, "no_text"), (404, "no_service"), (410, "channel_is_archived"),
    ]  # fmt: skip
    assert [each.text for each in workspace.shown("general")] == ["one"]
