import pytest
from stage import Stage, after, dag

from penstock.model.dag import Mapping, TaskSpec, XComRef
from penstock.model.request import CancelRun, ClearTasks, MarkRun
from penstock.model.retry import RetrySpec
from penstock.model.state import Outcome, TriggerRule

DOWN = {"teardown": True, "trigger_rule": TriggerRule.ALL_DONE_SETUP_SUCCESS}
WORK = (after("s", setup=True), after("a", "s"), after("b", "a"), after("t", "s", "b", **DOWN))
BY = "cancelled by ada"


def begun(*tasks, **more):
    """A run of these tasks whose setup has succeeded."""
    stage = Stage(dag(*tasks, **more), lease_s=1e9)
    stage.trigger()
    stage.finish("s")
    return stage


@pytest.mark.parametrize("outcome", Outcome)
def test_what_a_cancelled_run_has_set_up_is_torn_down_once_its_work_has_ended(outcome):
    stage = begun(*WORK)
    step = stage.ask(CancelRun(1, "ada"))
    assert [(str(kill.key), kill.reason) for kill in step.kills] == [("a", BY)]
    # What is torn down is in use until the try has ended.
    assert stage.states() == {"s": "success", "a": "queued", "b": "cancelled", "t": "none"}
    stage.finish("a", outcome)
    assert stage.states() == {"s": "success", "a": "cancelled", "b": "cancelled", "t": "queued"}
    assert (stage.run_state(), stage.reason("a")) == ("running", BY)
    stage.finish("t")
    assert (stage.run_state(), stage.store.runs[1].reason, stage.held) == ("cancelled", BY, [])
    assert "manual__0: running -> cancelled" in stage.notified


def test_a_restart_in_the_middle_of_a_cancel_changes_nothing():
    stage = begun(*WORK)
    stage.ask(CancelRun(1, "ada"))
    stage.restart()
    assert stage.states() == {"s": "success", "a": "queued", "b": "cancelled", "t": "none"}
    stage.finish("a", Outcome.CANCELLED)
    stage.restart()
    stage.finish("t")
    assert (stage.states()["a"], stage.run_state()) == ("cancelled", "cancelled")


def test_who_cancels_a_run_once_more_ends_its_teardowns_too():
    stage = begun(*WORK)
    stage.ask(CancelRun(1, "ada"))
    stage.finish("a", Outcome.CANCELLED)
    step = stage.ask(CancelRun(1, "bob"))
    assert [str(kill.key) for kill in step.kills] == ["t"]
    assert (stage.state("t"), stage.run_state(), stage.store.runs[1].reason) == (
        "cancelled",
        "cancelled",
        "cancelled by bob",
    )


# How a run stands when it is cancelled: its tasks, what happened before; what becomes of each task, once what was told to end has.
STANDS = {
    "the setup has not ended": (WORK, lambda _: None, {"s": "cancelled", "t": "upstream_failed"}),
    "the work waits for its retry": (
        (after("s", setup=True), after("a", "s", retry=RetrySpec(3, 600.0)), after("t", "s", "a", **DOWN)),
        lambda stage: (stage.finish("s"), stage.fail("a")),
        {"a": "cancelled", "t": "success"},
    ),
    "the work has ended": (
        (after("s", setup=True), after("t", "s", **DOWN), "z"),
        lambda stage: stage.finish("s"),
        {"z": "cancelled", "t": "success"},
    ),
    "the work was to be mapped": (
        (
            after("s", setup=True),
            after("l", "s"),
            TaskSpec("m", upstream=("l",), mapped=(Mapping("x", source=XComRef("l")),)),
            after("t", "s", "m", **DOWN),
        ),
        lambda stage: stage.finish("s"),
        {"l": "cancelled", "m": "cancelled", "t": "success"},
    ),
    "nothing is left to be torn down": (
        (after("s", setup=True), after("t", "s", **DOWN), after("z", "t")),
        lambda stage: (stage.finish("s"), stage.finish("t")),
        {"s": "success", "t": "success", "z": "cancelled"},
    ),
}


@pytest.mark.parametrize(("tasks", "before", "states"), STANDS.values(), ids=STANDS)
def test_what_becomes_of_a_run_that_is_cancelled(tasks, before, states):
    stage = Stage(dag(*tasks), lease_s=1e9)
    stage.trigger()
    before(stage)
    stage.ask(CancelRun(1, "ada"))
    for key in [key for key in list(stage.out) if not key.task_id.startswith("t")]:
        stage.finish(str(key), Outcome.CANCELLED)
    if any(key.task_id == "t" for key in stage.out):
        stage.finish("t")
    assert {key: state for key, state in stage.states().items() if key in states} == states
    assert stage.run_state() == "cancelled"


def test_a_cancelled_run_is_not_timed_out_as_well():
    stage = begun(*WORK, run_timeout_s=100.0)
    stage.ask(CancelRun(1, "ada"))
    stage.step(after=200)
    stage.restart()
    stage.finish("a", Outcome.CANCELLED)
    stage.finish("t", after=500)
    assert (stage.run_state(), stage.store.runs[1].timed_out_at) == ("cancelled", None)


def test_work_that_is_cleared_while_its_run_is_torn_down_runs_again():
    stage = begun(*WORK)
    stage.ask(CancelRun(1, "ada"))
    stage.finish("a", Outcome.CANCELLED)
    stage.ask(ClearTasks(1, ("a",)))
    assert (stage.run_state(), stage.store.runs[1].cancelled_at) == ("running", None)
    stage.finish("t", Outcome.CANCELLED)  # of the cancel
    for name in ("s", "a", "b", "t"):
        stage.finish(name)
    assert stage.run_state() == "success"


def test_what_is_not_cleared_with_it_stays_cancelled():
    stage = begun(*WORK, after("z", "s"))
    stage.ask(CancelRun(1, "ada"))
    stage.ask(ClearTasks(1, ("b",), downstream=False))
    assert stage.states()["a"] == stage.states()["z"] == "cancelled"
    stage.finish("a", Outcome.SUCCESS), stage.finish("z", Outcome.SUCCESS)
    assert stage.states()["a"] == stage.states()["z"] == "cancelled"


@pytest.mark.parametrize("final", ["success", "failed"])
def test_a_run_that_is_marked_while_it_is_torn_down_ends_as_marked(final):
    stage = begun(*WORK)
    stage.ask(CancelRun(1, "ada"))
    stage.finish("a", Outcome.CANCELLED)
    stage.ask(MarkRun(1, final))
    stage.finish("t")
    assert stage.run_state() == final


def test_a_run_waits_until_the_one_that_was_cancelled_is_torn_down():
    stage = begun(*WORK, max_active_runs=1)
    stage.trigger()
    stage.ask(CancelRun(1, "ada"))
    stage.finish("a", Outcome.CANCELLED, run=1)
    assert (stage.run_state(1), stage.run_state(2)) == ("running", "queued")
    assert "1 of them is ending" in stage.why("a", run=2)
    stage.finish("t", run=1)
    assert (stage.run_state(1), stage.run_state(2)) == ("cancelled", "running")
