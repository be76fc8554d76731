from datetime import UTC, datetime, timedelta

import pytest
from stage import Stage, dag

from penstock.engine.runs.creation import MOST_WAITING
from penstock.model.request import CancelRun, ClearTasks, MarkTask
from penstock.model.schedule import Overlap, Schedule, ScheduleKind
from penstock.model.state import Outcome

HOUR = timedelta(hours=1)
JAN = datetime(2026, 1, 1, tzinfo=UTC)
MINUTELY = Schedule(ScheduleKind.CRON, crons=("* * * * *",))
HOURLY = Schedule(ScheduleKind.CRON, crons=("0 * * * *",))


def staged(now=JAN + HOUR, **more):
    """A DAG that falls due each hour, of which one run may be active, and whose tries need no heartbeat."""
    spec = dag("a", schedule=HOURLY, start_date=JAN, **{"max_active_runs": 1, **more})
    return Stage(spec, now=now, lease_s=1e9)


def ticks(stage, count):
    for _ in range(count):
        stage.step(after=3600)


def runs(stage):
    return [run.state.value for run in stage.store.runs.values()]


def hours(stage):
    """The hours at which the intervals of all runs of the schedule start."""
    return [(run.interval_start - JAN) // HOUR for run in stage.store.runs.values() if run.interval_start]


# What becomes of three runs that fall due one after the other while the first is active.
POLICIES = {
    Overlap.QUEUE: (["running", "queued", "queued"], ""),
    Overlap.QUEUE_LATEST: (
        ["running", "skipped", "queued"],
        "a later run fell due while it waited (overlap='queue_latest')",
    ),
    Overlap.SKIP: (["running", "skipped", "skipped"], "1 of 1 runs were active when it fell due (overlap='skip')"),
    Overlap.CANCEL: (["cancelled", "skipped", "queued"], "a later run fell due while it waited (overlap='cancel')"),
}


@pytest.mark.parametrize(("overlap", "states", "reason"), [(k, *v) for k, v in POLICIES.items()], ids=POLICIES)
@pytest.mark.parametrize("window_s", [None, 0.0], ids=["latest", "none"])
def test_each_run_that_falls_due_has_a_row_whatever_becomes_of_it(overlap, states, reason, window_s):
    stage = staged(overlap=overlap, catchup=window_s is not None, catchup_window_s=window_s)
    ticks(stage, 2)
    assert (runs(stage), hours(stage)) == (states, [0, 1, 2])
    assert [run.reason for run in stage.store.runs.values() if run.state == "skipped"][:1] == (
        [reason] if reason else []
    )
    stage.restart()
    assert runs(stage) == states


def test_every_policy_has_its_row():
    assert set(POLICIES) == set(Overlap)


def test_what_waits_starts_in_its_order_as_places_become_free():
    stage = staged()
    ticks(stage, 3)
    for number in (1, 2, 3):
        stage.finish("a", run=number)
    assert runs(stage) == ["success", "success", "success", "running"]


def test_no_more_wait_than_memory_shall_hold_and_the_oldest_of_them_is_skipped():
    stage = staged()
    ticks(stage, MOST_WAITING + 2)
    assert runs(stage) == ["running", "skipped", "skipped", *["queued"] * MOST_WAITING]
    assert stage.store.runs[2].reason.startswith("more than 16 runs of the schedule waited")


def test_a_run_starts_once_the_one_that_is_cancelled_for_it_has_ended():
    stage = staged(overlap=Overlap.CANCEL)
    kills = stage.step(after=3600).kills
    assert [(kill.key.run, kill.reason) for kill in kills] == [
        (1, "run scheduled__2026-01-01T01:00:00+00:00 fell due while it ran (overlap='cancel')")
    ]
    assert runs(stage) == ["cancelled", "queued"]
    assert "1 of 1 active runs (max_active_runs); 1 of them is ending" in stage.why("a", run=2)
    stage.restart()
    assert runs(stage) == ["cancelled", "queued"]
    stage.finish("a", Outcome.CANCELLED, run=1)
    assert runs(stage) == ["cancelled", "running"]


def test_a_run_of_which_nothing_is_out_makes_room_at_once():
    stage = Stage(
        dag("a", schedule=HOURLY, start_date=JAN, max_active_runs=1, overlap=Overlap.CANCEL), now=JAN + HOUR, capacity=0
    )
    stage.step(after=3600)
    assert runs(stage) == ["cancelled", "running"]


def test_the_schedule_cancels_no_run_that_somebody_asked_for():
    stage = staged(overlap=Overlap.CANCEL, now=JAN + HOUR / 2)
    stage.trigger()
    assert stage.step(after=1800).kills == ()
    assert runs(stage) == ["running", "queued"]
    stage.finish("a", run=1)
    assert runs(stage) == ["success", "running"]


def test_what_somebody_asked_for_is_never_skipped():
    stage = staged(overlap=Overlap.SKIP)
    for _ in range(3):
        stage.trigger()
    ticks(stage, 1)
    assert runs(stage) == ["running", "queued", "queued", "queued", "skipped"]


def test_a_run_keeps_its_place_until_the_last_of_its_tries_has_ended():
    stage = staged()
    ticks(stage, 1)
    stage.ask(CancelRun(1))
    assert runs(stage) == ["cancelled", "queued"]
    stage.ask(ClearTasks(1))
    assert runs(stage) == ["queued", "queued"]
    stage.restart()
    assert runs(stage) == ["queued", "queued"]
    stage.finish("a", Outcome.CANCELLED, run=1)
    assert sorted(runs(stage)) == ["queued", "running"]


def test_a_run_that_was_skipped_runs_if_it_is_cleared_and_is_not_skipped_again():
    stage = staged(overlap=Overlap.SKIP)
    ticks(stage, 1)
    stage.ask(MarkTask(2, "a", -1, "success"))
    assert (runs(stage), stage.states(2)) == (["running", "skipped"], {})
    stage.ask(ClearTasks(2))
    stage.restart()
    assert runs(stage) == ["running", "queued"]
    stage.finish("a", run=1)
    assert (runs(stage), stage.states(2)) == (["success", "running"], {"a": "queued"})


def test_a_paused_dag_leaves_what_waits_where_it_is():
    stage = staged(overlap=Overlap.QUEUE)
    ticks(stage, 2)
    spec = dag("a", schedule=HOURLY, start_date=JAN, max_active_runs=1, overlap=Overlap.SKIP)
    stage.step(stage.store.put_dag(spec, paused=True))
    assert runs(stage) == ["running", "queued", "queued"]
    stage.step(stage.store.put_dag(spec))
    assert runs(stage) == ["running", "skipped", "skipped"]


# The window in hours (None: all), and the intervals that are run of those of six hours and a half that nobody watched.
WINDOWS = {"all": (None, range(6)), "3 hours": (3.0, [3, 4, 5]), "none": (0.0, [])}


@pytest.mark.parametrize(("window", "caught_up"), WINDOWS.values(), ids=WINDOWS)
def test_a_window_says_what_is_caught_up_of_the_time_in_which_nobody_watched(window, caught_up):
    seconds = None if window is None else window * 3600
    stage = staged(now=JAN + 6.5 * HOUR, max_active_runs=16, catchup=True, catchup_window_s=seconds)
    assert hours(stage) == [*caught_up]
    stage.pause(3 * 3600)  # no scheduler was at work
    assert hours(stage)[len([*caught_up]) :] == ([] if window == 0 else [6, 7, 8])
    for _ in range(6):
        stage.pause(600)  # it is late, and has watched all the time
    stage.pause(620)
    assert hours(stage)[-1] == 9


def test_what_waits_for_a_place_within_its_window_is_not_left_out_by_a_restart():
    stage = staged(catchup=True, catchup_window_s=0.0)
    ticks(stage, 10)
    stage.restart()
    assert hours(stage) == [*range(11)]
    for number in range(1, 12):
        stage.finish("a", run=number)
    assert runs(stage) == ["success"] * 11


def test_of_a_long_window_no_more_are_created_than_memory_shall_hold_and_none_is_skipped():
    stage = staged(now=JAN + 100 * HOUR, catchup=True, catchup_window_s=360000.0)
    assert runs(stage) == ["running", *["queued"] * MOST_WAITING]
    stage.finish("a", run=1)
    assert len(runs(stage)) == MOST_WAITING + 2


@pytest.mark.parametrize("catchup", [True, False], ids=["none", "latest"])
def test_what_falls_due_while_it_is_watched_is_left_out_by_no_policy(catchup):
    more = {"catchup": catchup, "catchup_window_s": 0.0 if catchup else None}
    stage = Stage(dag("a", schedule=MINUTELY, start_date=JAN, max_active_runs=16, **more), now=JAN + HOUR, lease_s=1e9)
    known = len(runs(stage))
    stage.pause(600)
    assert len(runs(stage)) == known + 10


@pytest.mark.parametrize("change", [{"schedule": MINUTELY}, {"end_date": None}], ids=["another schedule", "no end"])
def test_a_timetable_that_an_author_changes_is_watched_from_then_on(change):
    stage = staged(max_active_runs=99, end_date=JAN + HOUR)
    for _ in range(18):
        stage.pause(600)
    known = len(runs(stage))
    edited = {"schedule": HOURLY, "start_date": JAN, "end_date": JAN + 9 * HOUR, "max_active_runs": 99, **change}
    stage.step(stage.store.put_dag(dag("a", **edited)))
    assert len(runs(stage)) == known + 1


def test_a_clock_that_is_set_forward_is_time_in_which_nobody_watched():
    stage = staged(now=JAN + HOUR / 2, catchup=True, catchup_window_s=0.0)
    stage.now += timedelta(days=2)
    stage.step(after=60)
    assert hours(stage) == []
    stage.step(after=3600)
    assert hours(stage) == [48]
