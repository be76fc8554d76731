from datetime import timedelta

import pytest
from stage import Stage, dag

from penstock.engine.tries import MAX_LOST
from penstock.model.attempt import TryEnd
from penstock.model.dag import SensorPolicy, TaskSpec
from penstock.model.retry import LONGEST_DELAY_S, RetrySpec
from penstock.model.run import Rendered, TaskKey
from penstock.model.state import Outcome
from penstock.spec.executor import TryFinished, TryStarted

RETRYING = RetrySpec(2, 60.0, 2.0)


def one(**more):
    stage = Stage(dag(TaskSpec("a", **more)))
    stage.trigger()
    return stage


def test_a_task_with_weights_has_the_priority_of_its_next_try():
    patient = TaskSpec("patient", retry=RetrySpec(1, 60.0), priority_weight=9, weights=(9, 1))
    stage = Stage(
        dag(patient, TaskSpec("other", priority_weight=5), TaskSpec("last", priority_weight=3), max_active_tasks=1)
    )
    stage.trigger()
    assert stage.running() == ["patient"]
    stage.finish("patient", Outcome.FAILED)
    stage.pause(60)
    assert stage.running() == ["other"]
    stage.finish("other")
    assert stage.running() == ["last"], "which the first try of the other went before, and the second does not"
    stage.finish("last")
    assert stage.running() == ["patient"]


OUTCOMES = {
    "success": (Outcome.SUCCESS, {}, {}, "success", ""),
    "failed": (Outcome.FAILED, {"error": "boom\ntraceback"}, {}, "failed", "boom"),
    "failed without a word": (Outcome.FAILED, {}, {}, "failed", "its try ended as failed"),
    "skipped": (Outcome.SKIPPED, {}, {}, "skipped", "skipped by its own code"),
    "skipped with a word": (Outcome.SKIPPED, {"error": "no data"}, {}, "skipped", "no data"),
    "timed out": (Outcome.TIMED_OUT, {"error": "took 5 s"}, {}, "failed", "took 5 s"),
    "failed, retried": (
        Outcome.FAILED,
        {"error": "boom"},
        {"retry": RETRYING},
        "up_for_retry",
        "boom (2 of 2 retries left)",
    ),
    "timed out, retried": (
        Outcome.TIMED_OUT,
        {"error": "late"},
        {"retry": RETRYING},
        "up_for_retry",
        "late (2 of 2 retries left)",
    ),
    "not retryable": (Outcome.FAILED, {"error": "bad", "retryable": False}, {"retry": RETRYING}, "failed", "bad"),
    "a sensor that gives up": (
        Outcome.TIMED_OUT,
        {"error": "nothing came", "retryable": False},
        {"sensor": SensorPolicy()},
        "failed",
        "nothing came",
    ),
    "a sensor that gives up softly": (
        Outcome.TIMED_OUT,
        {"error": "nothing came", "retryable": False},
        {"sensor": SensorPolicy(soft_fail=True)},
        "skipped",
        "nothing came",
    ),
}


@pytest.mark.parametrize(("outcome", "answer", "task", "state", "reason"), OUTCOMES.values(), ids=OUTCOMES)
def test_an_outcome_decides_the_state(outcome, answer, task, state, reason):
    stage = one(**task)
    stage.finish("a", outcome, **answer)
    assert (stage.state("a"), stage.reason("a")) == (state, reason)


def test_retries_wait_longer_each_time_and_then_the_task_fails():
    stage = one(retry=RETRYING)
    for pause, number in ((60, 2), (120, 3)):
        stage.fail("a")
        assert stage.wake_at == stage.now + timedelta(seconds=pause)
        assert stage.why("a").endswith(f"the next try is due at {stage.wake_at:%Y-%m-%d %H:%M:%S}+00:00")
        assert stage.step(after=pause - 0.001).dispatches == ()
        (dispatch,) = stage.step(after=0.001).dispatches
        assert (dispatch.instance.try_number, dispatch.instance.epoch) == (number, number)
    stage.fail("a")
    assert (stage.state("a"), stage.run_state()) == ("failed", "failed")


@pytest.mark.parametrize(
    ("asked", "pause"),
    [(None, 60), (5.0, 60), (300.0, 300), (-1.0, 60), (float("nan"), 60), (float("inf"), LONGEST_DELAY_S)],
    ids=str,
)
def test_what_the_outside_world_asks_to_wait_lengthens_the_pause(asked, pause):
    stage = one(retry=RETRYING)
    stage.fail("a", retry_after_s=asked)
    assert stage.wake_at == stage.now + timedelta(seconds=pause)


def test_jitter_is_the_same_for_the_same_try_and_another_for_another():
    def pause(run_id, task="a"):
        stage = Stage(dag(TaskSpec(task, retry=RetrySpec(1, 100.0, jitter=0.5))))
        stage.trigger(run_id=run_id)
        stage.fail(task)
        return stage.wake_at - stage.now

    assert pause("r1") == pause("r1")
    assert len({pause(f"r{n}") for n in range(20)}) == 20
    assert all(timedelta(seconds=50) <= pause(f"r{n}") <= timedelta(seconds=100) for n in range(20))


@pytest.mark.parametrize(
    ("told", "asked", "pause"),
    [
        (5.0, None, 5.0),
        (0.0, None, 0.0),
        (-1.0, None, 0.0),
        (5.0, 90.0, 90.0),
        (float("nan"), None, 0.0),
        (1e300, None, LONGEST_DELAY_S),
    ],
)
def test_a_pause_that_a_policy_tells_stands_in_place_of_the_tasks_own(told, asked, pause):
    stage = one(retry=RETRYING)
    stage.fail("a", retry_delay_s=told, retry_after_s=asked)
    if pause:
        assert stage.wake_at == stage.now + timedelta(seconds=pause)
    else:
        assert stage.state("a") == "queued", "it is tried again at once"


def test_a_lost_worker_spends_no_retry_and_no_try_number():
    stage = one(retry=RetrySpec(1, 10.0))
    stage.finish("a", Outcome.LOST, error="killed")
    dispatch = stage.last.dispatches[0]
    assert (dispatch.instance.try_number, dispatch.instance.epoch, dispatch.instance.failures) == (1, 2, 0)
    stage.fail("a")
    assert stage.state("a") == "up_for_retry"


def test_a_task_whose_worker_is_lost_too_often_in_a_row_fails():
    stage = one(retry=RetrySpec(5, 1.0))
    for _ in range(MAX_LOST):
        stage.finish("a", Outcome.LOST, error="killed by SIGKILL")
    assert stage.state("a") == "failed"
    assert stage.reason("a") == f"its worker was lost {MAX_LOST} times in a row: killed by SIGKILL"


def test_a_worker_without_room_for_a_process_is_given_time():
    stage = one(retry=RetrySpec(5, 1.0))
    waited = []
    for _ in range(MAX_LOST - 1):
        stage.finish("a", Outcome.LOST, error="no room", retry_after_s=1.0)
        assert stage.state("a") == "up_for_retry"
        waited.append(stage.last.wait_s)
        stage.step(after=waited[-1])
    assert waited == [2.0**n for n in range(MAX_LOST - 1)]
    stage.finish("a")
    assert stage.state("a") == "success"


def test_losses_in_a_row_are_counted_anew_after_an_answer():
    stage = one(retry=RetrySpec(1, 0.0))
    for _ in range(MAX_LOST - 1):
        stage.finish("a", Outcome.LOST)
    stage.fail("a")
    for _ in range(MAX_LOST - 1):
        stage.finish("a", Outcome.LOST)
    assert stage.state("a") == "queued"


def test_a_sensor_whose_waiter_is_lost_goes_on_waiting_from_where_it_was():
    stage = one(sensor=SensorPolicy(timeout_s=100.0), retry=RetrySpec(1, 0.0))
    stage.started("a")
    assert (stage.state("a"), stage.why("a")) == ("deferred", "pokes its condition")
    stage.finish("a", Outcome.LOST, after=25)
    assert stage.last.dispatches[0].waited_s == 25.0
    stage.restart()
    stage.finish("a", Outcome.LOST, after=20)
    assert stage.last.dispatches[0].waited_s == 45.0
    stage.fail("a")
    assert stage.last.dispatches[0].waited_s == 0.0


def test_a_task_runs_from_when_its_process_exists():
    stage = one()
    assert stage.why("a") == "handed to executor 'local'"
    stage.started("a", after=3)
    assert (stage.state("a"), stage.why("a")) == ("running", "it is running")
    stage.finish("a", after=2)
    (row,) = stage.store.tries.values()
    assert stage.now - row.queued_at == timedelta(seconds=5)
    assert row.pid == 1
    assert stage.store.tasks[stage.key("a")].started_at is not None


def test_what_templates_had_become_is_stored_for_the_current_try_alone():
    stage = one()
    key, end = stage.key("a"), TryEnd(Outcome.FAILED, rendered={"sql": "x"})
    late = stage.step(TryFinished(key, 0, stage.now, end))
    step = stage.step(TryFinished(key, 1, stage.now, end))
    assert (late.changes.rendered, step.changes.rendered) == ([], [Rendered(*key, 1, {"sql": "x"})])


def test_a_started_and_finished_try_of_one_step_is_one_row_with_its_pid_and_its_worker():
    stage = one()
    key = stage.key("a")
    step = stage.step(
        TryStarted(key, 1, 77, stage.now, "host-1"),
        TryFinished(key, 1, stage.now + timedelta(seconds=1), TryEnd(Outcome.SUCCESS)),
    )
    (row,) = step.changes.tries
    assert (row.pid, row.worker, row.started_at, row.ended_at, row.outcome) == (
        77,
        "host-1",
        stage.now,
        stage.now + timedelta(seconds=1),
        Outcome.SUCCESS,
    )


@pytest.mark.parametrize("again", [Outcome.SUCCESS, Outcome.FAILED, Outcome.LOST])
def test_a_doubled_answer_is_noted_and_not_obeyed(again):
    stage = Stage(dag("a", "b<a"))
    stage.trigger()
    first = stage.answer("a")
    step = stage.step(first, first)
    assert [late.epoch for late in step.changes.late] == [1]
    step = stage.step(TryFinished(first.key, 1, stage.now, TryEnd(again)))
    assert [(late.epoch, late.outcome) for late in step.changes.late] == [(1, again)]
    assert stage.states() == {"a": "success", "b": "queued"}


def test_a_start_of_an_earlier_try_gives_a_later_one_neither_its_process_nor_its_lease():
    stage = Stage(dag("a"))
    stage.trigger()
    stage.finish("a", Outcome.LOST)
    late = stage.step(TryStarted(stage.key("a"), 1, 77, stage.now), after=20)
    assert not late.changes
    assert stage.state("a") == "queued"
    assert [(each.epoch, each.pid) for each in stage.store.tries.values()] == [(1, None), (2, None)]
    assert [kill.epoch for kill in stage.step(after=10).kills] == [2]


def test_an_answer_of_an_earlier_try_does_not_end_a_later_one():
    stage = one()
    early = stage.answer("a")
    stage.step(after=31)
    assert stage.store.tasks[stage.key("a")].epoch == 2
    assert [late.outcome for late in stage.step(early).changes.late] == [Outcome.SUCCESS]
    assert stage.state("a") == "queued"
    stage.finish("a")
    assert stage.run_state() == "success"


@pytest.mark.parametrize(
    "event",
    [
        TryFinished(TaskKey(99, "a"), 1, Stage(dag("a")).now, TryEnd(Outcome.SUCCESS)),
        TryFinished(TaskKey(1, "zzz"), 1, Stage(dag("a")).now, TryEnd(Outcome.SUCCESS)),
        TryFinished(TaskKey(1, "a", 5), 1, Stage(dag("a")).now, TryEnd(Outcome.SUCCESS)),
        TryFinished(TaskKey(1, "a"), 7, Stage(dag("a")).now, TryEnd(Outcome.SUCCESS)),
    ],
    ids=["no such run", "no such task", "no such index", "an epoch that was never sent"],
)
def test_answers_about_the_unknown_are_noted_only(event):
    stage = one()
    assert len(stage.step(event).changes.late) == 1
    assert stage.state("a") == "queued"


def test_an_answer_before_the_start_was_told_counts_and_the_start_after_it_changes_nothing():
    stage = one()
    stage.finish("a")
    assert not stage.step(TryStarted(stage.key("a"), 1, 5, stage.now)).changes


GROUPS = {"g": ("g.x", "g.y"), "far": ("c",), "empty": ("b",)}
ANSWERS = {
    "a task": (("b",), "it chose b"),
    "a group by those of its first tasks that are directly downstream": (("g",), "it chose g.x"),
    "a group without tasks by what follows it": (("empty",), "it chose b"),
    "a task and its group": (("g", "g.x", "b"), "it chose b, g.x"),
    "nothing": ((), "it chose nothing"),
    "one that is not there": (("b", "nope"), "branch 'a' answered 'nope', which is not directly downstream of it."),
    "one further on": (("c",), "answered 'c', which is not directly downstream of it. It may answer b, empty, g, g.x."),
    "a group further on": (("far",), "answered 'far'"),
    "itself": (("a",), "answered 'a'"),
    "one upstream": (("up",), "answered 'up'"),
    "a long text": (("n" * 10_000,), "answered 'nnn"),
}


@pytest.mark.parametrize(("follow", "said"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_of_a_branch_names_what_is_directly_downstream_or_fails_its_try(follow, said):
    tasks = ["up", "a<up", "b<a", "g.x<a", "g.y<g.x", "c<b"]
    stage = Stage(dag(*tasks, groups=GROUPS))
    stage.trigger()
    stage.finish("up")
    stage.finish("a", follow=follow)
    assert said in stage.reason("a")
    assert len(stage.reason("a")) <= 500
    assert stage.state("a") == ("success" if said.startswith("it chose") else "failed")


def test_an_answer_of_a_branch_without_downstream_is_told_what_is_left_to_answer_and_of_many_some():
    stage = Stage(dag("a"), dag("a", *(f"b{n}<a" for n in range(60)), dag_id="wide"))
    stage.trigger(), stage.trigger("wide")
    stage.finish("a", follow=("x",)), stage.finish("a", run=2, follow=("x",))
    assert stage.reason("a").endswith("It may answer None alone: no task is.")
    assert "and 10 more." in stage.store.tries[stage.key("a", 2), 1].error
