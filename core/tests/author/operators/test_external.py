from datetime import UTC, datetime, timedelta

import pytest

from penstock import DAG, ExternalTaskMarker, ExternalTaskSensor
from penstock.author.build.build import build_dag
from penstock.errors import AuthoringError
from penstock.model.history.marked_task import MarkedTask
from penstock.testing import FakeRuntime, run_dag

DAY = datetime(2026, 3, 2, tzinfo=UTC)


def run(state, monkeypatch=None, **more):
    with DAG("d") as dag:
        ExternalTaskSensor(task_id="s", external_dag_id="other", timeout=60, poke_interval=30, **more)
    return run_dag(dag, logical_date=DAY, run_states={"other": state} if state else {}).tasks["s"]


def test_a_marker_names_the_task_that_is_cleared_with_it_and_runs_only_to_render_a_template():
    with DAG("d") as dag:
        ExternalTaskMarker(task_id="same", external_dag_id="o", external_task_id="s")
        ExternalTaskMarker(task_id="at", external_dag_id="o", external_task_id="s", logical_date=DAY, recursion_depth=2)
        ExternalTaskMarker(task_id="other", external_dag_id="o", external_task_id="s", logical_date="{{ prev_ds }}")
    found = {task.task_id: (task.marks, task.instant, task.templated) for task in build_dag(dag).tasks}
    assert found == {
        "same": (MarkedTask("o", "s"), True, True),
        "at": (MarkedTask("o", "s", DAY.isoformat(), 2), True, False),
        "other": (MarkedTask("o", "s", "{{ prev_ds }}"), False, True),
    }
    with pytest.raises(AuthoringError, match="recursion_depth is 0"), DAG("e"):
        ExternalTaskMarker(task_id="t", external_dag_id="o", external_task_id="s", recursion_depth=0)
    with pytest.raises(AuthoringError, match="marks one task, and is not mapped"), DAG("f"):
        ExternalTaskMarker.partial(task_id="t", external_dag_id="o").expand(external_task_id=["s", "u"])


@pytest.mark.parametrize(
    ("state", "more", "ends", "says"),
    [
        ("success", {}, "success", ""),
        ("success", {"external_task_id": "t"}, "success", ""),
        ("success", {"external_task_ids": ["t", "u"], "allowed_states": ["success", "skipped"]}, "success", ""),
        ("success", {"external_task_group_id": "g"}, "success", ""),
        ("failed", {}, "failed", "gave up"),
        (
            "failed",
            {"failed_states": ["failed"]},
            "failed",
            "the run of DAG 'other' at 2026-03-02T00:00:00+00:00 is failed",
        ),
        ("failed", {"external_task_id": "t", "failed_states": ["failed"]}, "failed", "task 't' of DAG 'other'"),
        ("failed", {"failed_states": ["failed"], "soft_fail": True}, "skipped", "is failed"),
        ("skipped", {"external_task_id": "t", "skipped_states": ["skipped"]}, "skipped", "is skipped"),
        (None, {"external_task_id": "t"}, "failed", "gave up"),
    ],
)
def test_what_has_become_of_the_other_dag_decides(state, more, ends, says):
    found = run(state, **more)
    assert found.state == ends
    assert says in " ".join((found.reason, *found.errors))


@pytest.mark.parametrize(
    ("more", "dates"),
    [
        ({}, [DAY]),
        ({"execution_delta": timedelta(hours=6)}, [DAY - timedelta(hours=6)]),
        ({"execution_date_fn": lambda date: date + timedelta(days=1)}, [DAY + timedelta(days=1)]),
        ({"execution_date_fn": lambda date, context: [date, context["logical_date"]]}, [DAY, DAY]),
    ],
)
def test_the_other_run_is_that_of_the_same_date_or_of_what_is_made_of_it(more, dates):
    sensor = ExternalTaskSensor(task_id="s", external_dag_id="other", **more)
    assert sensor.dates({"logical_date": DAY}) == dates


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"external_task_id": "t", "external_task_group_id": "g"}, "give one of external_task_id"),
        ({"execution_delta": timedelta(1), "execution_date_fn": len}, "not both"),
        ({"allowed_states": ["sucess"]}, "allowed_states has 'sucess', which is no state"),
    ],
)
def test_what_cannot_be_waited_for_is_refused(more, sentence):
    with pytest.raises(AuthoringError, match=sentence):
        ExternalTaskSensor(task_id="s", external_dag_id="other", **more)


def test_nobody_answers_outside_of_a_run_what_a_test_has_not_given():
    assert FakeRuntime().external_states("d", ["t"], "", ["x"]) == [{"date": "x", "run": None, "tasks": {}}]
