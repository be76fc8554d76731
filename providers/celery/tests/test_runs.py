"""Runs whose tries go by a broker to workers, all of them real processes."""

import base64
import json
import os
import re
import signal
import threading

import pytest
from celery.events import EventReceiver

from penstock_testkit.nightly import nightly_but

pytestmark = [pytest.mark.timeout(200), pytest.mark.xdist_group("celery")]


@pytest.mark.parametrize("kind", ["redis", "rabbit"])
def test_a_run_goes_by_a_broker_and_each_try_runs_once(kind, request):
    pool = request.getfixturevalue(kind)
    _, output = pool.worker("--concurrency", "2")
    pool.made.trigger("far", "one")
    assert pool.made.ended("far", "one") == "success"
    assert sorted((pool.gates / "ran").read_text().split()) == list("012345")
    assert "the first one speaks" in pool.made.log("far", "one", "first")
    assert re.fullmatch(r"worker: \S+ is known at [^\n]+\n", output())


@pytest.mark.parametrize("kind", ["redis", "rabbit"])
def test_a_worker_reserves_no_more_than_it_has_slots_for_and_holds_no_message_while_its_try_runs(kind, request):
    pool = request.getfixturevalue(kind)
    pool.worker()
    pool.start("held-1")
    pool.made.trigger("gated", "held-2")
    pool.made.wait(lambda: pool.waiting() >= 1, "the second message waits at the broker")
    (worker,) = pool.app.control.inspect(timeout=20.0, limit=1).reserved().values()
    assert worker == []
    if kind == "redis":
        with pool.app.connection_for_read() as connection:
            client = connection.default_channel.client
            pool.made.wait(lambda: client.hlen("unacked") == 0, "the message of what runs is acknowledged")
    pool.open("held-1", "held-2")
    assert [pool.made.ended("gated", each) for each in ("held-1", "held-2")] == ["success"] * 2
    assert [len(pool.begun(each)) for each in ("held-1", "held-2")] == [1, 1]


def test_a_message_is_a_ticket_alone_and_may_be_doubled_or_dropped(redis):
    redis.worker()
    redis.start("busy")
    redis.made.trigger("gated", "next")
    redis.made.wait(lambda: redis.waiting() >= 1, "its message waits")  # it is rung for anew while nobody takes it
    with redis.app.connection_for_read() as connection:
        client = connection.default_channel.client
        raw, *_ = client.lrange("far", 0, -1)
        message = json.loads(raw)
        (secret,), kwargs, _ = json.loads(base64.b64decode(message["body"]))
        assert (kwargs, message["headers"]["argsrepr"]) == ({}, "(a ticket)")
        assert secret.startswith(message["headers"]["id"] + ".")
        assert secret not in json.dumps(message["headers"])

        client.lpush("far", raw, raw)
        redis.open("busy")
        redis.made.wait(lambda: redis.begun("next"), "the first of three runs")
        redis.made.wait(lambda: redis.waiting() >= 2, "the two others wait, for there is no slot")

        redis.made.trigger("gated", "last")
        redis.made.wait(lambda: redis.waiting() >= 3, "a third one comes")
        client.delete("far")
    redis.open("next", "last")
    assert [redis.made.ended("gated", each) for each in ("next", "last")] == ["success"] * 2
    assert [len(redis.begun(each)) for each in ("busy", "next", "last")] == [1, 1, 1]


@pytest.mark.parametrize("kind", ["redis", "rabbit"])
def test_what_others_have_put_into_a_queue_is_thrown_away_and_ends_no_worker(kind, request):
    pool = request.getfixturevalue(kind)
    _, output = pool.worker()
    ring = {"task": "penstock.ring", "id": "t-x", "lang": "py"}
    with pool.app.connection_for_write() as connection:
        producer = connection.Producer(serializer="json")
        for body, headers in (
            (None, ring),
            (5, ring),
            ([5, {}, {}], ring),
            ([["t-x.y"], {}, {}], {**ring, "task": "evil.rm"}),
            ([["t-x.y"], {}, {}], {**ring, "eta": "2099-01-01T00:00:00Z"}),
        ):
            producer.publish(body, routing_key="far", headers=headers)
        if kind == "redis":
            connection.default_channel.client.lpush("far", b"\xff no message at all")
    pool.start("after-others")
    pool.open("after-others")
    assert pool.made.ended("gated", "after-others") == "success"
    pool.made.wait(lambda: pool.waiting() == 0, "nothing is left in the queue")
    pool.made.wait(lambda: "what was brought is no ticket, and is thrown away" in output(), "it is told")


def test_monitors_see_what_is_so(redis):
    seen = []
    redis.worker()
    app = redis.app
    redis.made.wait(lambda: app.control.enable_events(reply=True, timeout=20.0, limit=1), "it hears its monitor")
    with app.connection_for_read() as connection:
        receiver = EventReceiver(connection, handlers={"*": seen.append}, app=app)
        thread = threading.Thread(target=lambda: receiver.capture(limit=None, timeout=60.0, wakeup=False), daemon=True)
        thread.start()
        redis.start("seen")
        inspect = app.control.inspect(timeout=20.0, limit=1)
        ((name, (active,)),) = inspect.active().items()
        assert name.startswith("penstock@")
        assert active["name"] == "penstock.ring"
        assert active["id"].startswith("t-gated-wait-")
        assert list(inspect.ping().values()) == [{"ok": "pong"}]
        assert inspect.stats()[name]["pool"]["max-concurrency"] == 1

        answers = app.control.revoke(active["id"], terminate=True, reply=True, timeout=20.0, limit=1)
        assert "penstock runs cancel" in json.dumps(answers)
        answers = app.control.terminate(active["id"], signal="KILL", reply=True, timeout=20.0, limit=1)
        assert "penstock runs cancel" in json.dumps(answers)
        redis.open("seen")
        assert redis.made.ended("gated", "seen") == "success"
        kinds = ("task-received", "task-started", "task-succeeded")
        redis.made.wait(lambda: any(each["type"] == kinds[-1] for each in seen), "the end is told")
        found = [each["type"] for each in seen if each.get("uuid") == active["id"]]
        assert found == list(kinds)
        receiver.should_stop = True
        thread.join(60.0)


@pytest.mark.nightly  # a signal does the same, with each change
def test_a_worker_that_drains_ends_what_it_has_and_takes_no_more(redis):
    process, output = redis.worker()
    redis.start("drained")
    redis.made.trigger("gated", "left")
    redis.made.wait(lambda: redis.waiting() >= 1, "another one waits")
    redis.app.control.shutdown()
    redis.made.wait(lambda: "takes no try any more" in output(), "it drains")
    redis.open("drained", "left")
    assert process.wait(30.0) == 0
    assert redis.made.ended("gated", "drained") == "success"
    assert redis.waiting() >= 1
    redis.worker()
    assert redis.made.ended("gated", "left") == "success"


def test_a_signal_drains_a_worker_and_one_without_tries_leaves_by_itself(redis):
    process, output = redis.worker()
    redis.start("signalled")
    process.send_signal(signal.SIGTERM)
    redis.made.wait(lambda: "takes no try any more" in output(), "it drains")
    redis.open("signalled")
    assert process.wait(30.0) == 0
    assert redis.made.ended("gated", "signalled") == "success"
    idle, output = redis.worker("--idle-exit-s", "1")
    assert idle.wait(30.0) == 0
    assert "worker: it has had no try for 1 s, and leaves\n" in output()
    assert "Traceback" not in output()


@pytest.mark.nightly  # what a worker loses is the core's affair, and is tested there with each change
def test_a_killed_worker_loses_its_try_which_another_one_runs(redis):
    process, _ = redis.worker()
    first = redis.start("killed")
    os.killpg(process.pid, signal.SIGKILL)
    redis.worker()
    redis.made.wait(lambda: redis.begun("killed") - {first}, "it runs again")
    redis.open("killed")
    assert redis.made.ended("gated", "killed") == "success"


@pytest.mark.parametrize("kind", nightly_but(["redis"], ["redis", "rabbit"]))
def test_tries_wait_for_a_broker_that_is_away_and_none_fails(kind, request):
    pool = request.getfixturevalue(kind)
    _, told = pool.worker("--concurrency", "2")
    pool.start("outage-1")
    pool.broker.kill()
    pool.made.trigger("gated", "outage-2")

    def why():
        return pool.made.run("tasks", "why", "gated", "wait", "--run", "outage-2")

    pool.made.wait(lambda: "executor 'pool' cannot be reached" in why(), "why says what it waits for")
    assert "a-secret-word" not in why() + pool.made.output("up") + told()
    pool.made.wait(lambda: "is lost, tries that run go on: " in told(), "the worker tells it")
    pool.open("outage-1", "outage-2")
    assert pool.made.ended("gated", "outage-1") == "success"
    pool.broker.start()
    assert pool.made.ended("gated", "outage-2") == "success"
    pool.made.wait(lambda: " is back" in told(), "the worker tells it")
    assert (told().count(" is lost, tries that run go on: "), told().count(" is back")) == (1, 1)
    assert len(pool.begun("outage-2")) == 1
