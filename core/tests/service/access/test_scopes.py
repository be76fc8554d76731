"""Lists leave out what may not be seen, pages stay full, and what may not be seen is not told apart from nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from penstock.errors import ForbiddenError, NotFoundError
from penstock.model.access.permission import Permission, Role
from penstock.model.access.principal import Grant, Principal, everywhere
from penstock.model.assets.asset_condition import AssetCondition, AssetSpec
from penstock.model.assets.event import NewAssetEvent
from penstock.model.backfills.backfill import BackfillState
from penstock.model.changes import Changes
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.feed.delta import AssetDelta, FileDelta
from penstock.model.run import TaskInstance, Try
from penstock.model.schedule import Schedule, ScheduleKind
from penstock.model.source import ParsedFile
from penstock.model.state import RunState, TaskState
from penstock.service import dags, runs
from penstock.service.assets import assets
from penstock.service.backfills import backfills
from penstock.service.backfills.plan import plan_backfill
from penstock.service.config import pools
from penstock.service.history import versions
from penstock.service.stream.sight import Sight
from penstock.service.tasks import why
from penstock.service.values import kept_state
from penstock.service.views import dag_graph
from penstock.service.views.dag_files import list_files
from penstock.spec.archives.listed_archives import LIST
from penstock.store import LoaderCatalog


@pytest.fixture
def as_one(installation):
    """The installation as somebody with these grants uses it."""
    return lambda *grants, only=None: installation.seen_by(Principal("eve", grants, only))


STOCK = Grant(Role.EDITOR, dags=("st*",))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAILY = Grant(Role.EDITOR, tags=("daily",))


@pytest.fixture
def mixed(installation):
    """Eight runs of each DAG, by turns."""
    for number in range(8):
        for dag_id in ("sales", "stock"):
            dags.trigger(installation, dag_id, run_id=f"r{number}")


@pytest.mark.parametrize(("given", "seen"), [(STOCK, "stock"), (DAILY, "sales")], ids=["by glob", "by tag"])
def test_a_page_of_runs_of_all_dags_is_full_of_those_that_may_be_seen(as_one, mixed, given, seen):
    eve = as_one(given)
    first = runs.list_runs(eve, limit=5)
    rest = runs.list_runs(eve, after=first.next, limit=5)
    assert [each.run_id for each in (*first.items, *rest.items)] == [f"r{number}" for number in reversed(range(8))]
    assert {each.dag_id for each in (*first.items, *rest.items)} == {seen}
    assert rest.next == ""


def test_who_may_see_all_is_asked_for_no_dag_and_who_may_nothing_for_no_run(installation, as_one, mixed):
    assert as_one(everywhere(Role.VIEWER)).seen_dags() is None
    assert installation.seen_dags() is None
    assert as_one(STOCK, only=frozenset({Permission.LOGS_READ})).seen_dags() == []
    with pytest.raises(ForbiddenError):
        runs.list_runs(as_one())


def test_what_broke_a_file_is_told_to_who_may_read_all_of_its_dags(installation, as_one, store, save):
    save(store, dags_of(store), ("sales.py:1: it is broken.",))
    assert [each.file for each in dags.dag_problems(installation).items] == ["sales.py"]
    assert [each.file for each in dags.dag_problems(as_one(STOCK, DAILY)).items] == ["sales.py"]
    assert [each.file for each in dags.dag_problems(as_one(STOCK)).items] == []


def dags_of(store):
    return [row.spec for row in store.dags.rows()]


def test_of_several_that_are_paused_each_is_asked_for(installation, as_one):
    eve = as_one(STOCK, Grant(Role.VIEWER, dags=("sales",)))
    with pytest.raises(ForbiddenError, match="pause and unpause"):
        dags.pause_all(eve, ["stock", "sales"], paused=True)
    assert not any(row.paused for row in installation.store.dags.rows())


def test_what_may_not_be_seen_is_missing_in_the_same_sentence_as_what_is_not_there(as_one, mixed):
    eve = as_one(STOCK)
    told = set()
    for dag_id in ("sales", "salez"):
        for ask in (
            lambda name: dags.show_dag(eve, name),
            lambda name: dags.trigger(eve, name),
            lambda name: runs.show_run(eve, name, "r1"),
            lambda name: runs.list_runs(eve, dag_id=name),
        ):
            with pytest.raises(NotFoundError) as caught:
                ask(dag_id)
            told.add(str(caught.value).replace(dag_id, "NAME"))
            assert caught.value.near == ()
    assert told == {"no DAG is named 'NAME'."}


def test_a_backfill_is_found_by_its_number_by_who_may_see_its_dag(installation, as_one):
    start = datetime(2026, 2, 1, tzinfo=UTC)
    planned = plan_backfill(installation, "sales", start, start + timedelta(hours=3))
    with pytest.raises(NotFoundError, match="no DAG is named 'sales'"):
        backfills.create_backfill(as_one(STOCK), planned)
    reads = as_one(Grant(Role.VIEWER, dags=("sales",)))
    with pytest.raises(ForbiddenError):
        backfills.create_backfill(reads, planned)
    number = backfills.create_backfill(as_one(DAILY), planned)[0].number
    for ask in (backfills.show_backfill, backfills.list_dates, set_paused):
        with pytest.raises(NotFoundError, match="no backfill is named"):
            ask(as_one(STOCK), number)
    with pytest.raises(ForbiddenError):
        set_paused(reads, number)
    set_paused(as_one(DAILY), number)
    assert backfills.show_backfill(reads, number).backfill.number == number
    assert [len(backfills.list_backfills(each).items) for each in (reads, as_one(STOCK))] == [1, 0]


def set_paused(installation, number):
    return backfills.set_backfill(installation, number, BackfillState.PAUSED)


ORDERS = AssetSpec("s3://orders", "orders")


@pytest.fixture
def of_both(store, save):
    """An asset that a task of sales makes, and stock waits for; the one slot of their pool is held by sales."""
    makes = DagSpec(
        "sales", "sales.py", (TaskSpec("load", outlets=(ORDERS.uri,), pool="narrow"),), assets={ORDERS.uri: ORDERS}
    )
    waits = DagSpec(
        "stock", "stock.py", (TaskSpec("count", pool="narrow"),), assets={ORDERS.uri: ORDERS},
        schedule=Schedule(ScheduleKind.NONE, assets=AssetCondition(ORDERS.uri)),
    )  # fmt: skip
    save(store, [makes])
    catalog = LoaderCatalog(store, store.config.variable_values, lambda: NOON)
    catalog.save(ParsedFile("stock.py", "snapshot", {}, {}, None, NOON, 0.1, (waits,)))
    catalog.close()
    store.apply(Changes(asset_events=[NewAssetEvent(ORDERS.uri, {"rows": 1}, None, "sales", "r1", 1, "load")]), NOON)


def test_an_event_of_an_asset_is_told_without_the_task_of_another_team(installation, as_one, of_both):
    eve = as_one(STOCK)
    [event] = assets.list_events(eve).items
    assert (event.extra, event.dag_id, event.run_id, event.task_id) == ({"rows": 1}, "", "", "")
    assert assets.show_asset(eve, "orders").summary.last == event
    assert assets.list_events(installation).items[0].dag_id == "sales"


def test_an_event_is_reported_by_who_may_trigger_each_dag_that_waits_for_it(as_one, of_both):
    sales = Grant(Role.OPERATOR, dags=("sales",))
    with pytest.raises(ForbiddenError, match=r"user 'eve' may not .*\(asset 's3://orders'\)"):
        assets.report_event(as_one(sales), "orders")
    assert not assets.report_event(as_one(sales, Grant(Role.OPERATOR, dags=("stock",))), "orders").duplicate


def test_the_token_of_a_webhook_reports_events_and_does_and_reads_nothing_else(as_one, of_both):
    hook = as_one(Grant(Role.OPERATOR, dags=("s*",)), only=frozenset({Permission.ASSETS_WRITE}))
    assert assets.report_event(hook, "orders", key="first").asset == ORDERS.uri
    assert assets.report_event(hook, ORDERS.uri, key="first").asset == ORDERS.uri
    with pytest.raises(NotFoundError, match="no asset is named 'nothing'"):
        assets.report_event(hook, "nothing")
    for refused in (
        lambda: assets.list_assets(hook),
        lambda: assets.list_events(hook),
        lambda: dags.list_dags(hook),
        lambda: dags.trigger(hook, "stock"),
        lambda: dags.pause(hook, "stock", paused=True),
    ):
        with pytest.raises((ForbiddenError, NotFoundError)):
            refused()


def test_what_an_asset_keeps_is_read_by_who_sees_a_dag_of_it_and_set_by_who_may_do_so_with_each(
    installation, as_one, of_both
):
    one, both, other = (
        as_one(STOCK),
        as_one(STOCK, Grant(Role.EDITOR, dags=("sales",))),
        as_one(Grant(Role.EDITOR, ("x",))),
    )
    with pytest.raises(ForbiddenError, match="set and delete kept state"):
        kept_state.set_state(one, "place", "1", asset=ORDERS.uri)
    kept_state.set_state(both, "place", "1", asset=ORDERS.uri)
    kept_state.set_state(installation, "place", "1", dag_id="sales", task_id="load")
    assert kept_state.show_state(one, "place", asset=ORDERS.uri).value == 1
    for hidden in (
        lambda: kept_state.show_state(other, "place", asset=ORDERS.uri),
        lambda: kept_state.delete_state(other, "place", asset=ORDERS.uri),
        lambda: kept_state.list_state(other, asset=ORDERS.uri),
    ):
        with pytest.raises(NotFoundError, match="no asset is named 's3://orders'"):
            hidden()
    assert [
        [(each.dag_id, each.asset) for each in kept_state.list_state(asks, limit=1).items] for asks in (one, other)
    ] == [[("", ORDERS.uri)], []]


def test_who_waits_for_a_slot_is_not_told_whose_task_of_another_team_holds_it(installation, as_one, of_both):
    store = installation.store
    pools.set_pool(installation, "narrow", 1)
    for dag_id, task_id, state in (("sales", "load", TaskState.RUNNING), ("stock", "count", TaskState.SCHEDULED)):
        run = dags.trigger(installation, dag_id, run_id="one").run
        tries = [Try(run.run, task_id, -1, 1, 1, "local", NOON, NOON)] if state is TaskState.RUNNING else []
        tasks = [TaskInstance(run.run, task_id, -1, state, len(tries), len(tries), queued_at=NOON)]
        store.apply(
            Changes(runs=[replace(run, state=RunState.RUNNING, started_at=NOON)], tasks=tasks, tries=tries), NOON
        )
    [all_told], [told] = (why(asks, "stock", "count") for asks in (installation, as_one(STOCK)))
    assert "it is held by load (run one of DAG sales)" in all_told.reason
    assert told.reason.startswith("pool 'narrow' is full: 1 of 1; it is held by 1 task instance.")
    assert (told.wait.holders, told.wait.held_by) == ((), 1)


def test_a_file_beside_the_own_one_is_shown_unless_it_defines_a_dag_of_another_team(installation, as_one, of_both):
    folder = installation.settings.state_folder / "snapshots" / "snapshot"
    folder.mkdir(parents=True)
    for name in ("sales.py", "stock.py", "module.py"):
        (folder / name).write_text(f"# {name}")
    (folder / LIST).write_text("".join(f"{'0' * 64} {name}\n" for name in ("sales.py", "stock.py", "module.py")))
    eve = as_one(STOCK)
    assert dag_graph.show_code(eve, "stock").files == ["module.py", "stock.py"]
    assert dag_graph.show_code(eve, "stock", file="module.py").text == "# module.py"
    with pytest.raises(NotFoundError, match=r"no file of .* is named 'sales\.py'"):
        dag_graph.show_code(eve, "stock", file="sales.py")
    assert len(dag_graph.show_code(installation, "stock").files) == 3
    looks = as_one(STOCK, Grant(Role.VIEWER, installation=True))
    assert [each.file for each in list_files(looks).items] == ["stock.py"]


def snapshot_of(installation, hash_, **files):
    folder = installation.settings.state_folder / "snapshots" / hash_
    folder.mkdir(parents=True)
    (folder / LIST).write_text("".join(f"{digit * 64} {name}.py\n" for name, digit in sorted(files.items())))
    for name in files:
        (folder / f"{name}.py").write_text(f"# {name}")


def test_files_of_an_older_version_are_shown_only_if_they_have_an_owner_by_now(installation, store, as_one, of_both):
    snapshot_of(installation, "snapshot", stock="0", sales="0", gone_sales="0", module="0", gone_module="0")
    snapshot_of(installation, "newer", stock="1", sales="1", module="1")
    later, spec = NOON + timedelta(hours=1), DagSpec("stock", "stock.py", (TaskSpec("new"),))
    catalog = LoaderCatalog(store, store.config.variable_values, lambda: later)
    catalog.save(ParsedFile("stock.py", "newer", {}, {}, None, later, 0.1, (spec,)))
    catalog.close()
    eve, stored = as_one(STOCK), versions.list_versions(installation, "stock").items
    old = next(each.version for each in stored if each.stored_at == NOON)
    assert dag_graph.show_code(eve, "stock", version=old).files == ["module.py", "stock.py"]
    with pytest.raises(NotFoundError):
        dag_graph.show_code(eve, "stock", version=old, file="gone_sales.py")
    for asks, files in ((eve, ["module.py", "stock.py"]), (as_one(Grant(Role.VIEWER, dags=("stock",))), [])):
        found = versions.diff_versions(asks, "stock", old)
        assert [each.name for each in found.differences if each.part == "file"] == files
        assert {each.name for each in found.differences if each.part == "task"} >= {"new"}
        assert ("code:read" in found.note) is (files == [])
    assert (
        len([each for each in versions.diff_versions(installation, "stock", old).differences if each.part == "file"])
        == 5
    )


@pytest.mark.parametrize(
    ("grant", "seen"),
    [
        (STOCK, [True, False, False, True, False, False]),
        (Grant(Role.VIEWER, dags=("sales", "stock")), [True, True, False, False, False, False]),
        (Grant(Role.OPERATOR, dags=("*",)), [True] * 6),
        (Grant(Role.VIEWER, dags=("x",), pools=("*",)), [False] * 6),
    ],
)
def test_events_of_assets_and_files_are_told_as_their_lists_show_them(installation, as_one, of_both, grant, seen):
    sight = Sight(as_one(grant))
    told = [
        AssetDelta(1, ORDERS.uri, NOON), AssetDelta(2, ORDERS.uri, NOON, "sales"), AssetDelta(3, "s3://none", NOON),
        FileDelta("stock.py", 1), FileDelta("sales.py", 1), FileDelta("never.py", 1),
    ]  # fmt: skip
    assert [sight.sees(each) for each in told] == seen
