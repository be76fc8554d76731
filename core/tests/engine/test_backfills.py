from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from stage import Stage, after, dag

from penstock.engine.backfills.progress import MOST_WANTED
from penstock.engine.graph.subset import chosen_tasks, missing_inputs
from penstock.engine.messages import BackfillAdded
from penstock.model.backfills.backfill import Backfill, BackfillSpec, BackfillState, Rerun
from penstock.model.dag import TaskSpec, XComRef
from penstock.model.request import CancelRun, ClearTasks, SetBackfill
from penstock.model.run import NewRun, RunKind
from penstock.model.schedule import Overlap, Schedule, ScheduleKind
from penstock.model.state import Outcome, RunState

JAN = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
DAILY = Schedule(ScheduleKind.CRON, crons=("0 0 * * *",))


def staged(*tasks, now=JAN + 9 * DAY, **more):
    """A daily DAG without a run of its own until the next midnight."""
    spec = dag(*(tasks or ("a",)), schedule=DAILY, start_date=now, **more)
    return Stage(spec, now=now, lease_s=1e9)


def backfill(stage, first=0, last=3, **more):
    """Have a backfill of some days begin; its number."""
    number = len(stage.store.backfills) + 1
    spec = BackfillSpec("d", DAILY, JAN + first * DAY, JAN + last * DAY, last - first + 1, **more)
    row = stage.store.backfills[number] = Backfill(number, spec, BackfillState.RUNNING, stage.now)
    stage.step(BackfillAdded(row))
    settle(stage)
    return number


def settle(stage):
    """What the engine wants to do at once is done."""
    while stage.last.wait_s == 0:
        stage.step()


def state(stage, number=1):
    row = stage.store.backfills[number]
    return row.state.value, row.done


def days(stage, *states):
    """The days of the runs in these states, in the order in which they were made."""
    runs = stage.store.runs.values()
    return [(run.logical_date - JAN) // DAY for run in runs if not states or run.state.value in states]


def items(stage, number=1):
    return [(item.action.value, item.run_id[-23:-15]) for (of, _), item in stage.store.items.items() if of == number]


def finish_all(stage, outcome=Outcome.SUCCESS, rounds=40):
    """Whatever runs ends, until nothing does."""
    for _ in range(rounds):
        for key in list(stage.out):
            stage.finish(str(key), outcome, run=key.run)
        settle(stage)
        if not stage.out:
            return
    raise AssertionError(f"{stage.running()} run on")


def test_a_backfill_makes_its_runs_in_order_as_there_is_room_and_ends_with_the_last():
    stage = staged(max_active_runs=16)
    backfill(stage, max_active_runs=2)
    assert (days(stage), state(stage)) == ([0, 1], ("running", 2))
    stage.finish("a", run=2)
    assert (days(stage), days(stage, "running"), state(stage)) == ([0, 1, 2], [0, 2], ("running", 3))
    finish_all(stage)
    assert (days(stage), days(stage, "success"), state(stage)) == ([0, 1, 2, 3], [0, 1, 2, 3], ("finished", 4))
    assert [run.kind for run in stage.store.runs.values()] == ["backfill"] * 4


def test_backwards_the_latest_date_is_first():
    stage = staged()
    backfill(stage, max_active_runs=1, backwards=True)
    finish_all(stage)
    assert (days(stage), state(stage)) == ([3, 2, 1, 0], ("finished", 4))


@pytest.mark.parametrize(("of_dag", "own", "expected"), [(1, 3, 1), (3, 1, 1), (2, 3, 2), (0, 3, 3)])
def test_the_limits_of_the_backfill_and_of_its_dag_both_hold(of_dag, own, expected):
    stage = staged(max_active_runs=of_dag)
    backfill(stage, 0, 8, max_active_runs=own)
    for _ in range(3):
        assert len(days(stage, "running", "queued")) == expected
        key = next(iter(stage.out))
        stage.finish(str(key), run=key.run)


def test_a_pause_starts_nothing_and_a_resumed_one_goes_on_where_it_was():
    stage = staged()
    backfill(stage, max_active_runs=1)
    stage.step(SetBackfill(1, "paused", "ann"))
    finish_all(stage)
    assert (days(stage), state(stage), stage.store.backfills[1].reason) == ([0], ("paused", 1), "paused by ann")
    stage.restart()
    assert days(stage) == [0]
    stage.step(SetBackfill(1, "running"))
    finish_all(stage)
    assert (days(stage), state(stage)) == ([0, 1, 2, 3], ("finished", 4))


def test_a_cancel_ends_what_runs_and_makes_nothing_more():
    stage = staged()
    backfill(stage, max_active_runs=2)
    step = stage.step(SetBackfill(1, "cancelled", "ann"))
    assert sorted(kill.reason for kill in step.kills) == ["backfill 1 was cancelled by ann"] * 2
    assert (state(stage), days(stage, "cancelled")) == (("cancelling", 2), [0, 1])
    stage.step(SetBackfill(1, "running"))  # too late
    stage.finish("a", Outcome.CANCELLED, run=1)
    assert state(stage) == ("cancelling", 2)
    stage.restart()
    stage.finish("a", Outcome.CANCELLED, run=2)
    assert (state(stage), days(stage)) == (("cancelled", 2), [0, 1])


def test_a_run_of_the_cancelled_backfill_that_a_person_clears_is_one_like_any_other():
    stage = staged()
    backfill(stage, max_active_runs=1)
    stage.step(SetBackfill(1, "cancelled"))
    stage.finish("a", Outcome.CANCELLED)
    stage.ask(ClearTasks(1))
    assert (stage.state("a"), state(stage)[0]) == ("queued", "cancelled")


def test_the_cancel_of_one_run_frees_its_place_for_the_next_date():
    stage = staged()
    backfill(stage, max_active_runs=1)
    stage.step(CancelRun(1))
    stage.finish("a", Outcome.CANCELLED)
    assert (days(stage, "running"), state(stage)) == ([1], ("running", 2))


RERUNS = {
    Rerun.NONE: ["skip", "skip", "skip", "run"],
    Rerun.FAILED: ["skip", "rerun", "rerun", "run"],
    Rerun.ALL: ["rerun", "rerun", "rerun", "run"],
}


@pytest.mark.parametrize(("rerun", "expected"), RERUNS.items(), ids=RERUNS)
def test_what_becomes_of_dates_that_have_a_run(rerun, expected):
    stage = staged("a", "b<a")
    backfill(stage, 0, 2, max_active_runs=3)
    stage.finish("a", run=1)
    stage.finish("b", run=1)
    stage.finish("a", run=2)
    stage.finish("b", Outcome.FAILED, run=2)
    stage.finish("a", Outcome.FAILED, run=3)
    backfill(stage, 0, 3, max_active_runs=1, rerun=rerun)
    finish_all(stage)
    assert [action for action, _ in items(stage, 2)] == expected
    assert (days(stage, "success"), state(stage, 2)) == (
        [0, 3] if rerun is Rerun.NONE else [0, 1, 2, 3],
        ("finished", 4),
    )
    tries = {n: [stage.store.tasks[stage.key(n, run)].try_number for run in (1, 2, 3)] for n in "ab"}
    assert (
        tries
        == {
            Rerun.NONE: {"a": [1, 1, 1], "b": [1, 1, 0]},
            Rerun.FAILED: {"a": [1, 1, 2], "b": [1, 2, 1]},
            Rerun.ALL: {"a": [2, 2, 2], "b": [2, 2, 1]},
        }[rerun]
    )


def test_a_date_whose_run_is_under_way_waits_for_its_end_before_it_is_rerun():
    stage = staged()
    backfill(stage, 0, 0)
    assert state(stage) == ("running", 1)
    stage.store.backfills[1] = Backfill(1, stage.store.backfills[1].spec, BackfillState.CANCELLED, stage.now)
    stage.restart()
    backfill(stage, 0, 1, rerun=Rerun.ALL)
    assert (state(stage, 2), days(stage)) == (("running", 0), [0])
    assert stage.store.backfills[2].reason == f"waits: run backfill__{JAN.isoformat()} of this date is running"
    stage.finish("a")
    assert (state(stage, 2), stage.store.backfills[2].reason, days(stage, "running")) == (("running", 2), "", [0, 1])
    finish_all(stage)
    assert (state(stage, 2), [action for action, _ in items(stage, 2)]) == (("finished", 2), ["rerun", "run"])


def test_a_date_that_waits_does_not_keep_the_one_before_it_from_its_start():
    stage = staged()
    backfill(stage, 0, 1, max_active_runs=2)
    stage.finish("a", Outcome.FAILED, run=1)
    stage.store.backfills[1] = Backfill(1, stage.store.backfills[1].spec, BackfillState.CANCELLED, stage.now)
    stage.restart()
    backfill(stage, 0, 1, max_active_runs=2, rerun=Rerun.FAILED)
    assert (state(stage, 2), days(stage, "running")) == (("running", 1), [0, 1])
    finish_all(stage)
    assert (state(stage, 2), days(stage, "success")) == (("finished", 2), [0, 1])


def test_a_rerun_takes_the_present_version_within_the_limit_of_the_backfill():
    stage = staged()
    backfill(stage, 0, 2, max_active_runs=3)
    finish_all(stage)
    stage.step(stage.store.put_dag(dag("a", "b<a", schedule=DAILY, start_date=stage.now)))
    backfill(stage, 0, 2, max_active_runs=1, rerun=Rerun.ALL)
    assert stage.running() == ["a"]
    finish_all(stage)
    assert [stage.state("b", run) for run in (1, 2, 3)] == ["success"] * 3


def test_thousands_of_dates_that_are_skipped_are_gone_through_in_few_steps():
    stage = staged(now=JAN + 2000 * DAY)
    for at in (JAN + day * DAY for day in range(501)):
        run = stage.store.create(NewRun("d", f"r{at}", RunKind.MANUAL, at, at, at), at)
        stage.store.runs[run.run] = replace(run, state=RunState.SUCCESS)
    asked = []
    step = stage.engine.step
    stage.engine.step = lambda events, now: asked.append(len(events)) or step(events, now)
    backfill(stage, 0, 500, max_active_runs=1)
    assert (state(stage), max(asked), len(asked) < 20) == (("finished", 501), MOST_WANTED, True)


def test_what_the_schedule_and_people_want_goes_before_the_backfill_in_the_queue_of_the_dag():
    stage = staged(max_active_runs=1)
    backfill(stage, max_active_runs=1)
    manual = stage.trigger()
    stage.step(after=DAY.total_seconds())
    kinds = [stage.store.runs[number].kind.value for number in stage.store.runs]
    assert (kinds, [run.state.value for run in stage.store.runs.values()]) == (
        ["backfill", "manual", "scheduled"],
        ["running", "queued", "queued"],
    )
    stage.finish("a")
    assert [key.run for key in stage.out] == [manual]
    stage.finish("a", run=manual)
    assert [key.run for key in stage.out] == [3]
    finish_all(stage)
    assert state(stage) == ("finished", 4)


@pytest.mark.parametrize("overlap", Overlap)
def test_no_run_of_the_schedule_is_skipped_or_cancelled_for_the_sake_of_a_backfill(overlap):
    stage = staged(max_active_runs=1, overlap=overlap)
    backfill(stage, max_active_runs=1)
    stage.step(after=DAY.total_seconds())
    assert [run.state.value for run in stage.store.runs.values()] == ["running", "queued"]
    stage.finish("a")
    assert [run.state.value for run in stage.store.runs.values()] == ["success", "running"]


def test_at_a_limit_work_of_a_backfill_goes_after_all_other_work_whatever_its_priority():
    low, high = TaskSpec("a", pool="p"), TaskSpec("a", pool="p", priority_weight=9)
    stage = Stage(
        dag(high, dag_id="d", schedule=DAILY, start_date=JAN + 9 * DAY), dag(low, dag_id="other"),
        now=JAN + 9 * DAY, pools={"p": 1}, lease_s=1e9,
    )  # fmt: skip
    backfill(stage, 0, 2)
    others = [stage.trigger("other") for _ in range(3)]
    order = [next(iter(stage.out)).run]
    while stage.out:
        key = next(iter(stage.out))
        stage.finish("a", run=key.run)
        order += [each.run for each in stage.out]
    assert order == [1, *others, 2, 3]


def test_work_of_a_backfill_says_what_it_waits_for():
    stage = staged(TaskSpec("a", pool="p"))
    stage.pools = {"p": 1}
    stage.restart()
    backfill(stage, 0, 1, max_active_runs=2)
    stage.ask(ClearTasks(1))
    assert "pool 'p' is full: 1 of 1" in stage.engine.why(stage.key("a", 2))
    finish_all(stage)
    stage = staged()
    backfill(stage, max_active_runs=1)
    stage.step(SetBackfill(1, "paused"))
    stage.finish("a")
    stage.ask(ClearTasks(1))
    assert stage.engine.why(stage.key("a")) == (
        "its run has not started: backfill 1 is paused. Resume it with: penstock backfills resume 1"
    )


def test_a_paused_dag_makes_no_run_of_its_backfill():
    stage = staged()
    stage.step(stage.store.put_dag(dag("a", schedule=DAILY, start_date=stage.now), paused=True))
    backfill(stage)
    assert days(stage) == []
    stage.step(stage.store.put_dag(dag("a", schedule=DAILY, start_date=stage.now)))
    assert days(stage) == [0, 1, 2, 3]


SETUP = (
    TaskSpec("s", setup=True), after("a", "s"), after("b", "a"), after("c", "b"),
    TaskSpec("t", upstream=("c", "s"), teardown=True), TaskSpec("alone"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("named", "more", "chosen"),
    [
        ("alone", {}, "alone"),
        ("b", {}, "s b t"),
        ("b", {"upstream": True}, "s a b t"),
        ("b", {"downstream": True}, "s b c t"),
        ("a c", {}, "s a c t"),
    ],
)
def test_a_subset_has_the_setups_and_teardowns_that_it_needs_and_keeps_its_order(named, more, chosen):
    spec = dag(*SETUP, schedule=DAILY, start_date=JAN + 9 * DAY)
    flags = {"upstream": False, "downstream": False, **more}
    subset = chosen_tasks(spec, named.split(), **flags)
    assert sorted(subset) == sorted(chosen.split())
    stage = Stage(spec, now=JAN + 9 * DAY, lease_s=1e9)
    backfill(stage, 0, 0, tasks=subset)
    order = []
    while stage.out:
        order += stage.running()
        key = next(iter(stage.out))
        stage.finish(str(key), run=key.run)
        stage.restart()
    assert (list(dict.fromkeys(order)), state(stage)) == (chosen.split(), ("finished", 1))
    assert sorted(key.task_id for key in stage.store.tasks) == sorted(subset)
    stage.ask(ClearTasks(1))  # and it stays a run of these tasks
    assert sorted(key.task_id for key in stage.store.tasks) == sorted(subset)


def test_a_branch_may_answer_a_task_that_is_left_out():
    stage = staged(TaskSpec("pick", decides=True), after("x", "pick"), after("y", "pick"))
    backfill(stage, 0, 0, tasks=["pick", "x"])
    stage.finish("pick", follow=("y",))
    assert (stage.state("pick"), stage.state("x"), state(stage)[0]) == ("success", "skipped", "finished")


def test_a_rerun_of_a_subset_clears_these_tasks_alone():
    stage = staged("a", "b<a", "c<b")
    backfill(stage, 0, 0)
    finish_all(stage)
    backfill(stage, 0, 0, rerun=Rerun.ALL, tasks=["b"])
    finish_all(stage)
    assert [stage.store.tasks[stage.key(name)].try_number for name in "abc"] == [1, 2, 1]


def test_what_takes_the_value_of_a_task_that_is_left_out_is_named():
    spec = dag("a", TaskSpec("b", upstream=("a",), inputs=(XComRef("a"),)))
    assert (missing_inputs(spec, ["b"]), missing_inputs(spec, ["a", "b"])) == ([("b", "a")], [])
