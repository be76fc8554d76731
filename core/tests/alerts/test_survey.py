"""What is late at an instant, and when the next thing will be."""

from datetime import UTC, datetime, timedelta

import pytest

from penstock.alerts.rules import Rules, SiteRule
from penstock.alerts.survey import Survey
from penstock.model.dag import AlertRule, DagSpec, TaskSpec
from penstock.model.run import Run, RunKind
from penstock.model.schedule import Schedule, ScheduleKind
from penstock.model.state import AlertEvent, RunState

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOURLY = DagSpec(
    "d",
    "d.py",
    (TaskSpec("a"),),
    Schedule(ScheduleKind.INTERVAL, every_s=3600.0),
    start_date=NOW - timedelta(hours=5),
)


def ago(**given):
    return NOW - timedelta(**given)


def run(state=RunState.RUNNING, kind=RunKind.SCHEDULED, due=NOW, started=NOW):
    return Run(7, "d", "r", kind, state, "v", due, due, due - timedelta(hours=1), due, started_at=started)


def survey(event, after_s=None):
    return Survey(Rules([SiteRule(AlertRule((AlertEvent(event),), ("ops",), after_s))]), NOW)


@pytest.mark.parametrize(
    ("cursor", "after_s", "found", "next_at"),
    [
        pytest.param(NOW, None, [], NOW + timedelta(hours=1, seconds=300), id="the next one is due in an hour"),
        pytest.param(ago(hours=1), None, [], NOW + timedelta(seconds=300), id="due now, and has its time yet"),
        pytest.param(ago(hours=1, minutes=0), 0.0, ["scheduled__2026-03-01T11:00:00+00:00"], None, id="no time at all"),
        pytest.param(ago(hours=2), 60.0, [], NOW + timedelta(seconds=60), id="without catchup the newest one counts"),
    ],
)
def test_a_scheduled_run_that_nobody_creates_has_missed_its_start(cursor, after_s, found, next_at):
    made = survey("missed_start", after_s)
    made.dag(HOURLY, "v", cursor)
    assert ([each.run_id for each in made.found], made.next_at) == (found, next_at)


@pytest.mark.parametrize(
    ("event", "after_s", "given", "late"),
    [
        pytest.param(
            "missed_start", 60.0, run(RunState.QUEUED, due=ago(seconds=61), started=None), True, id="still queued"
        ),
        pytest.param("missed_start", 60.0, run(due=ago(seconds=61)), False, id="has started"),
        pytest.param(
            "missed_start", 60.0, run(RunState.QUEUED, RunKind.MANUAL, ago(hours=1), None), False, id="by hand"
        ),
        pytest.param("missed_deadline", 60.0, run(due=ago(seconds=60)), True, id="not ended in time"),
        pytest.param("missed_deadline", 60.0, run(due=ago(seconds=59)), False, id="has a second left"),
        pytest.param("run_slow", 60.0, run(started=ago(seconds=61)), True, id="longer than the rule says"),
        pytest.param("run_slow", None, run(started=ago(seconds=31)), True, id="longer than usual"),
        pytest.param("run_slow", None, run(started=ago(seconds=29)), False, id="as long as usual"),
    ],
)
def test_a_run_is_late_at_its_instant_and_not_before(event, after_s, given, late):
    made = survey(event, after_s)
    made.run(given, HOURLY, given.started_at, lambda: 30.0)
    assert [each.event for each in made.found] == ([AlertEvent(event)] if late else [])


@pytest.mark.parametrize(
    ("seconds", "ended", "found", "next_at"),
    [
        pytest.param(59, frozenset("a"), [], NOW + timedelta(seconds=1), id="they have a second left"),
        pytest.param(60, frozenset("a"), ["b"], None, id="one has ended, the other one has not"),
        pytest.param(60, frozenset("ab"), [], None, id="both have"),
        pytest.param(60, frozenset(), ["a", "b"], None, id="none has begun"),
    ],
)
def test_a_task_that_has_not_ended_by_its_deadline_has_missed_it(seconds, ended, found, next_at):
    made = survey("task_missed_deadline", 60.0)
    spec = DagSpec("d", "d.py", (TaskSpec("a"), TaskSpec("b")))
    made.run(run(RunState.QUEUED, due=ago(seconds=seconds), started=None), spec, None, lambda: None, lambda: ended)
    assert ([each.task_id for each in made.found], made.next_at) == (found, next_at)


def test_nobody_asks_what_has_ended_before_a_deadline_is_over():
    made = survey("task_missed_deadline", 60.0)
    made.run(run(due=ago(seconds=59)), HOURLY, NOW, lambda: None, lambda: pytest.fail("asked"))


def test_a_task_is_slow_by_the_rule_of_its_own_and_named_by_its_try():
    spec = DagSpec(
        "d", "d.py", (TaskSpec("a", alerts=(AlertRule((AlertEvent.TASK_SLOW,), ("ops",), 5.0),)), TaskSpec("b"))
    )
    made = Survey(Rules(), NOW)
    for task in ("a", "b"):
        made.task(run(), spec, task, -1, 2, ago(seconds=9), lambda: None)
    (slow,) = made.found
    assert (slow.task_id, slow.try_number, slow.reason) == (
        "a",
        2,
        "It still runs after 5 s: longer than what its rule says.",
    )
    later = Survey(Rules(), NOW + timedelta(hours=1))
    later.task(run(), spec, "a", -1, 2, ago(seconds=8), lambda: None)
    assert later.found[0].key == slow.key, "found again, it is the same"
