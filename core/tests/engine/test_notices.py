"""What listeners are told: every change of a state, whatever of it one step decides."""

import pytest
from stage import Stage, after, dag

from penstock.model.dag import TaskSpec
from penstock.model.request import CancelRun, ClearTasks, MarkTask
from penstock.model.retry import RetrySpec
from penstock.model.state import Outcome
from penstock.spec.executor import TryStarted

BEGIN = ["r: queued -> running", "a: none -> scheduled", "a: scheduled -> queued"]


def began(*tasks, **more):
    stage = Stage(dag(*tasks), **more)
    stage.trigger(run_id="r")
    return stage


def test_every_change_of_a_small_run_is_told_in_order():
    stage = began("a", "b<a")
    stage.started("a")
    stage.finish("a")
    stage.started("b")
    stage.finish("b")
    assert stage.notified == [
        *BEGIN,
        "a: queued -> running",
        "a: running -> success",
        "b: none -> scheduled",
        "b: scheduled -> queued",
        "b: queued -> running",
        "b: running -> success",
        "r: running -> success",
    ]


def test_what_one_step_decides_is_told_change_by_change():
    stage = began("a", "b<a")
    key = stage.key("a")
    stage.step(TryStarted(key, 1, 1, stage.now), stage.answer("a"))
    assert stage.notified == [
        *BEGIN,
        "a: queued -> running",
        "a: running -> success",
        "b: none -> scheduled",
        "b: scheduled -> queued",
    ]


def test_a_change_carries_the_try_the_reason_and_the_instant():
    stage = began(TaskSpec("a", retry=RetrySpec(1, 60.0)))
    stage.fail("a", after=2.0)
    notice = stage.last.changes.notices[-1]
    assert (notice.state, notice.try_number, notice.at) == ("up_for_retry", 1, stage.now)
    assert notice.reason == "boom (1 of 1 retries left)"


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        pytest.param(
            CancelRun(1), ["a: queued -> cancelled", "b: none -> cancelled", "r: running -> cancelled"], id="cancel"
        ),
        pytest.param(ClearTasks(1, ("a",)), ["a: queued -> none", "a: none -> scheduled"], id="clear"),
        pytest.param(
            MarkTask(1, "a", -1, "success"),
            ["a: queued -> success", "b: none -> scheduled", "b: scheduled -> queued"],
            id="mark",
        ),
    ],
)
def test_what_people_do_is_told_too(ask, told):
    stage = began("a", "b<a")
    stage.step(ask)
    assert stage.notified == [*BEGIN, *told]


def test_a_run_that_goes_on_after_its_end_is_told():
    stage = began("a")
    stage.finish("a", Outcome.SKIPPED)
    stage.notified.clear()
    stage.ask(ClearTasks(1))
    assert stage.notified == ["a: skipped -> none", "r: success -> queued", *BEGIN]


def test_a_restart_tells_nothing_twice():
    stage = began("a", after("b", "a"))
    stage.notified.clear()
    stage.restart()
    assert stage.notified == []


def test_nothing_is_told_if_nobody_listens():
    stage = began("a", notify=False)
    stage.finish("a")
    assert stage.notified == []
