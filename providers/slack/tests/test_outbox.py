"""Alerts from the database to Slack by the real outbox and the real process of a channel; only the clock is moved by hand."""

import os
import select
import signal
import sys
import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from penstock import Connection
from penstock.alerts.rules import Rules, SiteRule
from penstock.model.changes import Changes
from penstock.model.dag import AlertRule
from penstock.model.notice import TaskStateChanged
from penstock.model.state import AlertEvent
from penstock.notify.alerts.alert_watch import AlertWatch
from penstock.notify.alerts.channels import ChannelPorts, Channels, Limits
from penstock.notify.alerts.composer import Composer, Sources
from penstock.notify.alerts.log_tails import LogTail
from penstock.spec.wire import Reply
from penstock.store import ALERTS, Keyring, Store, new_key
from penstock_testkit.saas import plain_http
from penstock_testkit.slack import SlackWorkspace

PATIENCE_S = 60.0
POST = "POST /api/chat.postMessage"
CHANNEL = """
import socket, sys
from penstock.notify.alerts.channel_child import run_channel, sending
from penstock_slack.notifiers import SlackNotifier

run_channel(socket.socket(fileno=int(sys.argv[1])), lambda channel: sending(SlackNotifier("alerts")))
"""


class Desk:
    """The outbox of one channel, and the process that sends what is in it."""

    def __init__(self, folder, connection):
        self.passed_s, self.begun_at, self.told = 0.0, datetime.now(UTC), []
        self.store = Store.open(f"sqlite:///{folder}/penstock.db", Keyring([new_key()], "the test's key"))
        self.store.outbox.register([ALERTS])
        program = folder / "channel.py"
        program.write_text(CHANNEL)
        reply = Reply(msgspec.to_builtins(connection), secrets=connection.secrets())

        def answer(ask, done):
            done(reply)

        composer = Composer(self.store, Sources(folder, lambda path: LogTail(), "", answer, lambda key: answer))
        ports = ChannelPorts(
            lambda name: [sys.executable, str(program)], composer, folder / "alerts.log",
            lambda: 1000.0 + self.passed_s, self.now, self.told.append,
        )  # fmt: skip
        rule = SiteRule(AlertRule((AlertEvent("task_failed"),), ("slack",)))
        self.watch = AlertWatch(self.store, Rules([rule]), lambda: None, self.told.append)
        self.channels = Channels(self.store, Limits(window_s=10.0, singly=5, expire_s=86400.0, timeout_s=600.0), ports)

    def now(self):
        return self.begun_at + timedelta(seconds=self.passed_s)

    def fail(self, *tasks, run="r1"):
        notices = [
            TaskStateChanged("shop", run, task, -1, 1, "running", "failed", "no box", self.now(), 1, "")
            for task in tasks
        ]
        self.store.apply(Changes(notices=notices), self.now())

    def step(self):
        self.watch.woken()
        self.watch.step()
        self.channels.woken()
        self.channels.step()

    def work(self):
        """Go on until nothing is left to do at this instant of the clock."""
        end = time.monotonic() + PATIENCE_S
        while True:
            self.step()
            at_work = any(each.busy or not each.ready for each in self.processes)
            due = [each for each in (self.watch.due, self.channels.due) if each is not None]
            if not at_work and (not due or min(due) > 1000.0 + self.passed_s):
                return
            assert time.monotonic() < end, self.told
            select.select(self.channels.readable, self.channels.writable, [], 0.05)

    def wait(self, seconds, step=10.0):
        for _ in range(round(seconds / step)):
            self.passed_s += step
            self.work()

    def work_until(self, what):
        end = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < end, self.told
            self.step()
            select.select(self.channels.readable, self.channels.writable, [], 0.05)

    @property
    def processes(self):
        return [each for each in self.channels._processes.values() if each.lives]

    def kill(self):
        (process,) = self.processes
        os.kill(process._process.pid, signal.SIGKILL)

    def close(self):
        self.channels.close()
        self.store.close()


@pytest.fixture
def slack():
    workspace = SlackWorkspace()
    with plain_http(workspace) as url:
        yield workspace, url


@pytest.fixture
def desk(slack, tmp_path):
    workspace, url = slack
    extra = {"base_url": f"{url}/api/", "max_attempts": 2}
    made = Desk(tmp_path, Connection("slack_default", "slack", password=workspace.token, extra=extra))
    yield made
    made.close()


def test_ten_minutes_of_429_fail_nothing_and_every_alert_arrives_once_in_its_thread(desk, slack):
    """Acceptance (i) of the providers: Slack answers 429 for ten minutes."""
    workspace, _ = slack
    workspace.faults.too_many_requests(None, retry_after="30")
    desk.fail("a", "b")
    desk.work()
    desk.wait(600, step=300)
    assert workspace.shown() == []
    assert desk.store.alerts.given_up() == []
    workspace.faults.clear()
    desk.wait(600, step=600)
    first, second = workspace.shown()
    titles = sorted(each.fields["text"] for each in workspace.shown())
    assert titles == [f"Task {task} of DAG shop, run r1, failed" for task in "ab"]
    assert second.fields["thread_ts"] == first.ts
    assert desk.store.alerts.open() == []
    assert "ratelimited" in desk.told[0]


def test_two_thousand_failures_at_once_are_one_message(desk, slack):
    """Acceptance (j) of the providers."""
    workspace, _ = slack
    desk.fail(*(f"t{number}" for number in range(2000)))
    desk.wait(20)
    (message,) = workspace.shown()
    assert message.fields["text"] == "2,000 alerts: 2,000 x task_failed in DAG shop"
    assert "... and 1,980 more" in message.text


def test_a_process_that_is_killed_once_slack_has_the_alert_leaves_one(desk, slack):
    workspace, _ = slack
    held = workspace.faults.hold(when=POST, handled=True)
    desk.fail("a")
    desk.work()
    desk.passed_s += 10
    desk.work_until(lambda: held.requests and workspace.shown())
    desk.kill()
    desk.work_until(lambda: any("killed" in each for each in desk.told))
    held.release()
    workspace.faults.clear()
    desk.wait(60)
    assert [each.fields["text"] for each in workspace.shown()] == ["Task a of DAG shop, run r1, failed"]
    assert (desk.store.alerts.open(), desk.store.alerts.given_up()) == ([], [])
