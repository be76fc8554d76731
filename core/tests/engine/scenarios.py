"""Histories of a few steps, each of which asks for one protection that random worlds ask for seldom."""

import shutil
from datetime import UTC, datetime, timedelta

from stage import Stage, after, dag

from penstock.engine.limits.fairness import TenantRule
from penstock.engine.messages import BackfillAdded, DagHeld
from penstock.errors import SupersededError
from penstock.model.assets.asset_condition import AssetCondition
from penstock.model.backfills.backfill import Backfill, BackfillSpec, BackfillState
from penstock.model.changes import Changes
from penstock.model.dag import Mapping, TaskSpec, XComRef
from penstock.model.request import CancelRun, ClearTasks, MarkTask
from penstock.model.run import NewRun, RunKind, TaskInstance, TaskKey, Try
from penstock.model.schedule import Schedule, ScheduleKind
from penstock.model.state import Outcome, TaskState, TriggerRule
from penstock.spec.executor import Heartbeat, TryRecovered
from penstock.store import Store
from penstock.testing.simulation.database import KEYRING, close, database_of, new_folder


def an_earlier_try_alone_is_renewed():
    """The try that is out says nothing, and its executor goes on naming the one before."""
    stage = Stage(dag("a"))
    stage.trigger()
    old = stage.key("a")
    stage.step(after=31)
    for _ in range(4):
        stage.step(Heartbeat("local", ((old, 1),), stage.now), after=10)
    assert stage.store.tries[old, 2].outcome is Outcome.LOST, "a try was silent for 40 s and counts as live"


def a_tenant_wants_more_than_it_may():
    """Two tasks of a tenant that may run one."""
    stage = Stage(dag("a", "b", tenant="ours"), tenants={"ours": TenantRule(1.0, 1)})
    stage.trigger()
    assert len(stage.running()) == 1, "a tenant's limit is overfull"


def a_task_names_an_asset_through_an_alias():
    """A DAG waits for the alias, and the task that stands behind it names an asset."""
    waits = Schedule(assets=AssetCondition("alias:x"))
    stage = Stage(dag(TaskSpec("make", outlets=("alias:x",))), dag("a", dag_id="waits", schedule=waits))
    stage.trigger()
    stage.finish("make", resolved={"alias:x": {"a": {}}})
    assert "waits" in {run.dag_id for run in stage.store.runs.values()}, "who waits for an alias hears nothing"


def a_dag_is_to_have_another_owner():
    """A task is ready while its DAG is held."""
    stage = Stage(dag("a", after("b", "a")))
    stage.trigger()
    stage.step(DagHeld("d", "it moves"))
    stage.finish("a")
    assert stage.engine.idle("d"), "a DAG that is held has another try, and may never change its owner"


def another_machine_may_still_run_all_that_an_executor_holds():
    """A scheduler takes over from one whose executor was full."""
    stage = Stage(dag("a", "b"), capacity=1)
    stage.trigger()
    stage.restart()
    stage.step(TryRecovered(next(iter(stage.out)), 1, elsewhere=True))
    assert len(stage.last.dispatches) == 1, "tries of another machine keep this one's executor from all work"


def a_source_is_cleared_while_what_is_mapped_over_it_runs():
    """Both instances of a mapped task run when the task is cleared whose list they are made of."""
    stage = Stage(dag("a", after("m", "a", mapped=(Mapping("x", source=XComRef("a")),))))
    stage.trigger()
    stage.finish("a", returns=2)
    stage.ask(ClearTasks(1, ("a",)))
    assert [stage.states().get(name) for name in ("m[0]", "m[1]")] == ["none"] * 2, (
        "instances are gone, and their tries live"
    )


def an_instance_is_removed_and_comes_back():
    """A mapped task has two instances fewer when it runs again, and later all three."""
    stage = Stage(dag("s", after("m", "s", mapped=(Mapping("x", source=XComRef("s")),))))
    stage.trigger()
    for length in (3, 1, 3):
        stage.finish("s", returns=length)
        stage.drain()
        stage.ask(ClearTasks(1, ("s",)))
    stage.finish("s", returns=3)
    assert [row.try_number for key, row in sorted(stage.store.tasks.items()) if key.map_index >= 0] == [4, 3, 3]


def a_task_is_ready_when_its_upstream_is_cleared():
    """What is below a cleared task waits for it again."""
    stage = Stage(dag("a", "b<a"), capacity=1)
    stage.trigger()
    stage.trigger()
    stage.finish("a", run=1)
    assert stage.state("b") == "scheduled"
    stage.ask(ClearTasks(1, ("a",), downstream=False))
    assert stage.state("b") == "none", "a task is ready, and its upstream is not done"


def a_setup_is_cleared_while_its_teardown_runs():
    """What a setup makes must not be taken away by the teardown of before."""
    stage = Stage(dag(after("make", setup=True), after("remove", "make", teardown=True)))
    stage.trigger()
    stage.finish("make")
    stage.ask(ClearTasks(1))
    assert stage.store.tasks[stage.key("make")].epoch == 1, "a setup goes out while its teardown is at work"


def a_run_is_cancelled_while_its_work_runs():
    """What a setup has made must be removed."""
    down = {"teardown": True, "trigger_rule": TriggerRule.ALL_DONE_SETUP_SUCCESS}
    stage = Stage(dag(after("make", setup=True), after("use", "make"), after("remove", "make", "use", **down)))
    stage.trigger()
    stage.finish("make")
    stage.ask(CancelRun(1))
    stage.finish("use", Outcome.CANCELLED)
    assert stage.state("remove") == "queued", "what a setup made is left behind"


def a_worker_is_lost_again_and_again():
    """A try that takes its worker with it each time ends."""
    stage = Stage(dag("a"))
    stage.trigger()
    for _ in range(10):
        stage.finish("a", Outcome.LOST, error="the worker died")
    assert stage.state("a") == "failed", "a try was lost ten times and goes on"


def an_answer_comes_after_its_try_was_given_up():
    """The work may have happened, so that it is kept what was said."""
    stage = Stage(dag("a"))
    stage.trigger()
    late = stage.answer("a")
    stage.step(after=31)
    stage.step(late)
    assert [each.epoch for each in stage.store.late] == [1], "a late answer left no trace"


def a_task_is_cleared_while_it_runs():
    """Its next try begins when the one before has ended."""
    stage = Stage(dag("a"))
    stage.trigger()
    stage.ask(ClearTasks(1))
    assert stage.store.tasks[stage.key("a")].epoch == 1, "two tries live"


def a_backfill_of_four_days_may_run_one_at_once():
    """Its own limit holds, though the DAG would have room."""
    daily, first = Schedule(ScheduleKind.CRON, crons=("0 0 * * *",)), datetime(2026, 1, 1, tzinfo=UTC)
    stage = Stage(dag("a", schedule=daily, start_date=first + timedelta(days=9)), now=first + timedelta(days=9))
    spec = BackfillSpec("d", daily, first, first + timedelta(days=3), 4, max_active_runs=1)
    row = stage.store.backfills[1] = Backfill(1, spec, BackfillState.RUNNING, stage.now)
    stage.step(BackfillAdded(row))
    while stage.last.wait_s == 0:
        stage.step()
    assert len(stage.store.runs) == 1, "a backfill has more runs than it may"


def _days(count, *others, **more):
    """A DAG of which a task waits for its past, with runs of some days."""
    stage = Stage(dag(TaskSpec("a", depends_on_past=True), *others, **more), lease_s=1e9)
    for number in range(1, count + 1):
        day = datetime(2026, 1, number, tzinfo=UTC)
        new = NewRun("d", f"run{number}", RunKind.TRIGGERED, day, day, day, version=stage.store.dags["d"].version)
        stage.step(stage.store.run_added(stage.store.create(new, stage.now).run))
    return stage


def the_run_before_has_not_ended():
    """A task that waits for its past does not go out."""
    assert _days(2).state("a", 2) == "none", "a task goes out, and its past has not ended"


def the_run_before_ends_well():
    """The task that waited for it goes out at once."""
    stage = _days(2, "b")
    stage.finish("a", run=1)
    assert stage.state("a", 2) == "queued", "a task waits for a past that has ended"


def a_failed_run_before_is_deleted():
    """It holds nobody any more."""
    stage = _days(2)
    stage.fail("a", run=1)
    del stage.store.runs[1]
    stage.step(stage.store.dag_updated(stage.store.dags["d"]))
    assert stage.state("a", 2) == "queued", "a task waits for a run that is gone"


def a_failed_run_is_cleared_that_holds_all_others():
    """It gets the place of one that waits for it."""
    stage = _days(2, max_active_runs=1)
    stage.fail("a", run=1)
    stage.ask(ClearTasks(1))
    assert stage.state("a", 1) == "queued", "a run has all places, and waits for one that has none"


def a_failed_task_is_marked_in_a_run_that_has_ended():
    """What failed for its sake alone runs, and the run goes on."""
    stage = Stage(dag("a", "b<a"))
    stage.trigger(), stage.fail("a")
    stage.ask(MarkTask(1, "a", -1, "success"))
    assert stage.state("b") == "queued", "what waits for a task that is marked stays ended"


def a_try_that_is_over_keeps_a_checkpoint():
    """Only the current try may."""
    folder, now = new_folder(), datetime(2026, 1, 1, tzinfo=UTC)
    database = database_of(folder)
    store = Store.over(database, KEYRING)
    try:
        with store.transaction() as tx:
            [run] = tx.apply(Changes(new_runs=[NewRun("d", "r", RunKind.MANUAL, now, now, now)]), now)
            task = TaskInstance(run.run, "a", -1, TaskState.RUNNING, epoch=3)
            tx.apply(Changes(tasks=[task], tries=[Try(run.run, "a", -1, 3, 1, "local", now)]), now)
        try:
            store.checkpoints.put(TaskKey(run.run, "a"), 2, "page", b"1")
        except SupersededError:
            return
        raise AssertionError("a try that is over has kept a checkpoint")
    finally:
        close(database)
        shutil.rmtree(folder)
