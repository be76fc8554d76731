"""A delivery over real processes, on a clock that the test sets."""

import resource
import select
import sys
import time
from datetime import UTC, datetime

import pytest

from penstock.model.notice import RunStateChanged, TaskStateChanged
from penstock.notify.delivery import LOAD_S, TRIES, Delivery, Ports
from penstock.processes.supervise import LONGEST_PAUSE_S
from penstock.spec.wire import Reply
from penstock.store import Listener
from penstock_testkit.installations import Site

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATIENCE_S = 60.0
TIMEOUT_S = 10.0
MODULE = """
import os, sys, time
from penstock import Connection, Variable
from penstock.spec.plugin import hookimpl
LOADING

@hookimpl
def penstock_task_state_changed(change):
    print("hears", change.task_id, len(change.reason), flush=True)
    BODY

@hookimpl
def penstock_run_state_changed(change):
    print("hears", change.run_id, flush=True)
"""
MANIFEST = """
schema = 1
id = "acme"
name = "Acme"
doc = "A provider."
spec = ">=1,<2"
imports = ["penstock_acme"]
plugin = "penstock_acme.plugin"
"""


def task(task_id="a", reason=""):
    return TaskStateChanged("d", "r", task_id, -1, 1, "queued", "running", reason, NOW)


class Bench:
    """A delivery, what it logged, and the clock that it goes by."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.now, self.told = folder, 1000.0, []
        self.log = folder / "logs" / "listeners.log"
        self.command = [sys.executable, "-m", "penstock.app.listener", "acme", "penstock_acme.plugin", "", "512"]
        self.row = Listener("acme")
        self.delivery = None
        monkeypatch.setenv("PYTHONPATH", str(folder))

    def open(self, body="pass", loading=""):
        module = MODULE.replace("BODY", body).replace("LOADING", loading)
        Site(self.folder).provider("acme", manifest=MANIFEST, modules={"plugin": module})
        ports = Ports(TIMEOUT_S, self.answer, lambda: self.now, lambda: NOW, self.told.append)
        self.delivery = Delivery(self.row, self.command, self.log, ports)
        return self.delivery

    @staticmethod
    def answer(ask, done):
        if ask.method == "variable":
            done(Reply("blue-" + ask.args[0], secrets=("blue-colour",)))
        else:
            done(Reply(error=f"no {ask.method} here", error_type="NotFoundError"))

    def until(self, found, patience_s=PATIENCE_S):
        """Work, without the delivery's clock moving on."""
        end = time.monotonic() + patience_s
        while not found():
            assert time.monotonic() < end, f"{self.delivery.row} {self.told} {self.printed()}"
            select.select(self.delivery.readable, self.delivery.writable, [], 0.05)
            self.delivery.step()

    def heard(self, number):
        self.until(lambda: self.delivery.row.acknowledged == number)
        return self.delivery.row

    def printed(self):
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def bench(tmp_path, monkeypatch):
    made = Bench(tmp_path, monkeypatch)
    yield made
    made.delivery.close()


def test_notices_are_told_one_after_the_other_in_their_order(bench):
    delivery = bench.open()
    delivery.enqueue([(7, task("a")), (9, RunStateChanged("d", "r", "manual", "running", "success", "", NOW))])
    delivery.enqueue([(12, task("b"))])
    assert (delivery.last_enqueued, delivery.idle) == (12, False)
    row = bench.heard(12)
    bench.until(lambda: len(bench.printed()) == 3)
    assert bench.printed() == ["hears a 0", "hears r", "hears b 0"]
    assert (row.failed, row.missed, delivery.idle, delivery.changed, bench.told) == (0, 0, True, True, [])


def test_a_notice_that_is_larger_than_any_buffer_arrives(bench):
    bench.open().enqueue([(1, task(reason="x" * 3_000_000))])
    bench.heard(1)
    bench.until(lambda: bench.printed() == ["hears a 3000000"])


def test_a_module_is_answered_and_its_secrets_are_kept_out_of_log_and_row(bench):
    body = "print(Variable.get('colour'), flush=True); Connection.get(Variable.get('colour'))"
    bench.open(body=body + " if change.task_id == 'a' else 1 / len(1 * [Variable.get('colour')][1:])")
    bench.delivery.enqueue([(1, task("a")), (2, task("b"))])
    row = bench.heard(2)
    bench.until(lambda: bench.printed().count("***") >= 2)
    assert (row.failed, "blue-colour" in "".join([*bench.printed(), *bench.told, row.failure])) == (2, False)
    assert "NotFoundError: no connection here" in bench.told[0]


def test_an_impl_that_takes_too_long_is_ended_and_the_next_notice_is_told(bench):
    delivery = bench.open(body="time.sleep(600 if change.task_id == 'a' else 0)")
    delivery.enqueue([(1, task("a")), (2, task("b"))])
    bench.until(lambda: delivery.busy)
    bench.now += TIMEOUT_S - 0.1
    delivery.step()
    assert delivery.row.acknowledged == 0
    bench.now += 0.1
    row = bench.heard(2)
    assert (row.failed, row.failed_at) == (1, NOW)
    assert row.failure == "it took longer than 10 s and was ended; the limit is [notifier] timeout_s"


def test_a_process_that_ends_at_a_notice_is_started_again_with_longer_pauses_and_the_notice_passed_over(bench):
    delivery = bench.open(body="os._exit(7) if change.task_id == 'a' else None")
    delivery.enqueue([(1, task("a")), (2, task("b"))])
    delivery.step()
    pauses = []
    for _ in range(TRIES):
        bench.until(lambda: delivery.process is None)
        pauses.append(delivery.due - bench.now)
        bench.now = delivery.due
        bench.until(lambda: delivery.process is not None)
    row = bench.heard(2)
    assert pauses == [0.5, 1.0, 2.0]
    assert row.failed == 1
    assert row.failure == "its process ended with exit code 7 at it, 3 times in a row"
    assert next(line for line in bench.told if "started again" in line).endswith(
        "its process ended with exit code 7. It is started again in 0.5 s"
    )


def test_pauses_have_a_bound(bench):
    delivery = bench.open(body="os.kill(os.getpid(), 11)")
    delivery.enqueue([(number, task()) for number in range(1, 4)])
    while delivery.row.acknowledged < 3:
        bench.until(lambda: delivery.process is None)
        assert delivery.due - bench.now <= LONGEST_PAUSE_S
        bench.now = delivery.due
        delivery.step()
        bench.until(lambda: delivery.process is None or delivery.idle)
    assert delivery.row.failure == "its process was killed by SIGSEGV (Segmentation fault) at it, 3 times in a row"


@pytest.mark.parametrize(
    ("loading", "command", "told"),
    [
        pytest.param("1 / 0", None, "raised ZeroDivisionError", id="raises"),
        pytest.param("os._exit(9)", None, "exit code 9 while its plugin module was loaded, 3 times", id="dies"),
        pytest.param("", ["/nowhere/python"], "cannot be started with /nowhere/python: No such file", id="no Python"),
        pytest.param("", [sys.executable, "-c", "1/0"], "exit code 1 while its plugin module", id="no listener"),
    ],
)
def test_a_module_that_cannot_be_loaded_is_told_once_and_misses_everything(bench, loading, command, told):
    bench.command = command or bench.command
    delivery = bench.open(loading=loading)
    delivery.enqueue([(1, task()), (2, task())])
    for _ in range(TRIES):
        bench.until(lambda: delivery.row.broken or delivery.process is None)
        bench.now += LONGEST_PAUSE_S
        delivery.step()
    row = bench.heard(2)
    assert told in row.broken
    assert (row.missed, row.failed, delivery.due, delivery.process) == (2, 0, None, None)
    assert sum("misses every change" in line for line in bench.told) == 1


def test_a_machine_without_room_for_a_process_is_waited_for(bench):
    delivery = bench.open()
    delivery.enqueue([(1, task())])
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, most[1]))
    try:
        for _ in range(TRIES + 1):
            delivery.step()
            assert (delivery.process, delivery.row.broken) == (None, "")
            bench.now = delivery.due
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, most)
    assert "Too many open files. It is started again in" in bench.told[0]
    assert bench.heard(1).missed == 0


def test_a_module_whose_import_hangs_is_given_up(bench):
    delivery = bench.open(loading="time.sleep(600)")
    delivery.step()
    bench.now += LOAD_S
    bench.until(lambda: delivery.row.broken)
    assert "took longer than 60 s" in delivery.row.broken


def test_a_module_that_was_broken_at_the_last_start_and_is_not_now_is_whole_again(bench):
    bench.row = Listener("acme", acknowledged=4, failed=2, missed=9, broken="it raised")
    delivery = bench.open()
    assert (delivery.row.broken, delivery.row.missed, delivery.last_enqueued, delivery.changed) == ("", 0, 4, True)
    delivery.enqueue([(5, task())])
    assert bench.heard(5).failed == 2


def test_nothing_more_is_told_once_it_is_to_stop(bench):
    delivery = bench.open()
    delivery.enqueue([(1, task())])
    for _ in range(20):
        select.select(delivery.readable, [], [], 0.1)
        delivery.step(more=False)
    assert (delivery.busy, delivery.row.acknowledged) == (False, 0)


def test_what_a_module_starts_dies_with_its_process(bench):
    body = "import subprocess; print('pid', subprocess.Popen(['sleep', '600']).pid, flush=True)"
    bench.open(body=body).enqueue([(1, task())])
    bench.heard(1)
    bench.until(lambda: any(line.startswith("pid") for line in bench.printed()))
    pid = next(line.split()[1] for line in bench.printed() if line.startswith("pid"))
    bench.delivery.close()
    bench.until(lambda: _gone(pid))


def _gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123 - one line of the kernel's
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
