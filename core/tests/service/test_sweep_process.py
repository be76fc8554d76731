"""What is old is deleted by a process of its own, whatever becomes of it; the clock is the test's."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from penstock.model.now import Now
from penstock.service.retention.sweep_process import FIRST_S, LIMIT_S, PERIOD_S, SweepProcess


class Stage:
    """A sweeper, and what it starts."""

    def __init__(self, code):
        self.now_s, self.told, self.started, self.code = 0.0, [], [], code
        self.sweeper = SweepProcess(self.start, self, self.told.append)

    def read(self):
        """The clock of the sweeper."""
        return Now(datetime(2026, 1, 1, tzinfo=UTC), self.now_s)

    def start(self):
        process = subprocess.Popen([sys.executable, "-c", self.code], start_new_session=True)
        self.started.append(process)
        return process

    def at(self, now_s):
        self.now_s = now_s
        return self.sweeper.step()


@pytest.fixture
def stage():
    made = []
    yield lambda code: made.append(Stage(code)) or made[-1]
    for each in made:
        each.sweeper.close()


def test_a_sweep_is_started_soon_and_then_each_hour(stage):
    it = stage("")
    assert it.at(0.0) == FIRST_S
    it.at(FIRST_S)
    it.started[0].wait()
    assert it.at(FIRST_S + 5.0) == PERIOD_S - 5.0
    it.at(PERIOD_S + FIRST_S)
    assert (len(it.started), it.told) == (2, [])


@pytest.mark.parametrize(
    ("code", "sentence"),
    [("raise SystemExit(3)", "ended with exit code 3"), ("import os; os.kill(os.getpid(), 9)", "SIGKILL")],
)
def test_one_that_fails_is_told_and_the_next_one_comes(stage, code, sentence):
    it = stage(code)
    it.at(FIRST_S)
    it.started[0].wait()
    it.at(FIRST_S + 5.0)
    assert sentence in it.told[0]
    it.at(PERIOD_S + FIRST_S)
    assert len(it.started) == 2


def test_one_that_hangs_in_a_store_is_ended_with_all_that_it_started(stage):
    it = stage("import threading; threading.Event().wait()")
    it.at(FIRST_S)
    assert it.at(100.0) <= 10.0
    assert it.at(FIRST_S + LIMIT_S) > 0
    assert it.started[0].returncode == -9
    assert "longer than 1800 s" in it.told[0]
