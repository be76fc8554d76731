"""The history of a DAG is deleted as a whole, and nothing else with it."""

import pytest
from msgspec.structs import replace

from penstock.errors import NotFoundError, PendingError, RequestError
from penstock.model.assets.asset_condition import AssetCondition
from penstock.model.assets.event import AssetCursor, NewAssetEvent
from penstock.model.backfills.backfill import BackfillSpec, BackfillState
from penstock.model.changes import Changes
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.feed.delta import DagDeleted
from penstock.model.history.audit import AskedBy, AuditAction, AuditEntry
from penstock.model.run import NewRun, RunKind, TaskInstance, TaskKey, Try, XCom
from penstock.model.schedule import Schedule, ScheduleKind
from penstock.model.state import Outcome, RunState, TaskState
from penstock.plugins.file_store import FileStore
from penstock.service.history.audit import list_audit
from penstock.service.retention.dag_deletion import delete_dag, preview_deletion
from penstock.tries.paths import log_path, run_values

SALES = DagSpec("sales", "sales.py", (TaskSpec("extract", outlets=("s3://lake",)),))
STOCK = DagSpec("stock", "sales.py", (TaskSpec("count"),))
WAITS = DagSpec(
    "waits", "sales.py", (TaskSpec("t"),), schedule=Schedule(ScheduleKind.NONE, assets=AssetCondition("s3://lake"))
)
HOURLY = Schedule(ScheduleKind.CRON, crons=("0 * * * *",), text="@hourly")
READER = AskedBy("ann", "it is done")


@pytest.fixture
def kept(installation, store, save, now):
    """An installation whose DAGs have two runs each, a backfill, events and an old version; what lies in files, by DAG."""
    save(store, (replace(SALES, tags=("old",)), replace(STOCK, tags=("old",)), WAITS))
    save(store, (SALES, STOCK, WAITS))
    for dag_id in ("sales", "stock"):
        for run_id in ("a", "b"):
            fill(installation, dag_id, run_id, now)
        spec = BackfillSpec(dag_id, HOURLY, now, now, 1)
        made, _ = store.backfills.add(spec, AuditEntry(now, AuditAction.BACKFILL, dag_id))
        store.apply(Changes(backfills=[replace(made, state=BackfillState.FINISHED, ended_at=now)]), now)
    return installation


def fill(installation, dag_id, run_id, now, *, state=RunState.SUCCESS):
    store, settings = installation.store, installation.settings
    [run] = store.apply(Changes(new_runs=[NewRun(dag_id, run_id, RunKind.MANUAL, now, now, now)]), now)
    ended = replace(run, state=state, ended_at=now if state.finished else None)
    store.apply(
        Changes(
            runs=[ended],
            tasks=[TaskInstance(run.run, "extract", -1, TaskState.SUCCESS, epoch=1)],
            tries=[Try(run.run, "extract", -1, 1, 1, "local", now, outcome=Outcome.SUCCESS)],
            xcoms=[XCom(run.run, "extract", -1, "k", b"1")],
            asset_events=[NewAssetEvent("s3://lake", {}, None, dag_id, run_id, run.run, "extract")],
        ),
        now,
    )
    log = log_path(settings.logs_folder, dag_id, run_id, TaskKey(run.run, "extract"), 1)
    log.parent.mkdir(parents=True)
    log.write_text("said\n")
    FileStore().write(run_values(settings.values_url, run) + "extract-1", b"value")
    return run


def taken(store, number, now):
    """Has the DAG that waits take the events up to a number."""
    store.apply(Changes(asset_cursors=[AssetCursor("waits", "s3://lake", number)]), now)


def retire(store, save):
    save(store, (STOCK, WAITS))


def delete(installation, dag_id, **options):
    return delete_dag(installation, dag_id, by=READER, **options)


def test_a_dag_that_no_file_defines_goes_with_all_that_is_its_own_and_its_audit_stays(kept, store, save, now):
    retire(store, save)
    taken(store, 99, now)
    before = preview_deletion(kept, "sales")
    assert (before.defined, before.runs, before.backfills, before.versions, before.events) == (False, 2, 1, 3, 2)
    assert before.refused == ""
    done = delete(kept, "sales")
    assert (done.dag, done.runs, done.backfills, done.versions, done.events) == (True, 2, 1, 3, 2)
    assert store.dags.row("sales") is None
    assert [run.dag_id for run in store.runs.page()] == ["stock", "stock"]
    assert not (kept.settings.logs_folder / "sales").exists()
    assert (kept.settings.logs_folder / "stock").exists()
    assert [each.dag_id for each in store.assets.page()] == ["stock", "stock"]
    assert store.versions.of("sales") == []
    assert (len(store.versions.of("stock")), len(store.backfills.page())) == (2, 1)
    assert store.check() == []
    entry = list_audit(kept, dag_id="sales").items[0]
    assert (entry.action, entry.person, entry.why, entry.subject) == (
        AuditAction.DELETE, "ann", "it is done", "the DAG with its history",
    )  # fmt: skip
    with pytest.raises(NotFoundError):
        list_audit(kept, dag_id="never")


def test_who_sees_dags_by_a_tag_is_told_of_a_deletion_with_the_tags_that_it_had(kept, store, save, now):
    save(store, (replace(STOCK, tags=("shop", "cold")), WAITS))
    save(store, (WAITS,))
    store.feed.attend(now)
    start = store.feed.position()
    delete(kept, "stock")
    told = [delta for row in store.feed.rows(start) for delta in row.deltas]
    assert told[-1] == DagDeleted("stock", ("shop", "cold"))


def test_values_go_before_their_run_and_those_of_other_dags_stay(kept, store, save):
    retire(store, save)
    urls = {run.dag_id: run_values(kept.settings.values_url, run) + "extract-1" for run in store.runs.page()}
    delete(kept, "sales")
    assert {dag_id: FileStore().stat(url) is not None for dag_id, url in urls.items()} == {
        "sales": False,
        "stock": True,
    }


def test_an_event_that_somebody_waits_for_stays(kept, store, save, now):
    numbers = [each.number for each in store.assets.page() if each.dag_id == "sales"]
    taken(store, min(numbers), now)
    retire(store, save)
    assert delete(kept, "sales").events == 1
    assert max(numbers) in [each.number for each in store.assets.page()]


def test_a_dag_that_is_defined_keeps_itself_and_loses_its_history_if_that_is_asked_for(kept, store, now):
    with pytest.raises(RequestError, match=r"is defined by sales\.py, which would make it again.*--history"):
        delete(kept, "sales")
    assert "--history" in preview_deletion(kept, "sales").refused
    assert len(store.runs.page()) == 4
    store.apply(Changes(), now)
    before = store.dags.row("sales")
    done = delete(kept, "sales", history_only=True)
    assert (done.dag, done.runs, done.backfills, done.versions) == (False, 2, 1, 2)
    after = store.dags.row("sales")
    assert (after.version, after.cursor, after.active) == (before.version, before.cursor, True)
    assert store.versions.get(after.version) is not None


def test_what_has_not_ended_is_named_and_nothing_is_deleted(kept, store, save, now):
    retire(store, save)
    run = fill(kept, "sales", "live", now, state=RunState.RUNNING)
    with pytest.raises(RequestError, match=r"has runs that have not ended: 'live'\. Wait for them, or cancel them"):
        delete(kept, "sales")
    store.apply(
        Changes(
            runs=[replace(run, state=RunState.CANCELLED, ended_at=now)],
            tries=[Try(run.run, "extract", -1, 2, 1, "local", now)],
        ),
        now,
    )
    with pytest.raises(RequestError, match="not ended: 'live'"):
        delete(kept, "sales")  # a try that was told to end has not answered
    store.apply(Changes(tries=[Try(run.run, "extract", -1, 2, 1, "local", now, outcome=Outcome.LOST)]), now)
    store.backfills.add(BackfillSpec("sales", HOURLY, now, now, 1), AuditEntry(now, AuditAction.BACKFILL, "sales"))
    with pytest.raises(RequestError, match="has a backfill that has not ended"):
        delete(kept, "sales")
    assert len(store.runs.page()) == 5
    assert store.audit.page(dag_id="sales")[0].action is not AuditAction.DELETE


def test_runs_that_are_large_are_deleted_one_by_one(kept, store, now, monkeypatch):
    numbers = []
    for run_id in ("c", "d", "e"):
        run = fill(kept, "sales", run_id, now)
        tasks = [
            TaskInstance(run.run, "extract", index, TaskState.SUCCESS) for index in range(3000 if run_id == "d" else 1)
        ]
        store.apply(Changes(tasks=tasks), now)
    whole = store.retention.delete_runs

    def count(chosen, *others):
        numbers.append(len(chosen))
        return whole(chosen, *others)

    object.__setattr__(store.retention, "delete_runs", count)
    assert delete(kept, "sales", history_only=True).runs == 5
    assert sum(numbers) == 5
    assert len(numbers) > 1


def test_a_deletion_waits_for_a_scheduler_that_has_not_heard_of_the_end(kept, store, save, monkeypatch):
    retire(store, save)
    monkeypatch.setattr(type(kept), "scheduler_runs", True)
    with pytest.raises(PendingError, match="the scheduler has not handled what was asked of DAG 'sales'"):
        delete(kept, "sales")
    assert [each.action for each in store.audit.page(dag_id="sales") if each.action is AuditAction.DELETE] == []


def test_a_deletion_that_was_cut_off_goes_on_and_is_in_the_audit_once(kept, store, save):
    retire(store, save)
    delete(kept, "sales", history_only=True)
    kept.resumed = True
    assert delete(kept, "sales").dag
    assert delete(kept, "sales").dag, "its answer was lost"
    deletions = [each for each in store.audit.page(dag_id="sales") if each.action is AuditAction.DELETE]
    assert [each.subject for each in deletions] == ["its history"]
