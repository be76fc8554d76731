"""Who is told of what by which rules."""

from datetime import UTC, datetime

import pytest

from penstock.alerts.occurrence import Occurrence, occurrence_of
from penstock.alerts.rules import Rules, SiteRule, Target
from penstock.model.dag import AlertRule, DagSpec, TaskSpec
from penstock.model.notice import RunStateChanged, TaskStateChanged
from penstock.model.state import AlertEvent, RunState, TaskState

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
E = AlertEvent
SITE = Rules(
    [
        SiteRule(AlertRule((E.TASK_FAILED, E.UNWELL), ("ops",)), ("billing_*",)),
        SiteRule(AlertRule((E.TASK_SLOW,), ("ops",), 60.0)),
    ]
)
DAG = DagSpec(
    "billing_eu",
    "b.py",
    (
        TaskSpec("a", alerts=(AlertRule((E.TASK_FAILED,), ("boss", "ops"), callback="on_failure_callback"),)),
        TaskSpec("b"),
    ),
    alerts=(AlertRule((E.TASK_FAILED, E.TASK_SLOW), ("team",)),),
)


def happened(event, dag_id="billing_eu", task_id="a", after_s=None):
    return Occurrence(event, NOW, "", dag_id, "r", 1, "v", task_id, after_s=after_s)


@pytest.mark.parametrize(
    ("what", "targets"),
    [
        pytest.param(
            happened(E.TASK_FAILED),
            [Target("ops"), Target("team"), Target("boss"), Target("callback:v", "task.on_failure_callback")],
            id="rules of all levels, each channel once",
        ),
        pytest.param(happened(E.TASK_FAILED, task_id="b"), [Target("ops"), Target("team")], id="another task"),
        pytest.param(happened(E.TASK_SKIPPED), [], id="what nobody asks for"),
        pytest.param(happened(E.TASK_SLOW, after_s=60.0), [Target("ops")], id="late by the rule of the installation"),
        pytest.param(happened(E.TASK_SLOW), [Target("team")], id="late by what is usual"),
    ],
)
def test_all_levels_are_asked(what, targets):
    assert SITE.targets(what, DAG) == targets


def test_a_pattern_keeps_rules_of_the_installation_to_some_dags_and_never_from_the_installation():
    assert SITE.targets(happened(E.TASK_FAILED, "sales"), None) == []
    assert SITE.targets(Occurrence(E.UNWELL, NOW, subject="disk"), None) == [Target("ops")]


@pytest.mark.parametrize("state", TaskState)
def test_changes_of_tasks_are_events_or_nothing(state):
    notice = TaskStateChanged("d", "r", "t", 3, 2, "running", state.value, "why", NOW, 7, "v")
    found = occurrence_of(notice)
    events = {
        TaskState.RUNNING: E.TASK_STARTED, TaskState.FAILED: E.TASK_FAILED, TaskState.UP_FOR_RETRY: E.TASK_RETRIED,
        TaskState.SKIPPED: E.TASK_SKIPPED, TaskState.SUCCESS: E.TASK_SUCCEEDED,
    }  # fmt: skip
    assert found == (Occurrence(events[state], NOW, "why", "d", "r", 7, "v", "t", 3, 2) if state in events else None)


@pytest.mark.parametrize("state", RunState)
def test_ends_of_runs_are_events(state):
    found = occurrence_of(RunStateChanged("d", "r", "manual", "running", state.value, "why", NOW, 7, "v"))
    assert (found.event if found else None) == {RunState.FAILED: E.RUN_FAILED, RunState.SUCCESS: E.RUN_SUCCEEDED}.get(
        state
    )
