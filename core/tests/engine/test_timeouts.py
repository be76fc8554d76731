import pytest
from stage import Stage, after, dag

from penstock.model.dag import Mapping, SensorPolicy, TaskSpec, XComRef
from penstock.model.request import ClearTasks, MarkTask
from penstock.model.retry import RetrySpec
from penstock.model.state import Outcome, TriggerRule
from penstock.spec.executor import TryRecovered

REASON = "run timeout: its run takes longer than 100 s (dagrun_timeout)"
DOWN = {"teardown": True, "trigger_rule": TriggerRule.ALL_DONE_SETUP_SUCCESS}
WORK = (after("s", setup=True), after("a", "s"), after("b", "a"), after("t", "s", "b", **DOWN))


def staged(*tasks, **more):
    """A run of these tasks that may take 100 seconds, and tries that need no heartbeat."""
    stage = Stage(dag(*tasks, **{"run_timeout_s": 100.0, **more}), lease_s=1e9)
    stage.trigger()
    return stage


def test_a_run_whose_time_is_over_has_its_tries_ended_then_torn_down_and_fails():
    stage = staged(*WORK)
    stage.finish("s", after=10)
    stage.started("a")
    assert stage.step(after=89.9).kills == ()
    step = stage.step(after=0.1)
    assert [(str(kill.key), kill.reason) for kill in step.kills] == [("a", REASON)]
    # What is torn down is in use until the try has ended.
    assert stage.states() == {"s": "success", "a": "running", "b": "upstream_failed", "t": "none"}
    stage.finish("a", Outcome.CANCELLED, after=3)
    assert stage.states() == {"s": "success", "a": "failed", "b": "upstream_failed", "t": "queued"}
    assert (stage.reason("a"), stage.reason("b"), stage.run_state()) == (REASON, REASON, "running")
    stage.finish("t", after=500)
    assert (stage.run_state(), stage.store.runs[1].reason, stage.held) == ("failed", REASON, [])
    assert "a: running -> failed" in stage.notified
    assert "manual__0: running -> failed" in stage.notified


SOURCE = XComRef("a")
# How a task stands when the time is over: the tasks, what happens before, the states of all.
STANDS = {
    "ready": ([TaskSpec("a", pool="none")], lambda _: None, {"a": "failed"}),
    "handed over": ([TaskSpec("a")], lambda _: None, {"a": "queued"}),
    "waits for its retry": (
        [TaskSpec("a", retry=RetrySpec(3, 600.0))],
        lambda stage: stage.fail("a"),
        {"a": "failed"},
    ),
    "a sensor": ([TaskSpec("a", sensor=SensorPolicy())], lambda stage: stage.started("a"), {"a": "deferred"}),
    "mapped, not expanded": (
        ["a", TaskSpec("m", upstream=("a",), mapped=(Mapping("x", source=SOURCE),))],
        lambda _: None,
        {"a": "queued", "m": "upstream_failed"},
    ),
    "mapped, one has succeeded": (
        [TaskSpec("m", mapped=(Mapping("x", length=3),), max_active_per_run=1), "z<m"],
        lambda stage: stage.finish("m[0]"),
        {"m[0]": "success", "m[1]": "queued", "m[2]": "failed", "z": "upstream_failed"},
    ),
    "what would run after a failure": (
        ["a", after("z", "a", trigger_rule=TriggerRule.ALL_DONE)],
        lambda _: None,
        {"a": "queued", "z": "upstream_failed"},
    ),
    "cleared, its try not ended": (
        ["a", "b<a"],
        lambda stage: stage.ask(ClearTasks(1)),
        {"a": "failed", "b": "upstream_failed"},
    ),
}


@pytest.mark.parametrize(("tasks", "before", "states"), STANDS.values(), ids=STANDS)
def test_what_becomes_of_a_task_when_the_time_is_over(tasks, before, states):
    stage = staged(*tasks)
    before(stage)
    stage.step(after=100)
    assert stage.states() == states
    stage.restart()
    assert {key: state for key, state in stage.states().items() if key in states} == states
    for key in list(stage.out):
        if stage.store.tasks[key].state.live:
            stage.finish(str(key), Outcome.CANCELLED)
    assert (stage.run_state(), stage.store.runs[1].reason) == ("failed", REASON)
    assert stage.last.dispatches == ()


@pytest.mark.parametrize("outcome", Outcome)
def test_whatever_a_try_answers_that_was_told_to_end_its_task_has_failed(outcome):
    stage = staged(TaskSpec("a", retry=RetrySpec(3, 1.0)))
    stage.started("a")
    stage.step(after=100)
    stage.finish("a", outcome)
    assert (stage.states(), stage.run_state()) == ({"a": "failed"}, "failed")


def test_a_run_that_ends_in_time_is_not_ended_twice_and_what_teardowns_take_does_not_count():
    stage = staged(*WORK)
    for name in ("s", "a", "b"):
        stage.finish(name, after=30)
    assert stage.step(after=500).kills == ()
    stage.finish("t")
    assert (stage.run_state(), stage.store.runs[1].timed_out_at) == ("success", None)
    assert stage.wake_at is None


def test_a_run_fails_whose_last_tasks_had_succeeded_before_its_time_was_over():
    stage = staged("a", after("z", "a", trigger_rule=TriggerRule.ALWAYS))
    stage.finish("z")
    stage.step(after=100)
    stage.finish("a", Outcome.CANCELLED)
    assert (stage.states(), stage.run_state()) == ({"a": "failed", "z": "success"}, "failed")


def test_the_time_runs_from_the_start_and_not_from_the_queue():
    stage = staged("a", max_active_runs=1, run_timeout_s=100.0)
    stage.trigger()
    stage.finish("a", after=90)
    assert stage.step(after=99).kills == ()
    assert [kill.key.run for kill in stage.step(after=1).kills] == [2]


@pytest.mark.parametrize("year", [2025, 2027])
def test_a_time_of_day_that_is_set_ends_no_run_and_keeps_none(year):
    stage = staged("a")
    stage.now = stage.now.replace(year=year)
    assert stage.step(after=99).kills == ()
    assert len(stage.step(after=1).kills) == 1


def test_a_restart_keeps_the_time_that_is_left():
    stage = staged("a")
    stage.pause(60)
    stage.restart()
    stage.step(TryRecovered(stage.key("a"), 1))
    stage.step(after=39.9)
    assert stage.store.runs[1].timed_out_at is None
    stage.step(after=0.2)
    # A restart before the try has answered tells it to end once more, and the instant at which the time was over stays.
    at = stage.store.runs[1].timed_out_at
    assert at is not None
    assert [kill.reason for kill in stage.restart().kills] == [REASON]
    assert stage.store.runs[1].timed_out_at == at


def test_a_teardown_that_runs_is_not_ended_by_a_restart():
    stage = staged(*WORK)
    stage.finish("s")
    stage.step(after=100)
    stage.finish("a", Outcome.CANCELLED)
    assert stage.restart().kills == ()
    stage.finish("t")
    assert (stage.run_state(), stage.store.runs[1].reason) == ("failed", REASON)


@pytest.mark.parametrize("teardown_runs", [True, False], ids=["while it tears down", "after its end"])
def test_a_run_that_is_cleared_has_the_whole_of_its_time_again(teardown_runs):
    stage = staged(*WORK)
    stage.finish("s")
    stage.step(after=100)
    stage.finish("a", Outcome.CANCELLED)
    if not teardown_runs:
        stage.finish("t")
    stage.ask(ClearTasks(1, ("a",)))
    assert (stage.run_state(), stage.store.runs[1].timed_out_at) == ("running", None)
    if teardown_runs:
        stage.finish("t", Outcome.CANCELLED)
    stage.finish("s")
    assert stage.step(after=99).kills == ()
    assert [str(kill.key) for kill in stage.step(after=1).kills] == ["a"]


def test_a_run_whose_failed_tasks_are_marked_has_the_state_that_follows():
    stage = staged("a")
    stage.step(after=100)
    stage.finish("a", Outcome.CANCELLED)
    stage.ask(MarkTask(1, "a", -1, "success"))
    assert (stage.run_state(), stage.store.runs[1].timed_out_at) == ("success", None)


def test_a_run_that_gets_another_version_when_its_time_is_over_has_the_whole_of_it_again():
    tasks = [*WORK[:-1], after("t", "s", "b", retry=RetrySpec(3, 1e6), **DOWN)]
    stage = staged(*tasks)
    stage.finish("s")
    stage.step(after=100)
    stage.finish("a", Outcome.CANCELLED)
    stage.fail("t")
    row = stage.store.put_dag(dag(*tasks, "new", run_timeout_s=100.0))
    stage.step(row, *stage.store.version_changed(MarkTask(1, "x", -1, "success", row.version)))
    assert (stage.state("new"), stage.store.runs[1].timed_out_at) == ("queued", None)
    assert stage.step(after=99).kills == ()
    assert "new" in {str(kill.key) for kill in stage.step(after=1).kills}


def test_a_run_that_gets_another_version_keeps_its_start():
    stage = staged(TaskSpec("a", retry=RetrySpec(3, 1e6)))
    stage.fail("a", after=60)
    row = stage.store.put_dag(dag(TaskSpec("a", retry=RetrySpec(3, 1e6)), run_timeout_s=70.0))
    stage.now = stage.now.replace(year=2027)
    stage.step(row, *stage.store.version_changed(MarkTask(1, "x", -1, "success", row.version)))
    assert stage.states() == {"a": "up_for_retry"}
    stage.step(after=10)
    assert stage.states() == {"a": "failed"}


def test_a_mapped_teardown_that_waits_for_its_list_alone_is_looked_at_when_that_has_ended():
    over = {"mapped": (Mapping("x", source=SOURCE),), "group": "g"}
    stage = staged("a", after("w", "a", **over), after("t", "w", **over, **DOWN))
    stage.started("a")
    stage.step(after=100)
    assert stage.states() == {"a": "running", "t": "none", "w": "upstream_failed"}
    stage.finish("a", Outcome.CANCELLED)
    assert stage.run_state() == "failed"
