from datetime import timedelta

import pytest

from penstock.errors import DataRefusedError
from penstock.model.assets.asset_condition import AssetCondition, AssetSpec
from penstock.model.assets.event import AssetCursor, NewAssetEvent
from penstock.model.changes import Changes
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.run import NewRun
from penstock.model.schedule import Schedule
from penstock.model.source import ParsedFile
from penstock.store import LoaderCatalog


def publish(store, now, *dags, file="d.py"):
    catalog = LoaderCatalog(store, store.config.variable_values, lambda: now)
    catalog.save(ParsedFile(file, "snapshot", {}, {}, None, now, 0.1, dags))
    catalog.close()


def consumer(*assets, dag_id="c"):
    condition = AssetCondition(parts=tuple(map(AssetCondition, assets)))
    declared = {uri: AssetSpec(uri, uri) for uri in assets}
    return DagSpec(dag_id, "d.py", (TaskSpec("t", outlets=("out",)),), Schedule(assets=condition), assets=declared)


def add(store, now, *events):
    return [(e.number, e.asset, e.key) for e in store.apply(Changes(asset_events=list(events)), now)]


def test_events_are_numbered_as_they_are_written_and_one_of_a_known_key_is_counted_alone(store, now):
    assert add(store, now, NewAssetEvent("a", {"x": [1]}), NewAssetEvent("b", key="k")) == [
        (1, "a", None),
        (2, "b", "k"),
    ]
    assert add(store, now, NewAssetEvent("b", key="k"), NewAssetEvent("a", key="k"))[0][1:] == ("a", "k")
    assert [(e.asset, e.duplicates) for e in store.assets.page()] == [("a", 0), ("b", 1), ("a", 0)]
    first = store.assets.between("a", 0, 99, 1)[0]
    assert (first.extra, first.at, store.assets.newest(["a", "c"])["c"]) == ({"x": [1]}, now, 0)


def test_a_cursor_is_stored_with_the_run_and_goes_with_what_is_awaited_no_more(store, now):
    publish(store, now, consumer("a", "b"))
    new = NewRun.of_assets("c", now, {"a": [0, 3]}, "v")
    [run] = store.apply(
        Changes(new_runs=[new], asset_cursors=[AssetCursor("c", "b", 0), AssetCursor("c", "a", 3)]), now
    )
    assert store.runs.get(run.run).consumed == {"a": [0, 3]}
    assert store.assets.taken("c") == store.assets.taken() == {"c": {"a": 3, "b": 0}}
    store.apply(Changes(asset_cursors=[AssetCursor("c", "a", None)]), now)
    assert store.assets.taken() == {"c": {"b": 0}}


def test_who_names_an_asset_follows_the_dags_that_files_define(store, now):
    publish(store, now, consumer("a", "b"), consumer("b", dag_id="d"))
    assert [(u.asset, u.dag_id, u.task_id, u.role.value) for u in store.assets.uses()] == [
        ("a", "c", "", "schedule"), ("b", "c", "", "schedule"), ("b", "d", "", "schedule"),
        ("out", "c", "t", "outlet"), ("out", "d", "t", "outlet"),
    ]  # fmt: skip
    publish(store, now, consumer("b"))
    assert [(u.asset, u.dag_id) for u in store.assets.uses() if u.asset != "out"] == [("b", "c")]
    assert [spec.uri for spec in store.assets.declared()] == ["a", "b"]


def test_an_old_event_is_deleted_once_every_dag_that_waits_for_it_has_taken_it(store, now):
    publish(store, now, consumer("a", "b"))
    add(store, now, *(NewAssetEvent(asset) for asset in "aab"))
    store.apply(Changes(asset_cursors=[AssetCursor("c", "a", 1), AssetCursor("c", "b", 0)]), now)
    later = now + timedelta(days=1)
    assert (store.assets.delete_events(now, 10), store.assets.delete_events(later, 10)) == (0, 1)
    assert [e.number for e in store.assets.page()] == [3, 2]
    assert add(store, now, NewAssetEvent("a"))[0][0] == 4


def test_an_event_that_no_database_keeps_is_refused_by_its_name(store, now):
    with pytest.raises(DataRefusedError, match="asset_event"):
        add(store, now, NewAssetEvent("a", key="nul \0"))
    assert store.assets.page() == []
