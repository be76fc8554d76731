from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from msgspec.structs import replace

from penstock.errors import NotFoundError, RequestError
from penstock.model.backfills.backfill import BackfillAction, BackfillItem, BackfillState, Rerun
from penstock.model.changes import Changes
from penstock.model.dag import DagSpec, TaskSpec, XComRef
from penstock.model.history.audit import AskedBy
from penstock.model.request import BackfillRequested, SetBackfill
from penstock.model.run import NewRun, RunKind
from penstock.model.schedule import PlannedRun, Schedule, ScheduleKind
from penstock.model.state import RunState
from penstock.service import dags
from penstock.service.backfills.backfills import (
    create_backfill,
    list_backfills,
    list_dates,
    set_backfill,
    show_backfill,
)
from penstock.service.backfills.plan import plan_backfill
from penstock.service.history.audit import list_audit

HOUR = timedelta(hours=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
BY = AskedBy("ann", "late data")


def plan(installation, first=0, last=3, dag_id="sales", **more):
    return plan_backfill(installation, dag_id, START + first * HOUR, START + last * HOUR, **more)


def ended(store, hour, state, run_id="scheduled"):
    """A run of the hour's interval that has ended so."""
    at = START + hour * HOUR
    new = NewRun("sales", f"{run_id}__{hour}", RunKind.SCHEDULED, at, at, at + HOUR)
    (run,) = store.apply(Changes(new_runs=[new]), at)
    store.apply(Changes(runs=[replace(run, state=state, started_at=at, ended_at=at)]), at)


def shown(found):
    return [((each.logical_date - START) // HOUR, each.action.value) for each in found.dates]


@pytest.mark.parametrize(
    ("rerun", "expected"),
    [(Rerun.NONE, "run skip skip run"), (Rerun.FAILED, "run skip rerun run"), (Rerun.ALL, "run rerun rerun run")],
)
def test_a_plan_says_what_becomes_of_each_date_and_its_hash_names_it(installation, store, rerun, expected):
    ended(store, 1, RunState.SUCCESS)
    ended(store, 2, RunState.FAILED, "first")
    ended(store, 2, RunState.FAILED)
    ended(store, 3, RunState.SKIPPED)  # it never ran
    found = plan(installation, rerun=rerun)
    assert shown(found) == list(enumerate(expected.split()))
    assert plan(installation, rerun=rerun, backwards=True).dates == found.dates[::-1]
    assert plan(installation, rerun=rerun).hash == found.hash
    ended(store, 0, RunState.FAILED)
    assert plan(installation, rerun=rerun).hash != found.hash
    with pytest.raises(RequestError, match=r"the plan is [0-9a-f]{12} by now, and not"):
        create_backfill(installation, plan(installation, rerun=rerun), expected=found.hash[:12])


def test_what_is_not_complete_is_left_out_and_said(installation):
    found = plan(installation, 10, 20)
    assert [hour for hour, _ in shown(found)] == [10, 11]
    assert found.note == (
        "what begins at 2026-03-01 12:00:00Z or later is left out, as its data is complete only at 2026-03-01 13:00:00Z"
    )


def test_dates_before_the_start_of_the_dag_are_run_and_said(installation):
    before = timedelta(days=70) // HOUR  # sales starts on the first of January
    found = plan(installation, 1 - before, 24 - before)
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    early = sum(each.logical_date < begins for each in found.dates)
    assert early == len(found.dates) > 1
    assert (
        found.note
        == f"{early} of these dates lie before the DAG's start_date, 2026-01-01 00:00:00Z, and would be run all the same"
    )
    assert plan(installation).note == ""


ODD = {
    "stock": "has no schedule that recurs.*penstock dags trigger stock --date ISO",
    "coded": "a timetable in code",
    "gone": "is retired",
    "still": "is paused.*penstock dags unpause still",
    "minutes": "more than 100000 dates",
    "future": "no run of DAG 'future' stands for a date between.*left out",
}


@pytest.mark.parametrize(("dag_id", "sentence"), ODD.items(), ids=ODD)
def test_what_cannot_be_planned_is_refused_with_a_sentence(installation, store, save, dag_id, sentence):
    start = datetime(2020, 1, 1, tzinfo=UTC)
    coded = Schedule(ScheduleKind.TIMETABLE, planned=(PlannedRun(start, start, start),))
    made = [
        DagSpec("coded", "sales.py", schedule=coded),
        DagSpec("still", "sales.py", schedule=Schedule(ScheduleKind.CRON, crons=("0 * * * *",))),
        DagSpec("minutes", "sales.py", schedule=Schedule(ScheduleKind.INTERVAL, every_s=60.0)),
        DagSpec("future", "sales.py", schedule=Schedule(ScheduleKind.CRON, crons=("0 0 1 12 *",))),
        DagSpec("stock", "sales.py"),
    ]
    save(store, [*made, DagSpec("gone", "sales.py")])
    save(store, made)
    dags.pause(installation, "still", paused=True)
    until = datetime(2026, 12, 1, tzinfo=UTC) if dag_id == "future" else datetime(2026, 2, 1, tzinfo=UTC)
    since = until if dag_id == "future" else start
    with pytest.raises(RequestError, match=sentence):
        plan_backfill(installation, dag_id, since, until)


def test_a_subset_is_checked_before_anything_runs(installation, store, save):
    tasks = (TaskSpec("a"), TaskSpec("b", upstream=("a",), inputs=(XComRef("a"),)), TaskSpec("c", upstream=("b",)))
    hourly = Schedule(ScheduleKind.CRON, crons=("0 * * * *",))
    save(store, [DagSpec("sales", "sales.py", tasks, schedule=hourly)])
    with pytest.raises(NotFoundError, match="no task of DAG 'sales' is named 'd'"):
        plan(installation, tasks=["d"])
    with pytest.raises(RequestError, match="task 'b' takes the value of task 'a', which would not run"):
        plan(installation, tasks=["b"])
    assert plan(installation, tasks=["b"], upstream=True).spec.tasks == ["a", "b"]
    assert plan(installation, tasks=["c"]).spec.tasks == ["c"]


def test_tasks_that_wait_for_their_past_are_not_run_backwards(installation, store, save):
    sales = store.dags.row("sales").spec
    first, *others = sales.tasks
    save(store, [replace(sales, tasks=(replace(first, depends_on_past=True), *others))])
    with pytest.raises(
        RequestError, match=r"'extract' .* waits for its past .*: each date .* Leave out --run-backwards\."
    ):
        plan(installation, backwards=True)
    assert plan(installation, backwards=True, tasks=["load"]).dates
    assert plan(installation).dates


def test_a_backfill_is_made_with_its_request_and_its_audit_and_a_dag_has_one_at_a_time(installation, store):
    found = plan(installation)
    backfill, asked = create_backfill(installation, found, expected=found.hash[:12], by=BY)
    assert (backfill.spec, store.requests.pending()[-1][1]) == (found.spec, BackfillRequested(1))
    with pytest.raises(RequestError, match="has a backfill that has not ended"):
        create_backfill(installation, found)
    (entry,) = list_audit(installation).items
    assert (entry.action, entry.person, entry.why) == ("backfill", "ann", "late data")
    assert entry.subject == "backfill 1: 2026-03-01 00:00:00Z to 2026-03-01 03:00:00Z, rerun none"
    assert asked.number == entry.number


def test_of_two_that_are_made_at_once_one_is_refused(installation, store):
    found, barrier, refused = plan(installation), Barrier(2), []

    def make():
        barrier.wait()
        try:
            create_backfill(installation, found)
        except RequestError as error:
            refused.append(str(error))

    both = [Thread(target=make) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert (len(refused), len(store.backfills.live())) == (1, 1)


def test_progress_tells_what_the_dates_have_come_to(installation, store):
    backfill, _ = create_backfill(installation, plan(installation))
    at = [START + hour * HOUR for hour in range(3)]
    new = [NewRun("sales", f"r{n}", RunKind.BACKFILL, at[n], at[n], at[n], backfill=1) for n in (0, 1)]
    items = [
        BackfillItem(1, 1, at[0], BackfillAction.RUN, "r0"),
        BackfillItem(1, 2, at[1], BackfillAction.SKIP, "r1", "it is there"),
        BackfillItem(1, 3, at[2], BackfillAction.RERUN, "gone"),
    ]
    moved = replace(backfill, done=3, cursor=at[2], reason="waits: for something")
    store.apply(Changes(new_runs=new, backfills=[moved], backfill_items=items), START)
    found = show_backfill(installation, 1)
    assert (found.dates, found.waits) == (
        {"queued": 1, "left out": 1, "deleted": 1, "to come": 1},
        "waits: for something",
    )
    assert [each.backfill.number for each in list_backfills(installation, dag_id="sales").items] == [1]
    first = list_dates(installation, 1, limit=1)
    page = list_dates(installation, 1, after=first.next, limit=1)
    assert [(each.item.reason, each.state) for each in page.items] == [("it is there", RunState.QUEUED)]
    assert page.next not in ("", first.next)
    dags.pause(installation, "sales", paused=True)
    assert show_backfill(installation, 1).waits.startswith("DAG 'sales' is paused.")


def test_what_is_asked_of_a_backfill_is_audited_and_refused_once_it_is_over(installation, store):
    backfill, _ = create_backfill(installation, plan(installation))
    set_backfill(installation, 1, BackfillState.PAUSED, by=BY)
    assert store.requests.pending()[-1][1] == SetBackfill(1, "paused", "ann")
    store.apply(Changes(backfills=[replace(backfill, state=BackfillState.CANCELLING)]), START)
    with pytest.raises(RequestError, match="backfill 1 is cancelling: it goes on no more"):
        set_backfill(installation, 1, BackfillState.RUNNING)
    with pytest.raises(NotFoundError, match="no backfill is named '2'"):
        set_backfill(installation, 2, BackfillState.PAUSED)
    assert [(each.action.value, each.subject) for each in list_audit(installation).items][:1] == [
        ("pause", "backfill 1")
    ]
