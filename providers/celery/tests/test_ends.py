"""A try that is to end is ended within a lease wherever it is, and Celery's own revoke ends none."""

import json
import os
import signal
import time

import pytest

from penstock_testkit.nightly import nightly_but
from penstock_testkit.processes import has_ended

pytestmark = [pytest.mark.timeout(200), pytest.mark.xdist_group("celery")]
LEASE_S = 6.0
"""Of the settings of these tests."""
SLACK_S = 12.0
"""What commands take on a busy machine."""


def test_a_try_whose_message_nobody_has_taken_is_withdrawn_at_once(redis):
    redis.worker()
    redis.start("busy-1")
    redis.made.trigger("gated", "untaken")
    redis.made.wait(lambda: redis.waiting() >= 1, "its message waits")
    redis.made.run("runs", "cancel", "gated", "untaken")
    assert redis.made.ended("gated", "untaken", LEASE_S + SLACK_S) == "cancelled"
    redis.open("busy-1")
    redis.made.wait(lambda: redis.waiting() == 0, "the worker takes the message, and finds it of no use")
    redis.start("after")
    redis.open("after")
    assert [redis.made.ended("gated", each) for each in ("busy-1", "after")] == ["success"] * 2
    assert redis.begun("untaken") == set()


WAYS = {
    "cancel": (lambda made, run_id: made.run("runs", "cancel", "gated", run_id), "cancelled"),
    "mark": (lambda made, run_id: made.run("tasks", "mark", "gated", "wait", "failed", "--run", run_id), "failed"),
}


@pytest.mark.parametrize("way", nightly_but(["cancel"], list(WAYS)))
def test_a_try_that_runs_is_ended_and_its_processes_with_it(redis, way):
    act, state = WAYS[way]
    redis.worker()
    pid = redis.start(f"running-{way}")
    act(redis.made, f"running-{way}")
    redis.made.wait(lambda: has_ended(pid), "its process is ended", LEASE_S + SLACK_S)
    assert redis.made.ended("gated", f"running-{way}", LEASE_S + SLACK_S) == state


def test_a_cleared_try_is_ended_and_runs_again(redis):
    redis.worker()
    pid = redis.start("cleared")
    redis.made.run("tasks", "clear", "gated", "wait", "--run", "cleared")
    redis.made.wait(lambda: has_ended(pid), "its process is ended", LEASE_S + SLACK_S)
    redis.made.wait(lambda: len(redis.begun("cleared")) == 2, "it runs again")
    redis.open("cleared")
    assert redis.made.ended("gated", "cleared") == "success"


@pytest.mark.nightly  # its worker is told in the same way
def test_a_try_that_takes_too_long_is_ended(redis):
    redis.worker()
    pid = redis.start("late", "limited")
    redis.made.wait(lambda: has_ended(pid), "its process is ended", 2.0 + LEASE_S + SLACK_S)
    assert redis.made.ended("limited", "late", LEASE_S + SLACK_S) == "failed"


def test_a_try_of_a_stopped_worker_is_ended_by_its_lease_and_its_run_goes_on(redis):
    process, _ = redis.worker()
    pid = redis.start("stopped")
    os.kill(process.pid, signal.SIGSTOP)
    try:
        began_s = time.monotonic()
        redis.made.run("runs", "cancel", "gated", "stopped")
        redis.made.wait(lambda: has_ended(pid), "its spawn server has ended it", LEASE_S + SLACK_S)
        assert redis.made.ended("gated", "stopped", 2 * LEASE_S + SLACK_S) == "cancelled"
        assert time.monotonic() - began_s < 2 * LEASE_S + SLACK_S
    finally:
        os.kill(process.pid, signal.SIGCONT)


def test_celerys_own_revoke_has_no_try_passed_over(redis):
    redis.worker()
    redis.start("busy-2")
    redis.made.trigger("gated", "revoked")
    redis.made.wait(lambda: redis.waiting() >= 1, "its message waits")
    with redis.app.connection_for_read() as connection:
        raw, *_ = connection.default_channel.client.lrange("far", 0, -1)
    name = json.loads(raw)["headers"]["id"]
    answers = redis.app.control.revoke(name, reply=True, timeout=20.0, limit=1)
    assert "a try is ended by Penstock" in json.dumps(answers)
    redis.open("busy-2", "revoked")
    assert redis.made.ended("gated", "revoked") == "success"
    assert len(redis.begun("revoked")) == 1
