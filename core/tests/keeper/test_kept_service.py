"""A service is kept alive, whatever its process does."""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock.keeper.keeper import Keeper
from penstock.keeper.kept_service import KeeperPorts, KeptService, ServiceConfig
from penstock.keeper.service_process import run_service_process
from penstock.keeper.status import ServiceState, StatusFiles
from penstock.spec.wire import Reply
from penstock_testkit.processes import has_ended

PROGRAM = """
import os, socket, sys, time
from penstock import Connection
from penstock.keeper.service_process import run_service_process

class Service:
    def __init__(self, does):
        if does == "no":
            raise ValueError("it takes no such thing")
        self.does = does

    def run(self, context):
        print(self.does, Connection.get("gate").password, *filter(None, [os.environ.get("PENSTOCK_SECRET_KEY")]), flush=True)
        match self.does:
            case "raises":
                raise OSError("no s3cr3t-word.")
            case "returns":
                return
            case "hangs":
                context.report("for the last time")
                time.sleep(600)
            case "is ill":
                context.report("no disk", healthy=False)
                context.wait()
            case "works":
                context.report(context.name)
                assert context.wait() and context.stopping
                (context.folder / "ended").touch()

sys.exit(run_service_process(socket.socket(fileno=int(sys.argv[-1])), lambda config: Service(**config.options)))
"""
NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Stage:
    """Services of one program, a clock that a test turns forward, and what was told."""

    def __init__(self, folder):
        self.folder, self.ahead_s = folder, 0.0
        self.program = folder / "service.py"
        self.program.write_text(PROGRAM)
        self.told, self.statuses, self.kept, self.full = [], [], [], False

    def monotonic(self):
        return time.monotonic() + self.ahead_s

    def answer(self, ask):
        gate = {"conn_id": "gate", "conn_type": "http", "password": "s3cr3t-word"}
        return Reply(gate, secrets=("s3cr3t-word",))

    def keep(self, does, stop_s=30.0, *, installation=False, forked=()):
        ports = KeeperPorts(self.answer, self.monotonic, lambda: NOW, self.told.append, self.store)
        config = ServiceConfig("web", "acme.web", {"does": does}, "{}", str(self.folder / "own"), installation)
        command = [sys.executable, str(self.program)]
        self.kept.append(KeptService(command, config, 60.0, stop_s, self.folder / "web.log", ports, *forked))
        return self.kept[-1]

    def store(self, status):
        self.statuses.append(status)
        return not self.full

    def until(self, found, service):
        while not found():
            wait_s = None if service.due is None else max(0.0, service.due - self.monotonic())
            select.select(service.readable, service.writable, [], wait_s)
            service.step()

    def state(self):
        return self.statuses[-1].state if self.statuses else None


@pytest.fixture
def stage(tmp_path):
    made = Stage(tmp_path)
    yield made
    for each in made.kept:
        each.stop()
        made.ahead_s += 100.0
        made.until(lambda each=each: each.ended, each)


@pytest.mark.parametrize(
    ("does", "told"),
    [
        ("raises", "ended with exit code 1: it raised OSError: no ***. It is started again in 0.5 s"),
        ("returns", "ended with exit code 0: its run() returned. It is started again in 0.5 s"),
        ("no", "ended with exit code 1: it raised ValueError: it takes no such thing. It is started again in 0.5 s"),
    ],
)
def test_one_that_ends_says_how_and_is_started_again_after_a_pause(stage, does, told):
    service = stage.keep(does)
    stage.until(lambda: stage.told, service)
    assert stage.told == [f"the service 'web' {told}"]
    assert (stage.state(), stage.statuses[-1].ends, service.readable) == (ServiceState.WAITING, 1, ())
    stage.ahead_s += 0.6
    service.step()
    assert (stage.state(), stage.statuses[-1].ends) == (ServiceState.STARTING, 1)
    assert stage.statuses[-1].last_end in told


def test_pauses_grow_while_it_cannot_be_started(stage):
    service = stage.keep("raises")
    service._command = ["/nowhere/python"]
    pauses = []
    for number in range(8):
        service.step()
        pauses.append(round(service.due - stage.monotonic(), 1))
        stage.ahead_s += pauses[-1] + 0.1
        assert len(stage.told) == number + 1
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_one_that_stops_reporting_is_killed_and_one_that_is_ill_is_left_alone(stage):
    service = stage.keep("hangs")
    stage.until(lambda: stage.state() is ServiceState.RUNNING and stage.statuses[-1].detail, service)
    assert stage.statuses[-1].detail == "for the last time"
    stage.ahead_s += 61.0
    service.step()
    assert stage.told == [
        "web: for the last time",
        "the service 'web' has not reported for 60 s and was killed. It is started again in 0.5 s",
    ]
    ill = stage.keep("is ill")
    stage.until(lambda: stage.state() is ServiceState.UNHEALTHY, ill)
    assert stage.statuses[-1].detail == "no disk"
    assert stage.told[2:] == ["web: no disk"]


def test_one_that_works_is_started_again_when_it_is_killed_and_ends_when_it_is_told_to(stage):
    service = stage.keep("works")
    stage.full = True
    stage.until(lambda: stage.statuses and stage.statuses[-1].detail == "web", service)
    os.kill(stage.statuses[-1].pid, signal.SIGKILL)
    stage.until(lambda: len(stage.told) > 1, service)
    assert stage.told[0] == "web: web"
    assert "was killed by SIGKILL" in stage.told[1]
    stage.ahead_s += 1.0
    stage.until(lambda: stage.statuses[-1].detail == "web", service)
    service.stop()
    stage.until(lambda: service.ended, service)
    assert (stage.folder / "own" / "ended").exists()
    assert stage.state() is ServiceState.STOPPED
    assert (stage.folder / "web.log").read_text() == "works ***\n" * 2


class Forked:
    def run(self, context):
        os.write(1, b"forked\n")
        subprocess.Popen(["sleep", "600"], start_new_session=True)
        context.report("forked")
        context.wait()


def test_one_is_forked_at_first_and_what_it_started_ends_with_it_and_then_it_is_started(stage):
    main = lambda line: run_service_process(socket.socket(fileno=line), lambda config: Forked())  # noqa: E731 - short
    service = stage.keep("works", installation=True, forked=(lambda: main,))
    stage.until(lambda: stage.statuses and stage.statuses[-1].detail == "forked", service)
    forked = stage.statuses[-1].pid
    children = [int(each) for each in Path(f"/proc/{forked}/task/{forked}/children").read_text().split()]
    os.kill(forked, signal.SIGKILL)
    stage.until(lambda: len(stage.told) > 1, service)
    assert stage.told[0] == "web: forked"
    assert "was killed by SIGKILL" in stage.told[1]
    assert children
    assert all(map(has_ended, children))
    stage.ahead_s += 1.0
    stage.until(lambda: stage.statuses[-1].detail == "web", service)
    service.stop()
    stage.until(lambda: service.ended, service)
    assert (stage.folder / "web.log").read_text() == "forked\nworks ***\n"


def test_one_that_does_not_end_is_killed(stage):
    service = stage.keep("hangs", stop_s=0.1)
    stage.until(lambda: stage.state() is ServiceState.RUNNING and stage.statuses[-1].detail, service)
    service.stop()
    stage.until(lambda: service.ended, service)
    assert stage.told == ["web: for the last time"]


def test_the_keeper_ends_with_its_services(stage):
    reading, writing = os.pipe()
    service = stage.keep("works")
    os.write(writing, b"x")
    Keeper([service], stage.monotonic).run(reading)
    assert service.ended
    os.close(reading)
    os.close(writing)


def test_what_is_kept_of_a_service_counts_while_its_keeper_lives(tmp_path):
    files = StatusFiles(tmp_path)
    assert (files.held, files.read("web")) == (False, None)
    lock = files.hold(-1)
    assert files.held
    os.close(lock)
    assert not files.held


def test_a_second_keeper_waits_for_the_first_and_ends_when_it_is_told_to(tmp_path):
    files = StatusFiles(tmp_path)
    reading, writing = os.pipe()
    lock = files.hold(reading)
    os.write(writing, b"x")
    assert files.hold(reading) is None
    for each in (lock, reading, writing):
        os.close(each)


@pytest.mark.parametrize(("installation", "printed"), [(False, "works ***\n"), (True, "works *** ***\n")])
def test_only_a_service_that_is_given_the_installation_has_its_key_and_none_prints_it(
    stage, monkeypatch, installation, printed
):
    monkeypatch.setenv("PENSTOCK_SECRET_KEY", "the-key-of-the-house")
    service = stage.keep("works", installation=installation)
    stage.until(
        lambda: stage.statuses and stage.statuses[-1].state is ServiceState.RUNNING and stage.statuses[-1].detail,
        service,
    )
    service.stop()
    stage.until(lambda: service.ended, service)
    assert printed in (stage.folder / "web.log").read_text()
