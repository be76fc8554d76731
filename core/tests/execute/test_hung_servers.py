"""A server that is stopped instead of killed costs its own tries, and nobody else's."""

import os
import signal
import socket
import time
from pathlib import Path

import msgspec
import pytest

from penstock.execute.environment import Server, Submitted
from penstock.execute.serving.file_server import NO_ROOM_S
from penstock.execute.spawn_messages import Open
from penstock.model.state import Outcome
from penstock.spec.executor import FileCode, Heartbeat, TryFinished

from .conftest import HEAD

HANGS = "@task\ndef t(): time.sleep(600)\n@task\ndef ok(): return 1\nt(); ok()"


def parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.fixture
def two_files(alert_bench):
    """Two DAG files whose tasks hang, each with a running try."""
    bench = alert_bench
    bench.write(HANGS)
    (bench.folder / "e.py").write_text((bench.folder / "d.py").read_text())
    code = FileCode(bench.folder.name, "e.py")
    (one,), (other,) = bench.submit("t"), bench.submit("t", code=code)
    return bench, code, (one, bench.wait_started(one)), (other, bench.wait_started(other))


def test_a_file_server_that_is_stopped_is_ended_once_it_does_not_end_a_try(two_files):
    bench, code, (one, one_pid), (other, other_pid) = two_files
    os.kill(parent(one_pid), signal.SIGSTOP)
    assert bench.cancel(one, "no heartbeat named it").outcome is Outcome.LOST
    bench.until(lambda: not bench.alive(one_pid))
    assert bench.alive(other_pid)
    assert bench.finished(other) is None
    assert bench.run("ok").outcome is Outcome.SUCCESS
    assert bench.run("ok", code=code).outcome is Outcome.SUCCESS


def test_a_try_for_which_there_is_no_process_at_this_moment_asks_for_a_pause(bench):
    full = (
        "import os, resource\nmost = max(map(int, os.listdir('/proc/self/fd'))) + 5\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (most, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))\n"
    )
    bench.write("@task\ndef t(): return 1\nt()", head=full + HEAD)
    end = bench.run("t")
    assert "no process could be made for it" in end.error
    assert (end.outcome, end.retry_after_s) == (Outcome.LOST, NO_ROOM_S)


@pytest.mark.parametrize(
    ("cancelled", "heard", "now", "hung"),
    [
        (None, 0, 100, False),
        (10, 5, 14, False),
        (10, 5, 16, True),
        (10, 11, 14, False),
        pytest.param(10, 11, 17, True, id="a heartbeat of before the cancellation that is read after it"),
        pytest.param(10, 59, 60, False, id="one that lives, whose try does not end"),
    ],
)
def test_a_server_is_hung_if_it_ends_no_try_and_is_not_heard(two_ends, cancelled, heard, now, hung):
    server = Server(two_ends[0], Open("", None, 1.0), 0.0)
    if cancelled is not None:
        server.cancel(Submitted(1, None, b""), "over", cancelled)
    server.last_heartbeat_s = heard
    assert server.is_hung(now, 5.0) is hung


@pytest.fixture
def two_ends():
    ends = socket.socketpair()
    yield ends
    for each in ends:
        each.close()


def test_a_heartbeat_names_the_tries_of_its_own_server_alone(two_files):
    bench, _, (one, one_pid), (other, _) = two_files
    os.kill(parent(one_pid), signal.SIGSTOP)
    bench.events.clear()
    named = lambda: {name for e in bench.events if isinstance(e, Heartbeat) for name in e.tries}  # noqa: E731
    bench.until(lambda: (other.key, other.epoch) in named())
    assert (one.key, one.epoch) not in named()


def test_heartbeats_are_no_more_frequent_after_many_tries_than_after_one(alert_bench):
    bench = alert_bench
    bench.write("@task\ndef waits(): time.sleep(600)\n@task\ndef ok(): return 1\nwaits(); ok()")
    for _ in range(20):
        assert bench.run("ok").outcome is Outcome.SUCCESS
    (waiting,) = bench.submit("waits")
    bench.wait_started(waiting)
    bench.events.clear()
    beats = lambda: [e for e in bench.events if isinstance(e, Heartbeat)]  # noqa: E731
    began = time.monotonic()
    bench.until(lambda: len(beats()) >= 8)
    # Two speak of a try: its server and, while its file is imported, the executor; each once in half a second.
    assert len(beats()) <= 2 + (time.monotonic() - began) / 0.25


def test_a_spawn_server_that_is_stopped_is_started_again_for_the_next_file(alert_bench):
    bench = alert_bench
    bench.write(HANGS)
    os.kill(bench.environment._process.pid, signal.SIGSTOP)
    assert bench.run("ok").outcome is Outcome.LOST
    assert bench.run("ok").outcome is Outcome.SUCCESS


def test_a_question_that_cannot_be_read_fails_its_own_try(bench):
    bench.write(
        "import struct\n@task\ndef t():\n"
        "    os.write(3, struct.pack('!IBI', 3, 12, 1) + b'abc')\n"
        "    time.sleep(600)\n@task\ndef ok(): return 1\nt(); ok()"
    )
    finished = bench.run("t")
    assert (finished.outcome, finished.retryable) == (Outcome.FAILED, False)
    assert "unreadable question" in finished.error
    assert bench.run("ok").outcome is Outcome.SUCCESS


def test_a_run_whose_conf_no_wire_carries_fails_its_own_try(bench):
    bench.write("@task\ndef ok(): return 1\nok()")
    plain = bench.request("ok")
    request = msgspec.structs.replace(plain, facts=msgspec.structs.replace(plain.facts, conf={"n": 2**70}))
    bench.executor.submit([request])
    (finished,) = bench.wait(request)
    assert (finished.outcome, finished.retryable) == (Outcome.FAILED, False)
    assert "the run's conf" in finished.error
    assert bench.run("ok").outcome is Outcome.SUCCESS


@pytest.mark.parametrize("at", ["float('inf')", "1e18", "None"])
def test_a_clock_that_a_task_has_broken_harms_nobody(bench, at):
    bench.write(f"@task\ndef t():\n    time.time = lambda: {at}\n    return 1\nt()")
    before = len(bench.events)
    assert bench.run("t").outcome is Outcome.SUCCESS
    assert all(isinstance(e.at.year, int) for e in bench.events[before:] if isinstance(e, TryFinished))


def test_tries_end_by_themselves_at_the_instant_to_which_they_were_extended(alert_bench):
    bench = alert_bench
    bench.write(
        "@task\ndef t():\n    subprocess.Popen(['sleep', '600'], start_new_session=True)\n    time.sleep(600)\n"
        "@task\ndef ok(): return 1\nt(); ok()"
    )
    bench.executor.renew_lease(time.monotonic() + 60)
    (running,) = bench.submit("t")
    pid = bench.wait_started(running)
    bench.until(lambda: children(pid))
    (detached,) = children(pid)
    # Nobody calls the executor meanwhile, as if its scheduler hung.
    bench.executor.renew_lease(time.monotonic() + 0.3)
    while bench.alive(pid) or bench.alive(detached):
        time.sleep(0.02)  # a real process is waited for, from outside
    assert bench.wait(running)[-1].outcome is Outcome.LOST
    bench.until(lambda: bench.environment._process.poll() is not None)
    bench.executor.renew_lease(time.monotonic() + 60)
    assert bench.run("ok").outcome is Outcome.SUCCESS


@pytest.mark.parametrize("left_s", [0.3, -1.0], ids=["while its file is imported", "before that begins"])
def test_a_try_whose_time_was_over_before_its_file_was_imported_is_lost_and_has_not_failed(alert_bench, left_s):
    bench = alert_bench
    bench.write("time.sleep(3)\n@task\ndef t(): return 1\nt()")
    bench.executor.renew_lease(time.monotonic() + left_s)
    (waiting,) = bench.submit("t")
    if left_s < 0:
        bench.executor.renew_lease(time.monotonic() + 60)  # an answer that came late, and the next one
    bench.until(lambda: bench.finished(waiting) is not None)
    # Where the next answer comes before the spawn server has looked, it has nothing to end.
    assert bench.finished(waiting).end.outcome in {Outcome.LOST, *([Outcome.SUCCESS] if left_s < 0 else [])}


def children(pid):
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
