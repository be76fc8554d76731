"""What is late is told once, while it lasts, on the clock that it belongs to."""

from datetime import timedelta

import msgspec
import pytest

from penstock.model.changes import Changes
from penstock.model.dag import AlertRule, DagSpec, TaskSpec
from penstock.model.run import NewRun, RunKind, TaskInstance, Try
from penstock.model.source import ParsedFile
from penstock.model.state import AlertEvent, Outcome, RunState, TaskState
from penstock.store import LoaderCatalog

from .conftest import NOW

OFTEN = 20


class Line:
    """Runs of a DAG with one task, written as the scheduler writes them."""

    def __init__(self, desk, *more):
        self.desk, self.store = desk, desk.store
        rules = AlertRule((AlertEvent.TASK_SLOW, AlertEvent.RUN_SLOW), ("ops",))
        spec = DagSpec("d", "d.py", (TaskSpec("a"),), alerts=(rules, *more))
        catalog = LoaderCatalog(self.store, dict.fromkeys, desk.clock.now)
        catalog.save(ParsedFile("d.py", "", {}, {}, None, NOW, 0.0, (spec,)))
        catalog.close()
        self.version = self.store.dags.state("d").version

    def begin(self, number):
        at = self.desk.clock.now()
        new = NewRun("d", f"r{number}", RunKind.MANUAL, None, None, None, version=self.version)
        (row,) = self.store.apply(Changes(new_runs=[new]), at)
        self.row = row
        self._write(RunState.RUNNING, TaskState.RUNNING, started_at=at)

    def end(self):
        self._write(RunState.SUCCESS, TaskState.SUCCESS, started_at=self.started_at, ended_at=self.desk.clock.now())

    def _write(self, run, task, *, started_at, ended_at=None):
        self.started_at = started_at
        row = msgspec.structs.replace(self.row, state=run, started_at=started_at, ended_at=ended_at)
        instance = TaskInstance(row.run, "a", -1, task, 1, 1, started_at=started_at, ended_at=ended_at)
        outcome = None if ended_at is None else Outcome.SUCCESS
        attempt = Try(row.run, "a", -1, 1, 1, "local", started_at, started_at, ended_at, outcome)
        self.store.apply(Changes(runs=[row], tasks=[instance], tries=[attempt]), self.desk.clock.now())


def pass_by(line, number, seconds):
    line.begin(number)
    line.desk.clock.passed_s += seconds
    line.end()


@pytest.fixture
def line(desk):
    return Line(desk(window_s=0.0))


def test_after_twenty_short_runs_a_slow_one_is_told_once_and_before_its_end(line):
    for number in range(OFTEN):
        pass_by(line, number, 10)
    line.begin(OFTEN)
    line.desk.lateness.begun()
    line.desk.wait(15, step=5)
    assert line.desk.taken() == []
    line.desk.wait(60, step=5)
    assert sorted(title for _, _, title, _ in line.desk.taken()) == [
        "Run r20 of DAG d takes unusually long",
        "Task a of DAG d, run r20, takes unusually long",
    ]
    line.end()
    line.desk.wait(100)
    assert len(line.desk.taken()) == 2


def test_a_task_that_misses_its_deadline_is_told_once_and_one_that_meets_it_is_not(desk):
    line = Line(desk(window_s=0.0), AlertRule((AlertEvent.TASK_MISSED_DEADLINE,), ("ops",), 300.0))
    pass_by(line, 0, 299)
    line.begin(1)
    line.desk.lateness.begun()
    line.desk.wait(299, step=299)
    assert line.desk.taken() == []
    line.desk.wait(100, step=50)
    assert [title for _, _, title, _ in line.desk.taken()] == ["Task a of DAG d, run r1, has missed its deadline"]


def test_a_step_of_the_time_of_day_makes_nothing_slow(line):
    for number in range(OFTEN):
        pass_by(line, number, 10)
    line.begin(OFTEN)
    line.desk.lateness.begun()
    line.desk.wait(5, step=5)
    line.desk.clock.now = lambda: NOW + timedelta(days=1, seconds=line.desk.clock.passed_s)
    line.desk.lateness._clocks = line.desk.lateness._clocks._replace(now=line.desk.clock.now)
    line.desk.lateness.begun()
    line.desk.wait(10, step=5)
    assert line.desk.taken() == []
