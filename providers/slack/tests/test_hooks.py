"""The hooks against a workspace: messages, files, channels, errors, and what a lost answer does."""

import logging

import msgspec
import pytest

from penstock.errors import ConfigError, ProviderError
from penstock_slack.hooks import SlackHook, SlackWebhookHook
from penstock_testkit.saas import HttpAnswer
from penstock_testkit.saas.http_faults import Order

POST = "POST /api/chat.postMessage"


def texts(workspace, channel="alerts"):
    return [each.fields["text"] for each in workspace.shown(channel)]


def kind_of(call, *args, **kwargs):
    with pytest.raises(ProviderError) as caught:
        call(*args, **kwargs)
    return str(caught.value.kind), caught.value.code


def test_a_message_is_posted_by_name_updated_and_deleted(hook, workspace):
    posted = hook.post("#alerts", "loading")
    hook.update("#alerts", posted.ts, "loaded")
    assert texts(workspace) == ["loaded"]
    assert hook.delete(posted.channel, posted.ts)
    assert not hook.delete(posted.channel, posted.ts)
    assert texts(workspace) == []


def test_channels_are_listed_once_however_many_ask_apache_airflow_44923(hook, connection, workspace):
    workspace.largest_page = 1
    for _ in range(3):
        assert hook.channel_id("#alerts") == SlackHook(connection=connection).channel_id("alerts") == "C000000002"
    assert len(workspace.asked("POST /api/conversations.list")) == 2  # pages, of one list


def test_a_channel_that_is_new_is_found_and_one_that_is_not_there_is_told(hook, workspace):
    assert hook.channel_id("alerts") == "C000000002"
    workspace.channels["C000000003"], workspace.messages["C000000003"] = "late", []
    assert hook.channel_id("late") == "C000000003"
    assert kind_of(hook.channel_id, "nowhere") == ("not_found", "channel_not_found")


def test_private_channels_are_found_and_without_their_scope_public_ones(hook, workspace):
    workspace.private.add("C000000001")
    workspace.scopes.discard("groups:read")
    assert hook.channel_id("alerts") == "C000000002"
    assert kind_of(hook.channel_id, "general") == ("not_found", "channel_not_found")


def test_a_limit_of_calls_is_waited_for_as_slack_says_apache_airflow_51265(hook, workspace):
    """apache/airflow#47225, apache/airflow#51265: a limit of calls failed the task."""
    workspace.faults.too_many_requests(retry_after="0", when=POST)
    hook.post("alerts", "one")
    assert texts(workspace) == ["one"]


def test_a_wait_beyond_the_deadline_is_the_tasks(hook, workspace):
    workspace.faults.too_many_requests(retry_after="600", when=POST)
    with pytest.raises(ProviderError) as caught:
        hook.post("alerts", "one")
    assert (caught.value.kind, caught.value.retry_after_s) == ("throttled", 600.0)
    assert len(workspace.asked(POST)) == 1


@pytest.mark.parametrize("thread", [False, True])
def test_an_answer_that_got_lost_makes_no_second_message(hook, workspace, thread):
    first = hook.post("alerts", "first").ts if thread else ""
    workspace.faults.reset_after(when=POST)
    posted = hook.post("alerts", "one", thread_ts=first, key="k1")
    assert [each.ts for each in workspace.shown() if each.fields["text"] == "one"] == [posted.ts]


def test_a_message_that_did_not_get_there_is_posted_again(hook, workspace):
    workspace.faults.reset_before(when=POST)
    hook.post("alerts", "one", key="k1")
    assert texts(workspace) == ["one"]


def test_without_a_key_a_lost_answer_is_an_error_and_not_a_second_message(hook, workspace):
    workspace.faults.server_error(when=POST)
    assert kind_of(hook.post, "alerts", "one")[0] == "transient"
    assert len(workspace.asked(POST)) == 1


def test_without_the_scope_to_look_a_message_goes_out_at_least_once(hook, workspace, capsys):
    workspace.scopes.discard("channels:history")
    workspace.faults.reset_before(when=POST)
    hook.post("alerts", "one", key="k1")
    assert texts(workspace) == ["one"]
    assert "channels:history" in capsys.readouterr().out


def test_a_burst_is_let_through_and_what_follows_waits_its_turn(hook, workspace, paused):
    for number in range(6):
        hook.post("alerts", str(number))
    hook.post("general", "another channel")
    assert paused == [1.0, 2.0]


@pytest.mark.parametrize(
    ("spoil", "kind", "hint"),
    [
        (lambda w: w.scopes.discard("chat:write"), "permission", "chat:write"),
        (lambda w: w.archived.add("C000000002"), "not_found", "Unarchive"),
        (lambda w: setattr(w, "token", "xoxb-other"), "auth", "token of the connection 'slack_default'"),
        (lambda w: w.channels.clear(), "not_found", "invite the app"),
    ],
)
def test_a_refusal_has_its_kind_and_says_what_to_do_and_is_not_repeated(hook, workspace, spoil, kind, hint):
    spoil(workspace)
    with pytest.raises(ProviderError) as caught:
        hook.post("alerts", "one")
    assert caught.value.kind == kind
    assert hint in str(caught.value)
    assert len(workspace.asked(POST)) == 1


def test_a_page_of_a_proxy_is_no_answer(hook, workspace):
    page = HttpAnswer(200, {"Content-Type": "text/html"}, b"<html>log in</html>")
    workspace.faults.append(Order(lambda request: page, times=2, when="POST /api/auth.test"))
    kind, code = kind_of(hook.own_user_id)
    assert (kind, code) == ("transient", "")


def test_a_file_goes_up_piece_by_piece_and_is_seen_once(hook, workspace, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_bytes(b"x" * 3_000_000)
    workspace.faults.reset_after(when="POST /api/files.completeUploadExternal")
    file_id = hook.upload(file, "#alerts", comment="the rows")
    found = workspace.files[file_id]
    assert (len(found.content), found.channel, found.name) == (3_000_000, "C000000002", "rows.csv")
    assert texts(workspace) == ["the rows"]


def test_an_upload_that_broke_off_is_made_again(hook, workspace):
    workspace.faults.server_error(when="POST files.slack.com/upload/v1/{id}")
    file_id = hook.upload(b"a,b\n", "alerts", filename="rows.csv")
    assert workspace.files[file_id].content == b"a,b\n"
    assert len(texts(workspace)) == 1


def test_an_upload_that_is_refused_is_no_lost_connection(hook, workspace):
    workspace.faults.server_error(status=403, when="POST files.slack.com/upload/v1/{id}")
    with pytest.raises(ProviderError) as caught:
        hook.upload(b"a,b\n", "alerts", filename="rows.csv")
    assert (caught.value.kind, caught.value.http_status) == ("permission", 403)


def test_a_file_that_is_not_there_or_empty_is_refused_before_a_request(hook, workspace, tmp_path):
    assert kind_of(hook.upload, tmp_path / "none.csv", "C000000002")[0] == "invalid"
    assert kind_of(hook.upload, b"", "C000000002")[0] == "invalid"
    assert workspace.requests == []


def test_a_user_is_found_by_mail_address(hook):
    assert hook.user_id("ann@example.com") == "U0000000ANN"
    assert kind_of(hook.user_id, "bob@example.com") == ("not_found", "users_not_found")


def test_a_webhook_sends_and_its_refusals_have_kinds(webhook, workspace, connection):
    webhook.send("one", unfurl_links=False)
    assert texts(workspace, "general") == ["one"]
    extra = {**connection.extra, "webhook_url": workspace.webhook_url + "x"}
    gone = SlackWebhookHook(connection=msgspec.structs.replace(connection, extra=extra))
    assert kind_of(gone.send, "one") == ("not_found", "no_service")
    workspace.archived.add("C000000001")
    assert kind_of(webhook.send, "one") == ("not_found", "channel_is_archived")


def test_a_connection_of_a_webhook_alone_is_tested_by_it(workspace, connection):
    extra = {"webhook_url": workspace.webhook_url}
    alone = msgspec.structs.replace(connection, password="", extra=extra)

    report = SlackHook(connection=alone).test_connection()

    assert (report.ok, report.endpoint) == (True, "https://hooks.slack.com")
    assert "webhook takes messages" in report.detail


def test_a_webhook_sends_again_only_what_was_not_taken(webhook, workspace):
    workspace.faults.too_many_requests(retry_after="0")
    webhook.send("one")
    workspace.faults.reset_after()
    assert kind_of(webhook.send, "two")[0] in ("transient", "timeout")
    assert texts(workspace, "general") == ["one", "two"]


def test_errors_name_host_and_connection_and_neither_token_nor_webhook(hook, webhook, workspace, connection, caplog):
    caplog.set_level(logging.DEBUG)
    workspace.faults.reset_before(4)
    with pytest.raises(ProviderError) as one:
        hook.own_user_id()
    with pytest.raises(ProviderError) as two:
        webhook.send("one")
    workspace.faults.clear()
    told = caplog.text + str(one.value) + str(two.value) + repr(hook.fields)
    assert [each for each in connection.secrets() if each in told] == []
    assert "https://slack.com/api/ is where the connection 'slack_default' should lead" in str(one.value)
    assert "https://hooks.slack.com is where the connection 'slack_default' should lead" in str(two.value)


@pytest.mark.parametrize(
    ("extra", "password", "told"),
    [
        ({}, "", "neither a token"),
        ({"webhook_url": "hooks.slack.com/x"}, "", "must begin with https://"),
        ({}, "https://hooks.slack.com/services/x", "give a webhook's URL as webhook_url"),
        ({"timeout_s": 0}, "t", "timeout_s must be greater than 0"),
    ],
)
def test_a_connection_that_cannot_be_right_is_refused(connection, extra, password, told):
    wrong = msgspec.structs.replace(connection, extra=extra, password=password)
    with pytest.raises(ConfigError, match=told):
        _ = SlackHook(connection=wrong).fields


def test_each_hook_wants_its_own_credential(connection):
    with pytest.raises(ProviderError, match="by a webhook_url alone, SlackWebhookOperator and SlackWebhookHook send"):
        SlackHook(connection=msgspec.structs.replace(connection, password="")).own_user_id()
    with pytest.raises(ProviderError, match="SlackHook takes a token"):
        SlackWebhookHook(connection=msgspec.structs.replace(connection, extra={})).send("one")
