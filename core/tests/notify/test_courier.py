"""A courier over real processes, on a clock that the test sets."""

import select
import sys
import time
from datetime import UTC, datetime

import pytest

from penstock.execute.wire import Reply
from penstock.model.notice import RunStateChanged, TaskStateChanged
from penstock.notify.courier import LOAD_S, TRIES, Courier, World
from penstock.processes.supervise import LONGEST_PAUSE_S
from penstock.store import Listener

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATIENCE_S = 30.0
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


class Desk:
    """A courier, what it told, and the clock that it goes by."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.now, self.told = folder, 1000.0, []
        self.log = folder / "logs" / "listeners.log"
        self.command = [sys.executable, "-m", "penstock.app.listener", "acme"]
        self.row = Listener("acme")
        self.courier = None
        monkeypatch.setenv("PYTHONPATH", str(folder))

    def open(self, body="pass", loading=""):
        info, package = self.folder / "penstock_providers_acme-1.0.dist-info", self.folder / "penstock_acme"
        info.mkdir()
        info.joinpath("METADATA").write_text("Metadata-Version: 2.4\nName: penstock-providers-acme\nVersion: 1.0\n")
        info.joinpath("entry_points.txt").write_text("[penstock.providers]\nacme = penstock_acme:provider.toml\n")
        package.mkdir()
        package.joinpath("__init__.py").touch()
        package.joinpath("provider.toml").write_text(MANIFEST)
        package.joinpath("plugin.py").write_text(MODULE.replace("BODY", body).replace("LOADING", loading))
        world = World(TIMEOUT_S, self.answer, lambda: self.now, lambda: NOW, self.told.append)
        self.courier = Courier(self.row, self.command, self.log, world)
        return self.courier

    @staticmethod
    def answer(ask):
        if ask.method == "variable":
            return Reply("blue-" + ask.args[0], secrets=("blue-colour",))
        return Reply(error=f"no {ask.method} here", error_type="NotFoundError")

    def until(self, found, patience_s=PATIENCE_S):
        """Work, without the courier's clock moving on."""
        end = time.monotonic() + patience_s
        while not found():
            assert time.monotonic() < end, f"{self.courier.row} {self.told} {self.printed()}"
            select.select(self.courier.readable, self.courier.writable, [], 0.05)
            self.courier.work()

    def heard(self, number):
        self.until(lambda: self.courier.row.heard == number)
        return self.courier.row

    def printed(self):
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def desk(tmp_path, monkeypatch):
    made = Desk(tmp_path, monkeypatch)
    yield made
    made.courier.close()


def test_notices_are_told_one_after_the_other_in_their_order(desk):
    courier = desk.open()
    courier.give([(7, task("a")), (9, RunStateChanged("d", "r", "manual", "running", "success", "", NOW))])
    courier.give([(12, task("b"))])
    assert (courier.read, courier.hungry) == (12, False)
    row = desk.heard(12)
    desk.until(lambda: len(desk.printed()) == 3)
    assert desk.printed() == ["hears a 0", "hears r", "hears b 0"]
    assert (row.failed, row.missed, courier.hungry, courier.changed, desk.told) == (0, 0, True, True, [])


def test_a_notice_that_is_larger_than_any_buffer_arrives(desk):
    desk.open().give([(1, task(reason="x" * 3_000_000))])
    desk.heard(1)
    desk.until(lambda: desk.printed() == ["hears a 3000000"])


def test_a_module_is_answered_and_its_secrets_are_kept_out_of_log_and_row(desk):
    body = "print(Variable.get('colour'), flush=True); Connection.get(Variable.get('colour'))"
    desk.open(body=body + " if change.task_id == 'a' else 1 / len(1 * [Variable.get('colour')][1:])")
    desk.courier.give([(1, task("a")), (2, task("b"))])
    row = desk.heard(2)
    desk.until(lambda: desk.printed().count("***") >= 2)
    assert (row.failed, "blue-colour" in "".join([*desk.printed(), *desk.told, row.failure])) == (2, False)
    assert "NotFoundError: no connection here" in desk.told[0]


def test_an_impl_that_takes_too_long_is_ended_and_the_next_notice_is_told(desk):
    courier = desk.open(body="time.sleep(600 if change.task_id == 'a' else 0)")
    courier.give([(1, task("a")), (2, task("b"))])
    desk.until(lambda: courier.telling)
    desk.now += TIMEOUT_S - 0.1
    courier.work()
    assert courier.row.heard == 0
    desk.now += 0.1
    row = desk.heard(2)
    assert (row.failed, row.failed_at) == (1, NOW)
    assert row.failure == "it took longer than 10 s and was ended; the limit is [notifier] timeout_s"


def test_a_process_that_ends_at_a_notice_is_started_again_with_longer_pauses_and_the_notice_passed_over(desk):
    courier = desk.open(body="os._exit(7) if change.task_id == 'a' else None")
    courier.give([(1, task("a")), (2, task("b"))])
    courier.work()
    pauses = []
    for _ in range(TRIES):
        desk.until(lambda: courier.process is None)
        pauses.append(courier.due - desk.now)
        desk.now = courier.due
        desk.until(lambda: courier.process is not None)
    row = desk.heard(2)
    assert pauses == [0.5, 1.0, 2.0]
    assert row.failed == 1
    assert row.failure == "its process ended with exit code 7 at it, 3 times in a row"
    assert next(line for line in desk.told if "started again" in line).endswith(
        "its process ended with exit code 7; it is started again in 0.5 s"
    )


def test_pauses_have_a_bound(desk):
    courier = desk.open(body="os.kill(os.getpid(), 11)")
    courier.give([(number, task()) for number in range(1, 4)])
    while courier.row.heard < 3:
        desk.until(lambda: courier.process is None)
        assert courier.due - desk.now <= LONGEST_PAUSE_S
        desk.now = courier.due
        courier.work()
        desk.until(lambda: courier.process is None or courier.hungry)
    assert courier.row.failure == "its process was killed by SIGSEGV (Segmentation fault) at it, 3 times in a row"


@pytest.mark.parametrize(
    ("loading", "command", "told"),
    [
        pytest.param("1 / 0", None, "raised ZeroDivisionError", id="raises"),
        pytest.param("os._exit(9)", None, "exit code 9 while its plugin module was loaded, 3 times", id="dies"),
        pytest.param("", ["/nowhere/python"], "cannot be started with /nowhere/python: No such file", id="no Python"),
        pytest.param("", [sys.executable, "-c", "1/0"], "exit code 1 while its plugin module", id="no listener"),
    ],
)
def test_a_module_that_cannot_be_loaded_is_told_once_and_misses_everything(desk, loading, command, told):
    desk.command = command or desk.command
    courier = desk.open(loading=loading)
    courier.give([(1, task()), (2, task())])
    for _ in range(TRIES):
        desk.until(lambda: courier.row.broken or courier.process is None)
        desk.now += LONGEST_PAUSE_S
        courier.work()
    row = desk.heard(2)
    assert told in row.broken
    assert (row.missed, row.failed, courier.due, courier.process) == (2, 0, None, None)
    assert sum("hears of no change" in line for line in desk.told) == 1


def test_a_module_whose_import_hangs_is_given_up(desk):
    courier = desk.open(loading="time.sleep(600)")
    courier.work()
    desk.now += LOAD_S
    desk.until(lambda: courier.row.broken)
    assert "took longer than 60 s" in courier.row.broken


def test_a_module_that_was_broken_at_the_last_start_and_is_not_now_is_whole_again(desk):
    desk.row = Listener("acme", heard=4, failed=2, missed=9, broken="it raised")
    courier = desk.open()
    assert (courier.row.broken, courier.row.missed, courier.read, courier.changed) == ("", 0, 4, True)
    courier.give([(5, task())])
    assert desk.heard(5).failed == 2


def test_nothing_more_is_told_once_it_is_to_stop(desk):
    courier = desk.open()
    courier.give([(1, task())])
    for _ in range(20):
        select.select(courier.readable, [], [], 0.1)
        courier.work(more=False)
    assert (courier.telling, courier.row.heard) == (False, 0)


def test_what_a_module_starts_dies_with_its_process(desk):
    body = "import subprocess; print('pid', subprocess.Popen(['sleep', '600']).pid, flush=True)"
    desk.open(body=body).give([(1, task())])
    desk.heard(1)
    desk.until(lambda: any(line.startswith("pid") for line in desk.printed()))
    pid = next(line.split()[1] for line in desk.printed() if line.startswith("pid"))
    desk.courier.close()
    desk.until(lambda: _gone(pid))


def _gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123 - one line of the kernel's
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
