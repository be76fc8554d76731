"""Marks by hand, of a task instance and of a run: what they set, what they let go, how the run ends."""

from datetime import timedelta

import pytest
from stage import Stage, after, dag

from penstock.model.dag import Mapping, TaskSpec, XComRef
from penstock.model.request import CancelRun, MarkRun, MarkTask
from penstock.model.retry import RetrySpec
from penstock.model.state import Outcome, TriggerRule


def begun(*tasks):
    stage = Stage(dag(*tasks))
    stage.trigger()
    return stage


def killed(step):
    return [(str(kill.key), kill.epoch, kill.reason) for kill in step.kills]


MARKS = {
    "a live one, succeeded": ("success", {"a": "success", "b": "queued"}),
    "a live one, failed": ("failed", {"a": "failed", "b": "upstream_failed"}),
    "a live one, skipped": ("skipped", {"a": "skipped", "b": "skipped"}),
}


@pytest.mark.parametrize(("state", "states"), MARKS.values(), ids=MARKS)
def test_marking_sets_the_state_kills_the_try_and_lets_the_run_go_on(state, states):
    stage = begun("a", "b<a")
    step = stage.ask(MarkTask(1, "a", -1, state))
    assert killed(step) == [("a", 1, f"marked {state} by hand")]
    assert stage.states() == states
    stage.finish("a", Outcome.FAILED)
    assert stage.state("a") == state
    stage.drain()
    assert stage.run_state() == ("failed" if state == "failed" else "success")


def test_marking_in_a_run_that_has_ended_changes_how_it_ended():
    stage = begun("a", after("b", "a", trigger_rule=TriggerRule.ALL_DONE), "c")
    stage.fail("c")
    stage.drain()
    assert stage.run_state() == "failed"
    stage.ask(MarkTask(1, "c", -1, "success"))
    assert (stage.run_state(), len(stage.held)) == ("success", 0)
    stage.ask(MarkTask(1, "b", -1, "failed"))
    assert stage.run_state() == "failed"


BELOW = {
    "marked success, what waited runs": ("success", {"a": "success", "b": "queued", "c": "none"}, "running"),
    "marked skipped, what waited is skipped with it": (
        "skipped",
        {"a": "skipped", "b": "skipped", "c": "skipped"},
        "success",
    ),
    "marked failed, nothing follows": (
        "failed",
        {"a": "failed", "b": "upstream_failed", "c": "upstream_failed"},
        "failed",
    ),
}


@pytest.mark.parametrize(("state", "states", "run"), BELOW.values(), ids=BELOW)
def test_what_failed_for_a_marked_task_alone_is_judged_anew_and_an_ended_run_goes_on(state, states, run):
    stage = begun("a", "b<a", "c<b")
    stage.fail("a")
    assert stage.run_state() == "failed"
    stage.ask(MarkTask(1, "a", -1, state))
    assert (stage.states(), stage.run_state()) == (states, run)
    stage.drain()
    assert stage.run_state() == ("failed" if state == "failed" else "success")


def test_a_mark_lets_go_what_failed_for_it_in_a_run_that_runs():
    stage = begun("a", "b<a", "c")
    stage.fail("a")
    assert stage.state("b") == "upstream_failed"
    stage.ask(MarkTask(1, "a", -1, "success"))
    assert (stage.state("b"), stage.run_state()) == ("queued", "running")


def test_what_another_upstream_has_failed_waits_for_its_mark_and_says_what_holds_now():
    stage = begun("a", "b", after("c", "a", "b"))
    stage.fail("a"), stage.fail("b")
    stage.ask(MarkTask(1, "a", -1, "success"))
    assert (stage.state("c"), stage.run_state()) == ("upstream_failed", "failed")
    assert stage.store.tasks[stage.key("c")].reason == "trigger rule all_success: 1 succeeded, 1 failed"
    stage.ask(MarkTask(1, "b", -1, "success"))
    assert (stage.state("c"), stage.run_state()) == ("queued", "running")


def test_a_mark_leaves_alone_what_has_run_below():
    stage = begun("a", after("b", "a", trigger_rule=TriggerRule.ALL_DONE), after("c", "b"))
    stage.fail("a"), stage.fail("b")
    stage.ask(MarkTask(1, "a", -1, "success"))
    assert (stage.states(), stage.run_state()) == ({"a": "success", "b": "failed", "c": "upstream_failed"}, "failed")


def test_what_a_mark_lets_go_has_its_setup_again():
    stage = begun(
        TaskSpec("s", setup=True),
        "a<s",
        "b<a",
        TaskSpec("t", upstream=("s", "b"), teardown=True, trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS),
    )
    stage.finish("s"), stage.fail("a"), stage.finish("t")
    assert stage.run_state() == "failed"
    stage.ask(MarkTask(1, "a", -1, "success"))
    assert stage.states() == {"s": "queued", "a": "success", "b": "none", "t": "none"}
    stage.drain()
    assert (set(stage.states().values()), stage.run_state()) == ({"success"}, "success")


def test_what_waits_for_a_mapped_task_is_let_go_once_each_of_its_instances_is_marked():
    stage = begun("a", TaskSpec("m", upstream=("a",), mapped=(Mapping("x", source=XComRef("a")),)), "d<m")
    stage.finish("a", returns=2), stage.fail("m[0]"), stage.fail("m[1]")
    stage.ask(MarkTask(1, "m", 0, "success"))
    assert (stage.state("d"), stage.run_state()) == ("upstream_failed", "failed")
    stage.ask(MarkTask(1, "m", 1, "success"))
    assert (stage.state("d"), stage.run_state()) == ("queued", "running")


def test_a_run_that_was_cancelled_and_tears_down_lets_nothing_go():
    stage = begun(
        TaskSpec("s", setup=True),
        "a<s",
        "b<a",
        TaskSpec("t", upstream=("s", "b"), teardown=True, trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS),
        "c",
    )
    stage.finish("s"), stage.fail("a")
    stage.ask(CancelRun(1, "ada"))
    stage.ask(MarkTask(1, "a", -1, "success"))
    assert (stage.state("b"), "b" in stage.running()) == ("upstream_failed", False)


def test_a_mark_does_not_change_when_what_has_ended_ended():
    stage = begun("a", "b")
    stage.fail("a")
    ended_at = stage.store.tasks[stage.key("a")].ended_at
    stage.step(after=60)
    stage.ask(MarkTask(1, "a", -1, "success"))
    assert (stage.state("a"), stage.store.tasks[stage.key("a")].ended_at) == ("success", ended_at)
    stage.ask(MarkTask(1, "b", -1, "success"))
    assert stage.store.tasks[stage.key("b")].ended_at == ended_at + timedelta(seconds=60)


def test_marking_one_that_waits_for_its_retry_ends_the_wait():
    stage = begun(TaskSpec("a", retry=RetrySpec(3, 10.0)))
    stage.fail("a")
    stage.ask(MarkTask(1, "a", -1, "success"))
    assert stage.run_state() == "success"
    assert stage.step(after=100).dispatches == ()


@pytest.mark.parametrize("state", ["running", "cancelled", "", "nonsense"])
def test_no_other_state_can_be_set_by_hand(state):
    stage = begun("a")
    assert not stage.ask(MarkTask(1, "a", -1, state)).changes


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("success", {"a": "success", "b": "success", "c": "success", "d": "success", "e": "success"}),
        ("failed", {"a": "success", "b": "failed", "c": "failed", "d": "skipped", "e": "failed"}),
    ],
)
def test_a_run_that_is_marked_ends_so_and_what_lives_of_it_is_killed(state, expected):
    stage = begun("a", "b<a", "c", "d<b", "e<d")
    stage.finish("a"), stage.fail("c")
    step = stage.ask(MarkRun(1, state))
    assert killed(step) == [("b", 1, f"its run was marked {state} by hand")]
    assert (stage.states(), stage.run_state()) == (expected, state)
    other = "failed" if state == "success" else "success"
    stage.ask(MarkRun(1, other))
    assert stage.run_state() == other, "one that has ended is marked, too"
    assert not stage.ask(MarkRun(1, other)).dispatches
    stage.finish("b", Outcome.CANCELLED)
    assert (stage.run_state(), len(stage.held)) == (other, 0)


@pytest.mark.parametrize("state", ["success", "failed"])
def test_a_run_that_is_marked_ends_after_its_teardown(state):
    stage = begun(
        TaskSpec("s", setup=True),
        "w<s",
        TaskSpec("t", upstream=("s", "w"), teardown=True, trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS),
    )
    stage.finish("s")
    stage.ask(MarkRun(1, state))
    assert (stage.states()["t"], stage.run_state()) == ("queued", "running")
    stage.finish("t")
    assert stage.run_state() == state


@pytest.mark.parametrize("state", ["cancelled", "skipped", "", "nonsense"])
def test_no_other_state_of_a_run_can_be_set_by_hand(state):
    assert not begun("a").ask(MarkRun(1, state)).changes
