from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from stage import Stage, after, calls, dag

from penstock.engine.graph.dated_runs import DatedRuns
from penstock.engine.messages import BackfillAdded
from penstock.model.backfills.backfill import Backfill, BackfillSpec, BackfillState, Rerun
from penstock.model.dag import Mapping, SensorPolicy, TaskSpec, XComRef
from penstock.model.request import CancelRun, ClearTasks, MarkRun, MarkTask
from penstock.model.run import NewRun, Run, RunKind
from penstock.model.schedule import Schedule, ScheduleKind
from penstock.model.state import Outcome, RunState, TriggerRule

JAN = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
DAILY = Schedule(ScheduleKind.CRON, crons=("0 0 * * *",))


def past(task_id, *upstream, **more):
    """A task that waits for its past."""
    return TaskSpec(task_id, upstream=upstream, depends_on_past=True, **more)


def staged(*tasks, **more):
    """A DAG without a schedule whose runs have dates."""
    return Stage(dag(*(tasks or (past("a"),)), **more), lease_s=1e9)


def dated(stage, day, *, kind=RunKind.TRIGGERED, subset=()):
    """Have a run of a day begin; its number."""
    at = None if day is None else JAN + day * DAY
    name = f"run{len(stage.store.runs) + 1}"
    new = NewRun("d", name, kind, at, at, at, version=stage.store.dags["d"].version, subset=list(subset))
    run = stage.store.create(new, stage.now)
    stage.step(stage.store.run_added(run.run))
    return run.run


def forgotten(stage, run):
    """Have a run deleted, as retention does it: the scheduler looks at the DAG again."""
    del stage.store.runs[run]
    stage.store.tasks = {key: task for key, task in stage.store.tasks.items() if key.run != run}
    stage.step(stage.store.dag_updated(stage.store.dags["d"]))


def out(stage):
    """Names and runs of the tries that are out."""
    return sorted((str(key), key.run) for key in stage.out)


@pytest.mark.parametrize("ends", [CancelRun(2), MarkRun(2, "failed"), None], ids=["cancelled", "marked", "done"])
def test_a_teardown_waits_for_no_run_before_whatever_ends_the_work(ends):
    stage = staged(
        TaskSpec("make", setup=True),
        TaskSpec("work", upstream=("make",)),
        past("remove", "make", "work", teardown=True, trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS),
    )
    first, second = dated(stage, 0), dated(stage, 1)
    for run in (first, second):
        stage.finish("make", run=run)
    stage.finish("work", run=first), stage.fail("remove", run=first)
    if ends is None:
        stage.finish("work", run=second)
    else:
        stage.ask(ends)
        if ("work", second) in out(stage):
            stage.finish("work", Outcome.CANCELLED, run=second)
    assert ("remove", second) in out(stage)


def test_a_task_waits_for_the_same_task_of_the_run_before_and_goes_on_at_once():
    stage = staged(past("a"), after("b"))
    dated(stage, 0), dated(stage, 1)
    assert out(stage) == [("a", 1), ("b", 1), ("b", 2)]
    assert stage.why("a", 2) == (
        "waits for its past (depends_on_past): task a of run run1, the one before, is queued; "
        "it goes on once that has succeeded or was skipped"
    )
    stage.finish("a", run=1)
    assert ("a", 2) in out(stage)


@pytest.mark.parametrize(
    ("outcome", "goes_on"), [(Outcome.SUCCESS, True), (Outcome.SKIPPED, True), (Outcome.FAILED, False)]
)
@pytest.mark.parametrize("alive", [True, False])
@pytest.mark.parametrize("restarted", [True, False])
def test_a_run_before_lets_go_if_it_ended_well_whether_it_lives_or_is_stored(outcome, goes_on, alive, restarted):
    stage = staged(past("a"), after("b"))
    dated(stage, 0)
    stage.finish("a", outcome, run=1)
    if not alive:
        stage.finish("b", run=1)
    dated(stage, 1)
    if restarted:
        stage.restart()
    assert (stage.state("a", 2) == "queued") == goes_on
    if not goes_on:
        assert "task a of run run1, the one before, is failed" in stage.why("a", 2)


def test_the_first_run_and_one_without_a_date_wait_for_nothing_and_hold_nobody():
    stage = staged()
    for day in (None, 5, None, 5):
        dated(stage, day)
    assert out(stage) == [("a", 1), ("a", 2), ("a", 3), ("a", 4)]


def test_the_run_before_is_that_of_the_last_earlier_date_however_late_it_was_made():
    stage = staged()
    dated(stage, 0), dated(stage, 9)
    dated(stage, 5), dated(stage, 7)
    assert stage.states(2) == stage.states(3) == stage.states(4) == {"a": "none"}
    for first, then in ((1, 3), (3, 4), (4, 2)):
        assert ("a", then) not in out(stage)
        stage.finish("a", run=first)
        assert out(stage) == [("a", then)]


@pytest.mark.parametrize(
    "mend",
    [
        pytest.param(lambda stage: stage.ask(MarkTask(1, "a", -1, "success")), id="marked"),
        pytest.param(lambda stage: stage.ask(MarkTask(1, "a", -1, "skipped")), id="marked skipped"),
        pytest.param(lambda stage: stage.ask(MarkRun(1, "success")), id="run marked"),
        pytest.param(lambda stage: (stage.ask(ClearTasks(1)), stage.finish("a", run=1)), id="cleared"),
        pytest.param(lambda stage: forgotten(stage, 1), id="deleted"),
    ],
)
@pytest.mark.parametrize("restarted", [True, False])
def test_what_a_failed_run_holds_goes_on_once_somebody_mends_it(mend, restarted):
    stage = staged()
    dated(stage, 0), dated(stage, 1)
    stage.fail("a", run=1)
    if restarted:
        stage.restart()
    assert out(stage) == []
    mend(stage)
    assert out(stage) == [("a", 2)]


def test_what_was_let_go_is_not_taken_back_but_what_is_cleared_waits_again():
    stage = Stage(dag(past("a")), capacity=0, lease_s=1e9)
    dated(stage, 0), dated(stage, 1)
    stage.ask(MarkTask(1, "a", -1, "success"))
    assert stage.state("a", 2) == "scheduled"
    stage.ask(ClearTasks(1))
    assert stage.state("a", 2) == "scheduled"
    stage.ask(ClearTasks(2))
    assert "task a of run run1, the one before, is scheduled" in stage.why("a", 2)


def test_a_run_before_that_does_not_have_the_task_holds_nobody():
    stage = staged(past("a"), after("b"))
    dated(stage, 0)
    stage.fail("a", run=1)
    dated(stage, 1, subset=("b",))
    dated(stage, 2)
    assert ("a", 3) in out(stage)


def test_one_that_was_skipped_when_it_fell_due_is_passed_over():
    stage = staged()
    dated(stage, 0)
    stage.fail("a", run=1)
    stage.store.runs[2] = replace(
        stage.store.runs[1], run=2, run_id="run2", state=RunState.SKIPPED, logical_date=JAN + DAY
    )
    dated(stage, 2)
    assert "task a of run run1, the one before, is failed" in stage.why("a", 3)


def test_a_skip_and_a_failed_upstream_do_not_wait_for_the_past():
    stage = staged(after("up"), past("a", "up"))
    dated(stage, 0), dated(stage, 1)
    stage.fail("up", run=2)
    assert stage.states(2) == {"up": "failed", "a": "upstream_failed"}


def test_a_task_that_waits_for_downstream_waits_for_what_is_directly_below_too():
    stage = staged(TaskSpec("a", depends_on_past=True, wait_for_downstream=True), after("b", "a"), after("c", "b"))
    dated(stage, 0), dated(stage, 1)
    stage.finish("a", run=1)
    assert ("a", 2) not in out(stage)
    assert "task b of run run1, the one before, is queued" in stage.why("a", 2)
    stage.finish("b", run=1)
    assert out(stage) == [("a", 2), ("c", 1)]


def test_a_mapped_task_waits_for_all_instances_of_the_run_before():
    stage = staged(after("list"), past("m", "list", mapped=(Mapping("x", source=XComRef("list")),)))
    dated(stage, 0), dated(stage, 1)
    stage.finish("list", run=1, returns=2)
    stage.finish("list", run=2, returns=3)
    stage.finish("m[0]", run=1)
    assert stage.states(2) == {"list": "success", "m": "none"}
    stage.finish("m[1]", run=1)
    assert [name for name, run in out(stage) if run == 2] == ["m[0]", "m[1]", "m[2]"]


def test_a_mapped_group_waits_task_by_task():
    over = (Mapping("x", length=2),)
    stage = staged(past("a", mapped=over, group="g"), past("b", "a", mapped=over, group="g"))
    dated(stage, 0), dated(stage, 1)
    for name in ("a[0]", "a[1]"):
        stage.finish(name, run=1)
    assert {name for name, run in out(stage) if run == 2} == {"a[0]", "a[1]"}
    stage.finish("a[0]", run=2)
    assert stage.state("b[0]", 2) == "none"
    stage.drain(1)
    stage.drain(2)
    assert stage.run_state(2) == "success"


def test_a_sensor_and_a_task_that_takes_no_process_wait_as_well():
    stage = staged(past("s", sensor=SensorPolicy()), past("i", instant=True))
    dated(stage, 0), dated(stage, 1)
    assert stage.states(2) == {"s": "none", "i": "success"}
    stage.ask(MarkTask(2, "i", -1, "failed"))
    dated(stage, 2)
    assert stage.states(3) == {"s": "none", "i": "none"}
    stage.finish("s", run=1)
    assert out(stage) == [("s", 2)]


def test_a_run_that_waits_for_its_past_alone_gives_its_place_to_what_it_waits_for():
    stage = staged(past("a"), after("b"), max_active_runs=2)
    dated(stage, 0)
    stage.finish("b", run=1)
    stage.fail("a", run=1)
    dated(stage, 1), dated(stage, 2), dated(stage, 3)
    assert [stage.run_state(run) for run in (1, 2, 3, 4)] == ["failed", "running", "running", "queued"]
    stage.ask(ClearTasks(1, ("a",)))
    assert stage.run_state(1) == "queued"  # what it holds is at work
    stage.finish("b", run=2)
    assert [stage.run_state(run) for run in (1, 2, 3, 4)] == ["running", "queued", "running", "queued"]
    assert stage.store.runs[2].reason == "it gave its place to run run1, for which it waits (depends_on_past)"
    stage.restart()
    stage.finish("a", run=1)
    stage.finish("a", run=2)
    stage.finish("b", run=3)
    stage.finish("a", run=3)
    stage.drain(4)
    assert {run.state for run in stage.store.runs.values()} == {RunState.SUCCESS}


def test_several_cleared_runs_go_on_though_those_they_hold_have_all_places():
    stage = staged(max_active_runs=2)
    for day in range(2):
        dated(stage, day)
        if ("a", day + 1) in out(stage):
            stage.fail("a", run=day + 1)
    stage.ask(MarkTask(2, "a", -1, "failed"))
    for day in range(2, 5):
        dated(stage, day)
    for run in (2, 1):
        stage.ask(ClearTasks(run))
    for run in (1, 2, 3, 4, 5):
        assert out(stage) == [("a", run)]
        stage.finish("a", run=run)


def test_a_cancelled_run_holds_the_next():
    stage = staged()
    dated(stage, 0), dated(stage, 1)
    stage.step(CancelRun(1))
    stage.finish("a", Outcome.CANCELLED, run=1)
    assert (out(stage), stage.run_state(2)) == ([], "running")
    assert "is cancelled" in stage.why("a", 2)


def backfilled(stage, first, last, **more):
    """A backfill of some days begins."""
    spec = BackfillSpec("d", DAILY, JAN + first * DAY, JAN + last * DAY, last - first + 1, **more)
    row = stage.store.backfills[1] = Backfill(1, spec, BackfillState.RUNNING, stage.now)
    stage.step(BackfillAdded(row))
    settle(stage)


def settle(stage):
    """What the engine wants to do at once is done."""
    while stage.last.wait_s == 0:
        stage.step()


def test_a_backfill_with_several_runs_at_once_goes_through_its_dates_one_after_the_other():
    stage = staged(schedule=DAILY, start_date=JAN + 400 * DAY)
    backfilled(stage, 0, 4, max_active_runs=3)
    order = []
    while stage.out:
        assert len(stage.out) == 1
        key = next(iter(stage.out))
        order.append((stage.store.runs[key.run].logical_date - JAN) // DAY)
        stage.finish("a", run=key.run)
        settle(stage)
    assert (order, stage.store.backfills[1].state) == ([0, 1, 2, 3, 4], BackfillState.FINISHED)


@pytest.mark.parametrize("limits", [{"max_active_runs": 1}, {"max_active_runs": 2}])
def test_a_backfill_mends_the_past_though_what_it_holds_has_all_places(limits):
    stage = staged(schedule=DAILY, start_date=JAN + 400 * DAY, **limits)
    dated(stage, 0)
    stage.fail("a", run=1)
    for day in (1, 2, 3):
        dated(stage, day)
    backfilled(stage, 0, 0, max_active_runs=1, rerun=Rerun.FAILED)
    for run in (1, 2, 3, 4):
        assert out(stage) == [("a", run)]
        stage.finish("a", run=run)
        settle(stage)
    assert stage.store.backfills[1].state is BackfillState.FINISHED


def test_another_version_of_a_run_holds_by_the_tasks_that_it_has_now():
    stage = staged(past("a"), after("b"))
    dated(stage, 0), dated(stage, 1)
    stage.fail("a", run=1)
    assert ("a", 2) not in out(stage)
    stage.finish("b", run=1)
    newer = stage.store.put_dag(dag(after("b")))
    stage.ask(ClearTasks(1, ("b",), version=newer.version))
    assert ("a", 2) in out(stage)


def test_a_finished_task_costs_the_same_however_many_runs_wait():
    def cost(runs):
        stage = staged(max_active_runs=0)
        for day in range(runs):
            dated(stage, day)
        event = stage.answer("a", run=1)
        return calls(lambda: stage.engine.step([event], stage.present))

    assert cost(200) <= cost(20) * 1.3


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=30))
def test_a_line_finds_neighbours_as_a_plain_list_does(acts):
    dated, runs = DatedRuns(), []
    for number, (day, leaves) in enumerate(acts, 1):
        row = Run(number, "d", "r", RunKind.MANUAL, RunState.QUEUED, "", JAN, JAN + day * DAY)
        if leaves and runs:
            dated.remove(runs.pop(day % len(runs)))
        dated.add(row)
        runs.append(row)
        for each in runs:
            earlier = sorted((r.logical_date, r.run) for r in runs if r.logical_date < each.logical_date)
            later = sorted((r.logical_date, r.run) for r in runs if r.logical_date > each.logical_date)
            assert [*dated.before(each)] == [number for _, number in reversed(earlier)]
            assert dated.behind(each) == [number for date, number in later if date == later[0][0]]


def test_a_rule_that_lets_run_early_waits_for_the_past_too():
    stage = staged(after("x"), after("y"), past("a", "x", "y", trigger_rule=TriggerRule.ONE_SUCCESS))
    dated(stage, 0), dated(stage, 1)
    stage.finish("x", run=2)
    assert stage.state("a", 2) == "none"
    stage.finish("x", run=1)
    stage.finish("a", run=1)
    assert ("a", 2) in out(stage)
