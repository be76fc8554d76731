from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from penstock.model.assets.asset_condition import AssetSpec
from penstock.model.assets.file_watch import FileWatch
from penstock.model.dag import DagSpec, TaskSpec
from penstock.store import Store
from penstock.watchers.file_look import found_file

from .test_assets import publish

CSV, ALL = FileWatch("/in/*.csv"), FileWatch("/in/", 1.0)


def dag(dag_id, **watchers):
    return DagSpec(
        dag_id,
        "d.py",
        (TaskSpec("t", inlets=tuple(watchers)),),
        assets={uri: AssetSpec(uri, uri, watchers=tuple(each)) for uri, each in watchers.items()},
    )


def file(name, tag="1"):
    return found_file(f"/in/{name}", 3, tag, mtime=1.5)


def asked(store):
    return [(each.asset, each.extra["path"]) for _, each in store.requests.pending() if hasattr(each, "extra")]


def test_what_is_watched_follows_the_dags_that_files_define(store, now):
    assert (store.assets.watched.watchers(), store.assets.watched.any_watched()) == ({}, False)
    publish(store, now, dag("c", a=[CSV, ALL], b=[CSV]), dag("d", a=[CSV]))
    assert store.assets.watched.watchers() == {"a": [CSV, ALL], "b": [CSV]}
    assert (store.assets.watched.watchers("b"), store.assets.watched.any_watched()) == ({"b": [CSV]}, True)
    publish(store, now, dag("c", b=[]), dag("d", a=[CSV]))
    assert store.assets.watched.watchers() == {"a": [CSV]}
    publish(store, now)
    assert (store.assets.watched.watchers(), store.assets.watched.any_watched()) == ({}, False)
    assert store.assets.declared(["a"]) == [AssetSpec("a", "a")]


def test_a_file_is_told_of_once_as_it_is_with_its_request(store, now):
    tell = store.assets.watched.report
    assert tell("a", CSV.path, [file("x"), file("y")], now) == 2
    assert tell("a", CSV.path, [file("x"), file("y", "2")], now) == 1
    assert tell("b", CSV.path, [file("x")], now) == 1
    assert asked(store) == [("a", "/in/x"), ("a", "/in/y"), ("a", "/in/y"), ("b", "/in/x")]
    assert store.assets.watched.known("a", CSV.path) == {
        each.file: each.fingerprint for each in (file("x"), file("y", "2"))
    }
    assert (store.assets.watched.reported("a", CSV.path).count, store.assets.watched.reported("c", "").path) == (2, "")


def test_two_that_look_for_the_same_tell_of_it_once_and_the_second_remembers_it(store, now):
    assert store.assets.watched.report("a", CSV.path, [file("x")], now) == 1
    assert store.assets.watched.report("a", ALL.path, [file("x")], now) == 0
    assert list(store.assets.watched.known("a", ALL.path)) == [file("x").file]
    assert len(asked(store)) == 1


def test_processes_that_find_the_same_at_once_tell_of_each_file_once(url, keyring, now):
    found = [file(str(number)) for number in range(40)]
    stores = [Store.open(url, keyring) for _ in range(3)]
    try:
        with ThreadPoolExecutor(3) as pool:
            told = list(pool.map(lambda store: store.assets.watched.report("a", CSV.path, found, now), stores))
        assert sum(told) == len(asked(stores[0])) == 40
    finally:
        for each in stores:
            each.close()


def test_what_was_told_of_is_forgotten_once_nobody_has_seen_it_for_long(store, now):
    store.assets.watched.report("a", CSV.path, [file("x"), file("y")], now)
    later = now + timedelta(days=3)
    store.assets.watched.seen("a", [file("x").file], later)
    assert store.assets.watched.delete_unseen(later, 10) == 1
    assert list(store.assets.watched.known("a", CSV.path)) == [file("x").file]
