"""Alerts are gathered, sent, tried again and given up, and a kill at any point loses and doubles none."""

import os
import select
import shutil
import signal
import sqlite3
from contextlib import closing

import msgspec
import pytest

from penstock.errors import StoreUnavailableError
from penstock.model.state import DeliveryState
from penstock.notify.alerts import composer
from penstock.notify.alerts.channel_child import sending
from penstock.notify.alerts.channel_process import ChannelProcess
from penstock.notify.alerts.channels import Outgoing
from penstock.spec.notifier import AlertMessage
from penstock.store.outbox import alerts
from penstock.store.outbox.alerts import Alerts
from penstock.store.transaction import Transaction
from penstock_testkit.nightly import at_night

from .conftest import NOW, Desk, failed, rule, run_ended

TWO = ("ops", "boss")
MESSAGE = msgspec.msgpack.encode({"key": "k", "title": "called", "text": ""})


def titles(desk, channel="ops"):
    return [title for name, _, title, _ in desk.taken() if name == channel]


def test_one_alert_is_sent_when_its_window_is_over(desk):
    found = desk(rule("task_failed"))
    found.fail("a")
    found.work()
    assert found.taken() == []
    found.wait(10)
    assert titles(found) == ["Task a of DAG d, run r1, failed"]
    found.wait(100)
    assert len(found.taken()) == 1


def test_two_thousand_failures_at_once_are_one_digest_a_channel(desk):
    found = desk(rule("task_failed", to=TWO))
    found.fail(*(f"t{number}" for number in range(2000)))
    found.wait(20)
    assert sorted((channel, title) for channel, _, title, _ in found.taken()) == [
        (channel, "2,000 alerts: 2,000 x task_failed in DAG d") for channel in sorted(TWO)
    ]
    assert "- Task t0 of DAG d, run r1, failed: no box" in found.taken()[0][3]
    assert "... and 1,980 more" in found.taken()[0][3]


def test_a_channel_that_is_down_for_ten_minutes_costs_no_other_and_gets_everything_once(desk):
    found = desk(rule("task_failed"), rule("run_failed", to="boss"))
    (found.folder / "down").touch()
    found.fail("a")
    found.wait(300)
    found.fail(*(f"t{number}" for number in range(50)), run=2)
    found.wait(300)
    assert found.taken() == []
    assert "the alert channel 'ops': the service is down; it is tried again in 10 s" in found.told
    (delivery,) = found.store.alerts.open()
    assert (delivery.failure, delivery.attempts) == ("the service is down", 6)
    (found.folder / "down").unlink()
    found.wait(700)
    assert titles(found) == ["Task a of DAG d, run r1, failed", "50 alerts: 50 x task_failed in DAG d"]
    assert found.store.alerts.open() == []


def test_what_cannot_be_delivered_expires(desk):
    found = desk(rule("task_failed"), expire_s=100.0)
    (found.folder / "down").touch()
    found.fail("a")
    found.wait(120)
    assert [(each.state, each.failure) for each in found.store.alerts.given_up()] == [
        (DeliveryState.EXPIRED, "the service is down")
    ]
    assert found.told[-1] == "the alert channel 'ops' gives up a message: the service is down"


@pytest.mark.parametrize("set_s", [3 * 86400.0, -3 * 86400.0])
def test_a_clock_that_is_set_neither_gives_up_a_message_nor_keeps_it_waiting(desk, set_s):
    found = desk(rule("task_failed"))
    (found.folder / "down").touch()
    found.fail("a")
    found.wait(50)
    found.clock.set_s = set_s
    found.wait(50)
    assert found.store.alerts.given_up() == []
    (found.folder / "down").unlink()
    found.wait(600, step=100)
    assert titles(found) == ["Task a of DAG d, run r1, failed"]


def test_a_message_at_which_the_process_dies_is_given_up(desk):
    found = desk(rule("task_failed"))
    (found.folder / "kill").touch()
    found.fail("a")
    found.wait(200)
    (lost,) = found.store.alerts.given_up()
    assert (lost.state, lost.attempts) == (DeliveryState.REFUSED, 3)
    assert "killed by SIGKILL (Killed) at it" in lost.failure


def test_a_message_to_a_service_that_does_not_answer_waits_for_it(desk):
    found = desk(rule("task_failed"))
    (found.folder / "hang").touch()
    found.fail("a")
    found.watch.step()
    found.channels.step()
    for _ in range(5):
        found.clock.passed_s += 600
        found.hang()
    assert found.store.alerts.given_up() == []
    assert "it took longer than 30 s and was ended" in found.told[-1]
    (found.folder / "hang").unlink()
    found.wait(700, step=100)
    assert titles(found) == ["Task a of DAG d, run r1, failed"]


def test_channels_that_hang_hold_up_no_other(desk):
    names = [f"slow{number}" for number in range(9)]
    found = desk(rule("task_failed", to=names), rule("run_failed", to="ops"))
    (found.folder / "hang").touch()
    found.fail("a")
    found.watch.step()
    found.channels.step()
    found.clock.passed_s += 10
    while found.channels._at_work.keys() != set(names):
        found.channels.step()
        select.select(found.channels.readable, [], [], 0.05)
    (found.folder / "hang").unlink()
    found.notices([run_ended()])
    found.watch.step()
    found.channels.step()
    found.clock.passed_s += 10
    while titles(found) != ["Run r1 of DAG d failed"]:
        found.channels.step()
        select.select(found.channels.readable, [], [], 0.05)
    assert found.channels._at_work.keys() >= set(names), "they hang on, and it waited for none of them"


def test_functions_wait_for_eight_others_that_hang_until_these_are_ended(desk):
    versions = [f"callback:{number}" for number in range(8)]
    found = desk(rule("task_failed", to=versions), rule("run_failed", to="callback:last"))
    found.channels._ports = found.channels._ports._replace(compose=lambda delivery: Outgoing(MESSAGE, print))
    (found.folder / "hang").touch()
    found.fail("a")
    found.watch.step()
    while found.channels._at_work.keys() != set(versions):
        found.channels.step()
        select.select(found.channels.readable, [], [], 0.05)
    found.notices([run_ended()])
    found.watch.step()
    found.channels.step()
    assert "callback:last" not in found.channels._processes
    assert found.channels.due == found.clock.monotonic() + 30, "it does not spin meanwhile"
    (found.folder / "hang").unlink()
    found.clock.passed_s += 30
    while not titles(found, "callback:last"):
        found.channels.step()
        select.select(found.channels.readable, [], [], 0.05)


def test_a_message_whose_log_is_being_read_waits_for_it_and_no_other_does(desk):
    found = desk(rule("task_failed"), rule("run_failed", to="boss"))
    composed, ready = found.channels._ports.compose, set()
    found.channels._ports = found.channels._ports._replace(
        compose=lambda delivery: composed(delivery) if delivery.channel in ready | {"boss"} else None
    )
    found.fail("a")
    found.notices([run_ended()])
    found.work()
    found.wait(10)
    assert titles(found, "boss") == ["Run r1 of DAG d failed"]
    assert (titles(found), found.store.alerts.open()[0].attempts) == ([], 0)
    ready.add("ops")
    found.work()
    assert titles(found) == ["Task a of DAG d, run r1, failed"]


def test_functions_that_take_too_long_are_not_called_for_ever(desk):
    found = desk(rule("task_failed", to="callback:0"))
    found.channels._ports = found.channels._ports._replace(compose=lambda delivery: Outgoing(b"\x80", print))
    (found.folder / "hang").touch()
    found.fail("a")
    found.watch.step()
    for _ in range(3):
        found.clock.passed_s += 600
        found.hang()
    (lost,) = found.store.alerts.given_up()
    assert "it took longer than 30 s" in lost.failure


def test_a_process_that_sends_nonsense_counts_as_one_that_ended(desk):
    found = desk(rule("task_failed"))
    (found.folder / "babble").touch()
    found.fail("a")
    found.wait(20)
    assert "at it; it is tried again in 10 s" in found.told[0]


def test_a_channel_that_holds_all_that_it_can_says_that_more_was_dropped(desk, monkeypatch):
    monkeypatch.setattr(alerts, "KEPT", 7)
    monkeypatch.setattr(composer, "KEPT", 7)
    found = desk(rule("task_failed"))
    found.fail(*(f"t{number}" for number in range(20)))
    found.wait(20)
    ((_, _, title, text),) = found.taken()
    assert title == "7 alerts: 7 x task_failed in DAG d"
    assert "what came after them was dropped" in text


def test_a_send_that_is_a_coroutine_is_awaited():
    class Later:
        async def send(self, message):
            sent.append(message.title)

    sent = []
    sending(Later())(msgspec.msgpack.encode(AlertMessage("k", "a title", "", NOW)))
    assert sent == ["a title"]


def test_the_same_notice_twice_makes_one_alert(desk):
    found = desk(rule("task_failed"))
    for _ in range(2):
        found.notices([failed("a")])
        found.wait(20)
    assert len(found.taken()) == 1


def test_the_first_success_after_a_failure_recovers_and_the_next_one_does_not(desk):
    found = desk(rule("run_recovered"))
    for run, state in enumerate(("success", "failed", "failed", "success", "success"), 1):
        found.notices([run_ended(state, run)])
        found.wait(20)
    assert titles(found) == ["Run r4 of DAG d succeeded again after a failure"]


POINTS = (
    (Alerts, "keep"), (Alerts, "bundle"), (Alerts, "claim"), (ChannelProcess, "send"), (Alerts, "end_attempt"),
    (Transaction, "insert_absent"), (Transaction, "execute"), (Transaction, "execute_many"),
)  # fmt: skip


def killed_at(point, work):
    """Work in a process of its own that is killed at a point: before or after the calls of `POINTS`; -1 for never."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
        return os.WIFSIGNALED(status)
    passed = -1

    def here():
        nonlocal passed
        passed += 1
        if passed == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def watched(method, *, before):
        def call(*args, **kwargs):
            if before:
                here()
            result = method(*args, **kwargs)
            here()
            return result

        return call

    try:
        for owner, name in POINTS:
            setattr(owner, name, watched(getattr(owner, name), before=owner is not Transaction))
        work()
        os._exit(0)
    finally:
        os._exit(1)


def fails(channels):
    """Go on until the database cannot be had."""
    try:
        while True:
            channels.step()
            select.select(channels.readable, [], [], 0.05)
    except StoreUnavailableError:
        return True


def test_what_is_sent_while_the_database_is_locked_is_not_sent_again(tmp_path, keyring):
    found = Desk(tmp_path, f"sqlite:///{tmp_path}/penstock.db", keyring, [rule("task_failed")], wait_s=0.05, window_s=0)
    found.fail("a")
    found.watch.step()
    while not found.channels.busy:
        found.channels.step()
        select.select(found.channels.readable, [], [], 0.05)
    with closing(sqlite3.connect(tmp_path / "penstock.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        while not found.taken():
            select.select([], [], [], 0.05)
        for _ in range(2):
            assert fails(found.channels)
        other.execute("ROLLBACK")
    found.work()
    found.wait(700, step=100)
    assert (len(found.taken()), found.store.alerts.open()) == (1, [])
    found.close()


def test_a_notifier_that_is_killed_anywhere_neither_loses_an_alert_nor_makes_one_twice(tmp_path, keyring):
    def desk(folder):
        return Desk(folder, f"sqlite:///{folder}/penstock.db", keyring, [rule("task_failed")], singly=1)

    def go_on(folder):
        found = desk(folder)
        found.work()
        found.wait(60, step=20)

    new = tmp_path / "new"
    new.mkdir()
    found = desk(new)
    found.fail("a", "b", "c")
    found.close()
    points, again, step = 0, 0, at_night(1, 3)
    while True:
        folder = tmp_path / str(points)
        shutil.copytree(new, folder)
        if not killed_at(points, lambda: go_on(folder)):  # noqa: B023 - called at once
            break
        found = desk(folder)
        found.work()
        found.wait(60, step=20)
        sent = found.taken()
        assert {title for _, _, title, _ in sent} == {"3 alerts: 3 x task_failed in DAG d"}
        assert len({key for _, key, _, _ in sent}) == 1, "always the same message, under the same key"
        again += len(sent) - 1
        assert found.store.alerts.open() == found.store.alerts.waiting() == []
        found.close()
        points += step
    assert points >= 20
    assert again <= 4, "a message goes out again only if the notifier was killed while its channel had it"


@pytest.mark.parametrize("name", ["gone", "callback:0000"])
def test_a_channel_or_a_version_that_is_gone_gives_up_with_a_sentence(desk, name):
    found = desk(rule("task_failed", to=name))
    found.channels._ports = found.channels._ports._replace(
        command=lambda name: (_ for _ in ()).throw(LookupError("no " + name))
    )
    found.fail("a")
    found.wait(20)
    (lost,) = found.store.alerts.given_up()
    assert lost.state is DeliveryState.REFUSED
