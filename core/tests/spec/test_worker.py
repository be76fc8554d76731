"""A far executor's worker: one try in a process of its own, from nothing but what its host hands it."""

import threading
import time
from pathlib import Path

import pytest

from penstock.errors import NotFoundError, ServerError
from penstock.load.snapshot import Snapshots
from penstock.model.attempt import TryFacts, TryInputs
from penstock.model.state import Outcome
from penstock.spec.executor import FileCode, LogBounds, TryRequest
from penstock.spec.snapshot import pack
from penstock.spec.wire import Reply
from penstock.spec.worker import Worker, run

DAG = """
import os, subprocess, sys, time
from penstock import DAG, Variable, task
with DAG("d", schedule=None):
    @task
    def double(n): return 2 * n
    @task
    def asks(): print("told", Variable.get("password")); return 1
    @task
    def raises(): raise KeyError("missing")
    @task
    def dies(): os._exit(3)
    @task
    def hangs():
        child = subprocess.Popen(["sleep", "600"])
        print(child.pid, flush=True)
        time.sleep(600)
    @task
    def babbles(): os.write(int(sys.argv[2]), b"\\0\\0\\0\\1\\x0b\\0\\0\\0\\0x"); time.sleep(60)
    @task
    def floods(): print("line\\n" * 999); raise KeyError("the end")

    floods(); double(asks()); raises(); dies(); hangs(); babbles()
"""


class Host:
    """An executor that is nothing but a list of what it was told."""

    def __init__(self, source):
        self._source = source
        self.pid, self.output, self.asked, self.fetched = 0, b"", [], 0
        self.printed = threading.Event()

    def started(self, pid):
        self.pid = pid

    def ask(self, ask):
        self.asked.append((ask.method, *ask.args))
        if ask.method != "variable":
            raise ConnectionError("the line is cut")
        return Reply("hunter2-hunter2", secrets=("hunter2-hunter2",))

    def log(self, data):
        self.output += data
        if b"\n" in data:
            self.printed.set()

    def snapshot(self, wanted):
        self.fetched += 1
        if self._source.name != wanted:
            raise NotFoundError("source snapshot", wanted)
        return pack(self._source)


def assert_nothing_is_left_of(host):
    deadline = time.monotonic() + 30
    while alive(int(host.output.split()[0])) or alive(host.pid):
        assert time.monotonic() < deadline, "a process of the try outlived it"


@pytest.fixture
def source(tmp_path):
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "d.py").write_text(DAG)
    return Snapshots(tmp_path / "dags", tmp_path / "state").take().path


@pytest.fixture
def request_of(source):
    def make(task_id, *, snapshot="", **given):
        facts, code = TryFacts("d", "r", task_id), FileCode(snapshot or source.name, "d.py")
        return TryRequest(run=1, epoch=1, facts=facts, code=code, log="file:///nowhere", **given)

    return make


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_a_try_runs_from_a_snapshot_that_is_fetched_once(source, request_of, tmp_path):
    host = Host(source)
    inputs = TryInputs({"asks": {"return_value": b"21"}})
    for _ in range(2):
        end = run(request_of("double", inputs=inputs), host, tmp_path / "far")
        assert (end.outcome, end.xcoms["return_value"].json) == (Outcome.SUCCESS, b"42")
    assert host.fetched == 1


def test_what_it_asks_goes_to_the_host_and_secrets_do_not_come_back(source, request_of, tmp_path):
    host = Host(source)
    assert run(request_of("asks"), host, tmp_path / "far").outcome is Outcome.SUCCESS
    assert host.asked == [("variable", "password")]
    assert host.output == b"told ***\n"


def test_of_a_log_beyond_its_bound_the_host_is_told_head_and_end(source, request_of, tmp_path):
    host = Host(source)
    assert run(request_of("floods", log_bounds=LogBounds(2000)), host, tmp_path / "far").outcome is Outcome.FAILED
    assert host.output.startswith(b"line\n")
    assert b"this log has come to its bound of 2,000 bytes" in host.output
    assert host.output.rstrip().endswith(b"KeyError: 'the end'")
    assert len(host.output) < 2300


@pytest.mark.parametrize(
    ("task_id", "outcome", "error"),
    [
        ("raises", Outcome.FAILED, "KeyError: 'missing'"),
        ("dies", Outcome.FAILED, "exit code 3"),
        ("babbles", Outcome.FAILED, "unreadable message"),
    ],
)
def test_a_try_that_goes_wrong_says_how(source, request_of, tmp_path, task_id, outcome, error):
    end = run(request_of(task_id), Host(source), tmp_path / "far")
    assert end.outcome is outcome
    assert error in end.error


def test_a_try_that_is_cancelled_takes_what_it_started_with_it(source, request_of, tmp_path):
    host = Host(source)
    worker = Worker(request_of("hangs"), host, tmp_path / "far")
    ends = []
    thread = threading.Thread(target=lambda: ends.append(worker.run()))
    thread.start()
    assert host.printed.wait(30)
    worker.cancel("by ann")
    thread.join(30)
    (end,) = ends
    assert end.outcome is Outcome.CANCELLED
    assert "by ann" in end.error
    assert_nothing_is_left_of(host)


def test_a_try_that_is_out_of_time_takes_what_it_started_with_it(source, request_of, tmp_path):
    for limit_s in (1.0, 5.0, 25.0, 125.0):  # on a slow machine a try may be out of time before it starts anything
        host = Host(source)
        end = run(request_of("hangs", timeout_s=limit_s), host, tmp_path / "far")
        assert end.outcome is Outcome.TIMED_OUT
        assert f"execution_timeout, {limit_s:g} s" in end.error
        if host.printed.is_set():
            break
    assert_nothing_is_left_of(host)


def unreachable(wanted):
    raise ServerError(f"nobody answers who has {wanted}")


@pytest.mark.parametrize(("fault", "outcome"), [
    ("gone", Outcome.FAILED), ("another", Outcome.FAILED), ("none", Outcome.FAILED), ("away", Outcome.LOST),
])  # fmt: skip
def test_a_try_whose_code_cannot_be_had_fails_unless_another_worker_may_have_it(
    source, request_of, tmp_path, fault, outcome
):
    host = Host(source)
    wanted = "0" * 40
    if fault == "another":
        host.snapshot = lambda _wanted: pack(source)
    elif fault == "none":
        host.snapshot = lambda _wanted: b"no archive"
    elif fault == "away":
        host.snapshot = unreachable
    end = run(request_of("double", snapshot=wanted), host, tmp_path / "far")
    assert end.outcome is outcome
    assert wanted in end.error
    assert not (tmp_path / "far" / wanted).exists()
