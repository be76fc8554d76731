from datetime import timedelta

import pytest
from stage import Stage, dag

from penstock.engine.tries import LONGEST_PAUSE_S, MAX_LOST
from penstock.model.dag import Mapping, SensorPolicy, TaskSpec
from penstock.model.request import ClearTasks
from penstock.model.retry import RetrySpec
from penstock.model.run import TaskKey
from penstock.model.state import Outcome
from penstock.spec.executor import Heartbeat

FIVE = tuple(TaskSpec(name) for name in "abcde")


def lost(stage):
    return sorted({a.task_id for a in stage.store.tries.values() if a.outcome is Outcome.LOST})


def test_a_try_that_is_not_renewed_is_killed_and_lost_and_no_other_is():
    stage = Stage(dag(*FIVE))
    stage.trigger()
    stage.heartbeat("a", "b", "d", "e", after=20)
    step = stage.step(after=10)
    assert [(str(kill.key), kill.epoch) for kill in step.kills] == [("c", 1)]
    assert step.kills[0].reason == "executor 'local' sent no heartbeat for it for 30 s"
    assert lost(stage) == ["c"]
    (again,) = step.dispatches
    assert (again.instance.key.task_id, again.instance.epoch, again.instance.try_number) == ("c", 2, 1)
    assert again.instance.failures == 0


def test_tries_are_renewed_whichever_executor_of_them_sends_the_heartbeat():
    stage = Stage(dag("a", TaskSpec("s", sensor=SensorPolicy())))
    stage.trigger()
    stage.heartbeat("a", "s", executor="local", after=29)
    assert stage.step(after=29).kills == ()


def test_a_lease_begins_when_the_try_is_sent_out():
    stage = Stage(dag("a", "b<a"))
    stage.trigger()
    stage.finish("a", after=29)
    assert stage.step(after=29).kills == ()
    assert [str(kill.key) for kill in stage.step(after=1).kills] == ["b"]


def test_word_that_a_try_has_started_renews_its_lease():
    stage = Stage(dag("a", "b"))
    stage.trigger()
    stage.started("a", after=20)
    assert [str(kill.key) for kill in stage.step(after=10).kills] == ["b"]


@pytest.mark.parametrize("epoch", [1, 3])
def test_a_heartbeat_for_another_epoch_renews_nothing(epoch):
    stage = Stage(dag("a"))
    stage.trigger()
    stage.finish("a", Outcome.LOST)
    stage.step(Heartbeat("local", ((stage.key("a"), epoch),), stage.now), after=20)
    assert len(stage.step(after=10).kills) == 1


def test_a_heartbeat_for_what_is_unknown_or_has_ended_changes_nothing():
    stage = Stage(dag("a", "b"))
    stage.trigger()
    stage.finish("a")
    tries = ((stage.key("a"), 1), (TaskKey(99, "a"), 1), (TaskKey(1, "zzz"), 1), (TaskKey(1, "b", 4), 1))
    assert not stage.step(Heartbeat("local", tries, stage.now)).changes
    assert [str(kill.key) for kill in stage.step(after=30).kills] == ["b"]


def test_an_executor_that_was_silent_is_sent_work_like_any_other():
    stage = Stage(dag(*FIVE), capacity=2)
    stage.trigger()
    step = stage.step(after=30)
    assert [kill.key.task_id for kill in step.kills] == ["a", "b"]
    assert [d.instance.key.task_id for d in step.dispatches] == ["c", "d"]
    stage.out.pop(stage.key("a")), stage.out.pop(stage.key("b"))
    stage.heartbeat(after=20)
    assert stage.step(after=20).kills == ()


def test_a_task_that_nobody_ever_renews_is_repeated_after_ever_longer_pauses_and_never_fails_for_it():
    stage = Stage(dag(TaskSpec("a", retry=RetrySpec(3, 1.0))))
    stage.trigger()
    pauses = []
    for _ in range(MAX_LOST + 2):
        began = stage.monotonic_s
        stage.step(after=30)
        while stage.state("a") == "up_for_retry":
            stage.step(after=min(30, stage.last.wait_s))
        pauses.append(stage.monotonic_s - began - 30)
    assert pauses == [0, 30, 60, 120, 240, 480, *[LONGEST_PAUSE_S] * (MAX_LOST - 4)]
    assert stage.state("a") == "queued"
    row = stage.store.tasks[stage.key("a")]
    assert (row.try_number, row.losses, row.failures) == (1, 0, 0)
    stage.finish("a")
    assert stage.run_state() == "success"


def test_a_cancelled_try_that_is_silent_for_a_lease_blocks_its_instance_no_longer():
    stage = Stage(dag("a"))
    stage.trigger()
    stage.ask(ClearTasks(1))
    assert stage.step(after=29).dispatches == ()
    assert [d.instance.epoch for d in stage.step(after=1).dispatches] == [2]


def test_the_engine_asks_to_be_stepped_six_times_a_lease_and_when_the_first_one_ends():
    stage = Stage(dag("a", "b"))
    stage.trigger()
    assert stage.last.wait_s == 5
    stage.heartbeat("a", after=28)
    assert stage.last.wait_s == 2
    stage.finish("b")
    assert stage.last.wait_s == 5
    stage.finish("a")
    assert stage.last.wait_s is None


def test_a_try_without_a_word_after_a_restart_is_lost_after_one_lease_and_not_at_once():
    stage = Stage(dag("a"))
    stage.trigger()
    stage.started("a")
    assert stage.restart().kills == ()
    assert stage.state("a") == "running"
    assert stage.step(after=29).kills == ()
    assert [(str(kill.key), kill.epoch) for kill in stage.step(after=1).kills] == [("a", 1)]


# Pauses and steps of the time of day.


@pytest.mark.parametrize("pause", [40.0, 7200.0])
def test_time_in_which_nobody_stepped_the_engine_counts_against_no_try(pause):
    stage = Stage(dag("a"))
    stage.trigger()
    stage.step(after=20)
    assert stage.pause(pause).kills == ()
    # Of its lease it lost what the engine had asked to wait and the second that any shell may be late.
    assert stage.step(after=3.9).kills == ()
    stage.step(after=0.2)
    assert lost(stage) == ["a"]


def test_a_retry_is_due_after_a_pause_as_it_would_have_been_without():
    stage = Stage(dag(TaskSpec("a", retry=RetrySpec(1, 60.0))))
    stage.trigger()
    stage.fail("a")
    assert len(stage.pause(3600).dispatches) == 1


@pytest.mark.parametrize("jump", [timedelta(hours=2), timedelta(days=-400), timedelta(days=400)], ids=str)
def test_a_step_of_the_time_of_day_loses_no_try_and_moves_no_retry(jump):
    stage = Stage(dag("a", TaskSpec("b", retry=RetrySpec(1, 20.0))))
    stage.trigger()
    stage.fail("b")
    stage.now += jump
    assert stage.step().dispatches == ()
    stage.heartbeat("a", after=19)
    assert lost(stage) == []
    assert [str(d.instance.key) for d in stage.step(after=1).dispatches] == ["b"]


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400), timedelta(0)], ids=str)
def test_a_step_of_the_time_of_day_across_a_restart_delays_a_retry_by_its_pause_at_most(jump):
    stage = Stage(dag(TaskSpec("a", retry=RetrySpec(1, 20.0))))
    stage.trigger()
    stage.fail("a")
    stage.now += jump
    stage.restart()
    stage.step(after=20)
    assert stage.state("a") == "queued"


def test_a_sensor_has_waited_as_long_as_it_has_whatever_the_time_of_day_says():
    stage = Stage(dag(TaskSpec("s", sensor=SensorPolicy(timeout_s=100.0), retry=RetrySpec(1, 0.0))))
    stage.trigger()
    stage.now += timedelta(days=3)
    stage.finish("s", Outcome.LOST, after=25)
    assert stage.last.dispatches[0].waited_s == 25.0


def test_ten_thousand_live_tries_cost_a_heartbeat_and_a_step_no_search():
    counted = Stage(dag(TaskSpec("m", mapped=(Mapping("x", length=10_000),)), max_active_tasks=0), capacity=None)
    counted.pools = {"default_pool": -1}
    counted.restart()
    counted.trigger()
    assert len(counted.out) == 10_000
    everything = tuple((key, 1) for key in counted.out)
    counted.step(Heartbeat("local", everything, counted.now), after=20)
    assert counted.step(after=20).kills == ()
    assert len(counted.step(after=10).kills) == 10_000
