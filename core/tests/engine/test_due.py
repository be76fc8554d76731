from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stage import Stage, calls, dag

from penstock.engine.limits.time_of_day import DOUBTED_S
from penstock.engine.messages import ClockRead
from penstock.engine.runs.creation import MOST_WAITING
from penstock.engine.runs.due import next_due
from penstock.model.request import CancelRun
from penstock.model.run import NewRun, RunKind
from penstock.model.schedule import Overlap, PlannedRun, Schedule, ScheduleKind
from penstock.model.state import RunState
from penstock_testkit.nightly import at_night

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def cron(text, timezone="UTC"):
    return Schedule(ScheduleKind.CRON, crons=(text,), timezone=timezone)


HOURLY, DAILY, MONTHLY = cron("0 * * * *"), cron("0 0 * * *"), cron("0 0 1 * *")
EVERY_90_MIN = Schedule(ScheduleKind.INTERVAL, every_s=5400.0)
ONCE = Schedule(ScheduleKind.ONCE)
DATES = Schedule(ScheduleKind.DATES, dates=(at("2026-01-02"), at("2026-01-05"), at("2026-01-09")))
PLANNED = Schedule(
    ScheduleKind.TIMETABLE,
    instants=True,
    planned=(
        PlannedRun(at("2026-01-02"), at("2026-01-03"), at("2026-01-02T18:00")),
        PlannedRun(at("2026-01-04"), at("2026-01-04"), at("2026-01-05T09:00")),
        PlannedRun(at("2026-01-08"), at("2026-01-09"), at("2026-01-09T18:00")),
    ),
)
JAN, NOON = at("2026-01-01"), at("2026-01-03T12:30")

# schedule, more of the DAG, cursor, now, expected interval start, expected due instant (None: nothing ever)
TABLE = {
    "no schedule": (Schedule(), {"start_date": JAN}, None, NOON, None, None),
    "catchup from the start": (DAILY, {"start_date": JAN, "catchup": True}, None, NOON, JAN, at("2026-01-02")),
    "catchup after a downtime": (
        DAILY,
        {"start_date": JAN, "catchup": True},
        at("2026-01-02"),
        at("2026-01-09"),
        at("2026-01-02"),
        at("2026-01-03"),
    ),
    "no catchup runs the newest complete one": (
        DAILY,
        {"start_date": JAN},
        None,
        NOON,
        at("2026-01-02"),
        at("2026-01-03"),
    ),
    "no catchup after a downtime": (
        HOURLY,
        {"start_date": JAN},
        at("2026-01-01T05:00"),
        NOON,
        at("2026-01-03T11:00"),
        at("2026-01-03T12:00"),
    ),
    "no catchup, nothing missed": (
        HOURLY,
        {"start_date": JAN},
        at("2026-01-03T12:00"),
        NOON,
        at("2026-01-03T12:00"),
        at("2026-01-03T13:00"),
    ),
    "exactly at the tick": (
        HOURLY,
        {"start_date": JAN},
        at("2026-01-03T12:00"),
        at("2026-01-03T13:00"),
        at("2026-01-03T12:00"),
        at("2026-01-03T13:00"),
    ),
    "start date between ticks": (
        DAILY,
        {"start_date": JAN + HOUR, "catchup": True},
        None,
        NOON,
        at("2026-01-02"),
        at("2026-01-03"),
    ),
    "start date to come": (
        DAILY,
        {"start_date": at("2026-02-01")},
        None,
        NOON,
        at("2026-02-01"),
        at("2026-02-02"),
    ),
    "a window": (
        DAILY,
        {"start_date": JAN, "catchup": True, "catchup_window_s": 86400.0},
        None,
        NOON,
        at("2026-01-02"),
        at("2026-01-03"),
    ),
    "a window of ages": (
        DAILY,
        {"start_date": JAN, "catchup": True, "catchup_window_s": 1e15},
        None,
        NOON,
        JAN,
        at("2026-01-02"),
    ),
    "nothing of the past": (
        DAILY,
        {"start_date": JAN, "catchup": True, "catchup_window_s": 0.0},
        None,
        NOON,
        at("2026-01-03"),
        at("2026-01-04"),
    ),
    "a window, nothing missed": (
        HOURLY,
        {"start_date": JAN, "catchup": True, "catchup_window_s": 3600.0},
        at("2026-01-03T12:00"),
        NOON,
        at("2026-01-03T12:00"),
        at("2026-01-03T13:00"),
    ),
    "a window, dates": (
        DATES,
        {"start_date": JAN, "catchup": True, "catchup_window_s": 86400.0},
        None,
        at("2026-01-06"),
        at("2026-01-05"),
        at("2026-01-05"),
    ),
    "a window after the last date": (
        DATES,
        {"start_date": JAN, "catchup": True, "catchup_window_s": 0.0},
        None,
        at("2026-01-10"),
        None,
        None,
    ),
    "a window, planned runs": (
        PLANNED,
        {"catchup": True, "catchup_window_s": 86400.0},
        None,
        NOON,
        at("2026-01-02"),
        at("2026-01-02T18:00"),
    ),
    "a union": (
        Schedule(ScheduleKind.UNION, parts=(DAILY, DATES), instants=True),
        {"start_date": JAN},
        at("2026-01-01"),
        at("2026-01-01T12:00"),
        at("2026-01-02"),
        at("2026-01-02"),
    ),
    "no start date": (HOURLY, {}, None, NOON, at("2026-01-03T12:00"), at("2026-01-03T13:00")),
    "no start date, catchup": (HOURLY, {"catchup": True}, None, NOON, at("2026-01-03T12:00"), at("2026-01-03T13:00")),
    "end date reached": (
        DAILY,
        {"start_date": JAN, "end_date": at("2026-01-02"), "catchup": True},
        at("2026-01-03"),
        NOON,
        None,
        None,
    ),
    "last interval before the end date": (
        DAILY,
        {"start_date": JAN, "end_date": at("2026-01-02"), "catchup": True},
        at("2026-01-02"),
        NOON,
        at("2026-01-02"),
        at("2026-01-03"),
    ),
    "an interval counts from the start date": (
        EVERY_90_MIN,
        {"start_date": JAN + timedelta(minutes=7), "catchup": True},
        None,
        NOON,
        JAN + timedelta(minutes=7),
        JAN + timedelta(minutes=97),
    ),
    "once, with a start date": (ONCE, {"start_date": at("2026-02-01")}, None, NOON, at("2026-02-01"), at("2026-02-01")),
    "once, without": (ONCE, {}, None, NOON, NOON, NOON),
    "once, done": (ONCE, {"start_date": JAN}, JAN, NOON, None, None),
    "dates, no catchup": (DATES, {"start_date": JAN}, None, at("2026-01-06"), at("2026-01-05"), at("2026-01-05")),
    "dates, catchup": (
        DATES,
        {"start_date": JAN, "catchup": True},
        None,
        at("2026-01-06"),
        at("2026-01-02"),
        at("2026-01-02"),
    ),
    "dates, catchup, no start date": (
        DATES,
        {"catchup": True},
        None,
        at("2026-01-06"),
        at("2026-01-02"),
        at("2026-01-02"),
    ),
    "dates, the next": (
        DATES,
        {"start_date": JAN},
        at("2026-01-05"),
        at("2026-01-06"),
        at("2026-01-09"),
        at("2026-01-09"),
    ),
    "dates, none left": (DATES, {"start_date": JAN}, at("2026-01-09"), at("2026-01-10"), None, None),
    "planned runs, no catchup": (PLANNED, {}, None, at("2026-01-06"), at("2026-01-04"), at("2026-01-05T09:00")),
    "planned runs, catchup": (PLANNED, {"catchup": True}, None, NOON, at("2026-01-02"), at("2026-01-02T18:00")),
    "planned runs, the next falls due after its interval": (
        PLANNED,
        {},
        at("2026-01-05T09:00"),
        at("2026-01-08"),
        at("2026-01-08"),
        at("2026-01-09T18:00"),
    ),
    "planned runs, none left": (PLANNED, {}, at("2026-01-09T18:00"), at("2026-01-10"), None, None),
    "no dates": (Schedule(ScheduleKind.DATES), {"catchup": True}, None, NOON, None, None),
    "a day of 23 hours": (
        cron("0 0 * * *", "Europe/Berlin"),
        {"start_date": at("2026-03-01"), "catchup": True},
        at("2026-03-28T23:00"),
        at("2026-04-01"),
        at("2026-03-28T23:00"),
        at("2026-03-29T22:00"),
    ),
    "a day of 25 hours": (
        cron("0 0 * * *", "Europe/Berlin"),
        {"start_date": at("2026-10-01"), "catchup": True},
        at("2026-10-24T22:00"),
        at("2026-11-01"),
        at("2026-10-24T22:00"),
        at("2026-10-25T23:00"),
    ),
}


@pytest.mark.parametrize(("schedule", "more", "cursor", "now", "start", "due"), TABLE.values(), ids=TABLE)
def test_the_next_interval_and_when_it_is_due(schedule, more, cursor, now, start, due):
    found = next_due(dag(schedule=schedule, **more), cursor, now)
    assert (found and (found.interval.start, found.at)) == (due and (start, due))


@settings(deadline=None)
@given(
    st.sampled_from([HOURLY, DAILY, EVERY_90_MIN, cron("*/20 1-4 * * *", "Europe/Berlin")]),
    st.integers(0, 1000),
    st.integers(0, 100),
)
def test_with_catchup_every_interval_comes_once_and_none_is_left_out(schedule, first, downtime):
    spec = dag(schedule=schedule, start_date=at("2026-03-01") + HOUR * first, catchup=True)
    now = spec.start_date + HOUR * downtime
    cursor, seen = None, []
    while (due := next_due(spec, cursor, now)) is not None and due.at <= now:
        seen.append(due.interval)
        cursor = due.interval.end
    assert seen == [i for i in schedule.intervals(spec.start_date, now, spec.start_date) if i.end <= now]


def logical(stage):
    return [run.logical_date for run in stage.store.runs.values()]


def tick(stage, hours):
    for _ in range(hours):
        stage.step(after=3600)
        for key in list(stage.out):
            stage.finish(str(key), run=key.run)


def test_a_dag_without_a_start_date_falls_due_at_the_end_of_the_running_interval():
    stage = Stage(dag("a", schedule=HOURLY), now=NOON)
    assert stage.wake_at == at("2026-01-03T13:00")
    assert stage.step(after=1790).changes.new_runs == []
    stage.step(after=10.001)
    assert logical(stage) == [at("2026-01-03T12:00")]
    tick(stage, 2)
    assert logical(stage) == [at(f"2026-01-03T{hour}:00") for hour in (12, 13, 14)]


def test_a_dag_without_a_start_date_remembers_where_it_began_through_a_restart():
    stage = Stage(dag("a", schedule=DAILY, catchup=True), now=NOON)
    stage.now = at("2026-01-05T10:00")
    stage.restart()
    assert logical(stage) == [at("2026-01-03"), at("2026-01-04")]


def test_catchup_creates_no_more_than_may_be_active_and_goes_on_as_they_end():
    stage = Stage(dag("a", schedule=DAILY, start_date=JAN, catchup=True, max_active_runs=2), now=at("2026-01-06"))
    assert [run.state.value for run in stage.store.runs.values()] == ["running", "running"]
    for _ in range(5):
        key = min(stage.out)
        stage.finish("a", run=key.run)
    assert logical(stage) == [JAN + timedelta(days=n) for n in range(5)]
    assert all(run.state.finished for run in stage.store.runs.values())


def test_catchup_without_a_limit_comes_in_portions_and_completely():
    stage = Stage(dag("a", schedule=HOURLY, start_date=JAN, catchup=True, max_active_runs=0), now=JAN + HOUR * 250)
    assert len(stage.store.runs) == 250


def test_a_run_of_the_same_name_is_passed_over_and_the_next_one_comes():
    stage = Stage(dag("a", schedule=DAILY, start_date=JAN, catchup=True, max_active_runs=1), now=JAN)
    for day in (0, 1, 2):
        name = f"scheduled__{(JAN + timedelta(days=day)).isoformat()}"
        run = stage.store.create(NewRun("d", name, RunKind.MANUAL, None, None, None), JAN)
        stage.store.runs[run.run] = msgspec.structs.replace(run, state=RunState.SUCCESS)
    stage.pause(86400 * 5)
    while not stage.out:
        assert stage.wake_at == stage.now
        stage.step()
    assert logical(stage)[3:] == [at("2026-01-04")]


@pytest.mark.parametrize("switch", [{"paused": True}, {"active": False}], ids=str)
def test_a_paused_or_retired_dag_gets_no_runs_until_it_is_back(switch):
    spec = dag("a", schedule=HOURLY, start_date=JAN)
    stage = Stage(spec, now=JAN)
    stage.step(stage.store.put_dag(spec, **switch))
    stage.step(after=7200)
    assert logical(stage) == []
    stage.step(stage.store.put_dag(spec))
    assert logical(stage) == [JAN + HOUR]


@pytest.mark.parametrize("days", [2, -400])
def test_a_time_of_day_that_was_wrong_for_a_while_stands_no_schedule_still(days):
    spec = dag("a", schedule=HOURLY, start_date=JAN, end_date=JAN + 3 * HOUR)
    stage = Stage(spec, now=JAN + HOUR / 2)
    stage.now += timedelta(days=days)  # beyond the end of its timetable, where nothing falls due any more
    stage.step(after=60)
    stage.now -= timedelta(days=days)
    stage.step(after=60)
    assert logical(stage) == []
    stage.step(after=1800)
    assert logical(stage) == [JAN]


def test_a_run_that_is_cancelled_is_not_created_again():
    stage = Stage(dag("a", schedule=HOURLY, start_date=JAN), now=JAN + HOUR)
    stage.ask(CancelRun(1))
    stage.restart()
    assert len(stage.store.runs) == 1


def test_once_is_once_through_restarts_and_new_versions():
    spec = dag("a", schedule=ONCE)
    stage = Stage(spec, now=NOON)
    stage.restart()
    stage.step(stage.store.put_dag(spec), after=100)
    assert len(stage.store.runs) == 1


def test_runs_are_pinned_to_the_version_that_was_newest_when_they_fell_due():
    spec = dag("a", schedule=HOURLY, start_date=JAN)
    stage = Stage(spec, now=JAN + HOUR)
    stage.step(stage.store.put_dag(dag("a", "b", schedule=HOURLY, start_date=JAN)))
    tick(stage, 1)
    assert [run.version for run in stage.store.runs.values()] == ["d-0", "d-1"]


def test_a_run_without_a_version_takes_the_newest_when_it_starts():
    spec = dag("a", max_active_runs=1)
    stage = Stage(spec)
    stage.trigger()
    run = stage.store.create(NewRun("d", "later", RunKind.BACKFILL, None, None, None), stage.now)
    stage.step(stage.store.run_added(run.run))
    stage.step(stage.store.put_dag(dag("a", "b", max_active_runs=1)))
    stage.finish("a", run=1)
    assert stage.store.runs[run.run].version == "d-1"
    assert stage.states(run.run) == {"a": "queued", "b": "queued"}


ANY_INSTANT = st.datetimes(timezones=st.just(UTC)) | st.sampled_from(
    [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), JAN]
)
ANY_ZONE = st.sampled_from(["UTC", "Pacific/Kiritimati", "America/Los_Angeles"])
ANY_SCHEDULE = st.one_of(
    st.just(Schedule()),
    st.just(Schedule(ScheduleKind.ONCE)),
    st.builds(
        Schedule,
        st.just(ScheduleKind.CRON),
        crons=st.lists(st.sampled_from(["0 0 * * *", "*/5 * * * *", "0 0 1 1 *", "0 0 29 2 *"]), min_size=1).map(tuple),
        timezone=ANY_ZONE,
    ),
    st.builds(
        Schedule,
        st.just(ScheduleKind.INTERVAL),
        every_s=st.floats(min_value=0.0) | st.sampled_from([1e-9, 86400.0, 3e9]),
    ),
    st.builds(Schedule, st.just(ScheduleKind.DATES), dates=st.lists(ANY_INSTANT, max_size=3).map(sorted).map(tuple)),
)


@settings(max_examples=at_night(300, 75), deadline=None)
@given(
    schedule=ANY_SCHEDULE,
    start_date=st.none() | ANY_INSTANT,
    end_date=st.none() | ANY_INSTANT,
    now=ANY_INSTANT,
    catchup=st.booleans(),
    window_s=st.sampled_from([None, None, 0.0, 86400.0]),
)
def test_no_date_of_any_dag_and_no_clock_ends_the_engine(schedule, start_date, end_date, now, catchup, window_s):
    dates = {"start_date": start_date, "end_date": end_date}
    spec = dag("a", schedule=schedule, **dates, catchup=catchup, catchup_window_s=window_s, max_active_runs=3)
    stage = Stage(now=now)
    step = stage.engine.step([stage.store.put_dag(spec)], stage.present)
    assert len(step.changes.new_runs) <= 3 + MOST_WAITING
    schedule.manual_interval(now, start_date)
    for name in ("tick_after", "tick_before", "tick_at_or_after", "tick_at_or_before"):
        getattr(schedule, name)(now, start_date)


@pytest.mark.parametrize(("deleted", "again"), [(False, 0), (True, 1)], ids=["only retired", "deleted meanwhile"])
def test_a_dag_that_comes_back_goes_on_unless_it_was_deleted_and_then_begins_anew(deleted, again):
    once = dag("a", schedule=ONCE, start_date=JAN)
    stage = Stage(once)
    stage.step()
    assert [run.kind for run in stage.store.runs.values()] == [RunKind.SCHEDULED]
    stage.drain()
    stage.step(stage.store.put_dag(once, active=False))
    if deleted:
        del stage.store.dags[once.dag_id]
        stage.store.runs.clear()
    before = len(stage.store.runs)
    stage.step(stage.store.put_dag(once))
    assert len(stage.store.runs) - before == again


def test_a_date_that_the_store_leaves_out_because_it_has_run_is_followed_by_the_next_at_once():
    stage = Stage()
    write = stage.store.write

    def written(changes, now):
        changes.new_runs = [new for new in changes.new_runs if new.logical_date != JAN + HOUR]
        return write(changes, now)

    stage.store.write = written
    stage.store.put_dag(dag("a", schedule=HOURLY, start_date=JAN, catchup=True, max_active_runs=1))
    stage.now = JAN + 3 * HOUR
    stage.restart()
    stage.finish("a")
    assert ([*stage.store.runs], stage.last.wait_s) == ([1], 0.0)
    stage.step()
    assert [run.logical_date for run in stage.store.runs.values()] == [JAN, JAN + 2 * HOUR]


def test_what_is_not_overdue_costs_no_search_for_newer_intervals():
    daily = dag("a", schedule=DAILY, start_date=JAN)
    assert next_due(daily, at("2026-01-03"), NOON).at == at("2026-01-04")
    present = calls(lambda: next_due(daily, at("2026-01-03"), NOON))
    overdue = calls(lambda: next_due(daily, at("2026-01-02"), NOON))
    assert 2 * present < overdue, f"{present} calls, and {overdue} where one is overdue"


@pytest.mark.parametrize("overlap", [Overlap.QUEUE, Overlap.SKIP], ids=str)
def test_a_time_of_day_that_is_years_ahead_for_a_while_makes_no_runs(overlap):
    spec = dag("a", schedule=HOURLY, start_date=JAN, catchup=True, overlap=overlap, max_active_runs=0)
    stage = Stage(spec, now=JAN + HOUR)
    assert logical(stage) == [JAN]
    stage.now += timedelta(days=3653)
    stage.step(after=DOUBTED_S - 60)
    stage.now += timedelta(seconds=2)  # as who keeps a clock right does by and by
    stage.step(after=30)
    stage.now -= timedelta(days=3653)
    stage.step(after=3600)
    assert logical(stage) == [JAN, JAN + HOUR]


def test_a_time_of_day_that_stays_far_ahead_counts_after_a_while():
    stage = Stage(dag("a", schedule=DAILY, start_date=JAN), now=JAN + DAY)
    stage.now += 365 * DAY
    stage.step(after=DOUBTED_S + 30)
    assert logical(stage) == [JAN, JAN + 365 * DAY]


# Where it is not doubted, each interval ahead makes a run: those of hours would take the test minutes.
@pytest.mark.parametrize(("believed", "schedule"), [(JAN, HOURLY), (None, MONTHLY)], ids=["known", "never seen before"])
def test_a_time_of_day_that_is_years_ahead_from_the_start_makes_no_runs_for_a_while(believed, schedule):
    spec = dag("a", schedule=schedule, start_date=JAN, catchup=True, max_active_runs=0)
    stage = Stage(spec, now=JAN + HOUR)
    stage.now += 365 * DAY
    stage.restart(*(ClockRead(at) for at in [believed] if at))
    stage.step(after=DOUBTED_S - 60)
    assert len(logical(stage)) == (1 if believed else 12)
    stage.now -= 365 * DAY
    stage.step(after=3600)
    assert len(logical(stage)) == (2 if believed else 12)
    assert believed is None or logical(stage) == [JAN, JAN + HOUR]


@pytest.mark.parametrize("passed", [10 * DAY, 40 * DAY], ids=["days", "a month, in which runs fell due"])
def test_what_was_believed_long_ago_holds_up_nothing_where_runs_fell_due_since(passed):
    stage = Stage(dag("a", schedule=DAILY, start_date=JAN), now=JAN + passed)
    stage.now += 2 * DAY
    stage.restart(ClockRead(JAN))
    assert logical(stage) == [JAN + passed - DAY, JAN + passed + DAY]


def test_a_machine_that_begins_with_a_clock_of_long_ago_goes_on_as_soon_as_that_is_set():
    spec = dag("a", schedule=DAILY, start_date=JAN)
    stage = Stage(spec, now=JAN + DAY)
    stage.now = datetime(1970, 1, 1, tzinfo=UTC)
    stage.restart()
    stage.step(after=60)
    stage.now = JAN + 3 * DAY
    stage.step(after=30)
    assert logical(stage) == [JAN, JAN + 2 * DAY]


def test_a_dag_that_was_first_seen_by_a_clock_that_was_ahead_goes_on_from_now_once_it_is_unpaused():
    spec = dag("a", schedule=HOURLY, start_date=JAN)
    stage = Stage(spec, now=JAN + 3650 * DAY)
    stage.now = JAN + 10.5 * HOUR
    stage.step(after=3600)
    assert logical(stage) == [JAN + 3650 * DAY - HOUR]
    stage.step(stage.store.put_dag(spec, paused=True))
    stage.step(stage.store.put_dag(spec))
    stage.restart()
    stage.step(after=3600)
    assert logical(stage)[-1] == JAN + 11 * HOUR
