import gc
import select
from datetime import timedelta

import msgspec
import pytest

from penstock.model.changes import Changes, DagCursor
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.request import DagChanged
from penstock.model.schedule import PlannedRun
from penstock.model.source import FileProblems, ParsedFile
from penstock.store import LoaderCatalog, Version
from penstock.store.dags import Versions


@pytest.fixture
def catalog(store, now):
    catalog = LoaderCatalog(store, store.config.variable_values, lambda: now)
    yield catalog
    catalog.close()


@pytest.fixture
def parsed(now):
    def make(*dag_ids, file="f.py", snapshot="s1", variables=None, problems=(), notes=(), doc=""):
        dags = tuple(DagSpec(dag_id, file, (TaskSpec("t"),), doc=doc) for dag_id in dag_ids)
        return ParsedFile(file, snapshot, {file: "h"}, variables or {}, 60.0, now, 0.25, dags, problems, notes)

    return make


def changed(store, now):
    """DAGs that the scheduler was told of since the last call."""
    found = store.requests.pending()
    store.apply(Changes(handled=[number for number, _ in found]), now)
    assert all(isinstance(request, DagChanged) for _, request in found)
    return [request.dag_id for _, request in found]


def versions(store):
    return {dag.dag_id: dag.version for dag in store.dags.states() if dag.active}


def test_a_good_import_becomes_the_current_version_pinned_to_source_and_variables(store, catalog, parsed, now):
    catalog.save(parsed("a", "b", variables={"customers": "[1]", "absent": None}))
    assert changed(store, now) == ["a", "b"]
    version = store.versions.get(versions(store)["a"])
    assert (version.spec.dag_id, version.snapshot, version.file) == ("a", "s1", "f.py")
    assert version.variables == {"customers": "[1]", "absent": None}
    assert store.versions.spec(version.version) is version.spec
    (known,) = catalog.files().values()
    assert (known.dag_ids, known.refresh_s, known.parsed_at, known.problems) == (("a", "b"), 60.0, now, ())
    assert (known.sources, known.variables) == ({"f.py": "h"}, version.variables)


def test_the_same_import_again_changes_nothing(store, catalog, parsed, now):
    catalog.save(parsed("a", variables={"v": "1"}))
    before, _ = versions(store), changed(store, now)
    catalog.save(parsed("a", variables={"v": "1"}))
    assert (versions(store), changed(store, now)) == (before, [])


@pytest.mark.parametrize(
    "other", [{"doc": "new"}, {"snapshot": "s2"}, {"variables": {"v": "2"}}], ids=["structure", "source", "variable"]
)
def test_each_part_of_what_a_run_is_pinned_to_makes_a_version(store, catalog, parsed, now, other):
    catalog.save(parsed("a", variables={"v": "1"}))
    before = versions(store)["a"]
    catalog.save(parsed("a", **{"variables": {"v": "1"}, **other}))
    assert versions(store)["a"] != before
    assert store.versions.get(before).spec.doc == ""


def test_a_plan_that_is_carried_on_is_told_and_makes_no_version(store, catalog, parsed, now):
    hours = [PlannedRun(now, now, now + timedelta(hours=n)) for n in range(3)]
    planned = msgspec.structs.replace(parsed("a", "b"), planned={"a": tuple(hours[:2])})
    catalog.save(planned)
    before, _ = versions(store), changed(store, now)
    assert catalog.cursors() == {}
    store.apply(Changes(cursors=[DagCursor("a", hours[0].run_after)]), now)
    assert catalog.cursors() == {"f.py": {"a": hours[0].run_after}}

    catalog.save(msgspec.structs.replace(planned, planned={"a": tuple(hours[1:])}))
    assert (versions(store), changed(store, now)) == (before, ["a"])
    row = store.dags.row("a")
    assert row.spec.schedule.planned == tuple(hours[1:])
    assert store.versions.spec(row.version).schedule.planned == ()
    catalog.save(parsed("a", "b"))
    assert catalog.cursors() == {}


def test_a_broken_import_keeps_the_last_good_version_and_shows_the_problems(store, catalog, parsed, now):
    catalog.save(parsed("a"))
    before, _ = versions(store), changed(store, now)
    catalog.save(parsed(problems=("f.py:3: cycle",), notes=("f.py:1: naive",)))
    assert (versions(store), changed(store, now)) == (before, [])
    assert store.dags.problems() == {"f.py": FileProblems(("f.py:3: cycle",), ("f.py:1: naive",))}
    assert catalog.files()["f.py"].dag_ids == ("a",)
    catalog.save(parsed("a", notes=("f.py:1: naive",)))
    assert (store.dags.problems(), catalog.files()["f.py"].notes) == (
        {"f.py": FileProblems((), ("f.py:1: naive",))},
        ("f.py:1: naive",),
    )
    catalog.save(parsed("a"))
    assert store.dags.problems() == {}


def test_a_dag_that_its_file_no_longer_defines_is_retired_and_can_come_back_as_it_was(store, catalog, parsed, now):
    catalog.save(parsed("a", "b"))
    store.dags.set_paused("b", now, paused=True)
    changed(store, now)
    catalog.save(parsed("a"))
    assert (sorted(versions(store)), changed(store, now)) == (["a"], ["b"])
    catalog.save(parsed("a", "b"))
    assert changed(store, now) == ["b"]
    assert store.dags.state("b").paused


def test_a_file_that_is_gone_is_forgotten_and_its_dags_are_retired(store, catalog, parsed, now):
    catalog.save(parsed("a"))
    catalog.save(parsed("z", file="other.py"))
    changed(store, now)
    catalog.retire("f.py")
    assert (list(catalog.files()), list(versions(store)), changed(store, now)) == (["other.py"], ["z"], ["a"])


def test_a_dag_follows_the_file_that_defined_it_last(store, catalog, parsed):
    catalog.save(parsed("a"))
    catalog.save(parsed("a", file="moved.py"))
    catalog.retire("f.py")
    assert catalog.files()["moved.py"].dag_ids == ("a",)
    assert list(versions(store)) == ["a"]


def test_imports_saved_together_leave_what_they_would_leave_one_after_the_other(store, catalog, parsed, now):
    catalog.save(parsed("a", "b"), parsed("gone", file="old.py"))
    changed(store, now)
    catalog.save(
        parsed("a", "b", doc="new"),
        parsed("a", "fresh", file="moved.py"),
        parsed("b"),
        parsed("b", problems=("f.py:1: broken",)),
        parsed("gone", file="old.py"),
        parsed(file="old.py"),
    )
    assert {dag_id: store.versions.get(version).file for dag_id, version in versions(store).items()} == {
        "a": "moved.py",
        "b": "f.py",
        "fresh": "moved.py",
    }
    assert sorted(changed(store, now)) == ["a", "fresh", "gone"]
    files = {name: (known.dag_ids, known.problems) for name, known in catalog.files().items()}
    assert files == {
        "f.py": (("b",), ("f.py:1: broken",)),
        "moved.py": (("a", "fresh"), ()),
        "old.py": ((), ()),
    }


def test_files_that_are_not_imported_anew_adopt_other_snapshots(store, catalog, parsed, now):
    catalog.save(parsed("a", variables={"v": "1"}))
    catalog.save(parsed("z", file="other.py"))
    changed(store, now)
    catalog.adopt({"f.py": "s2", "unknown.py": "s3"})
    assert changed(store, now) == ["a"]
    adopted = store.versions.get(versions(store)["a"])
    assert (adopted.snapshot, adopted.variables) == ("s2", {"v": "1"})
    catalog.save(parsed("a", snapshot="s2", variables={"v": "1"}))
    assert changed(store, now) == [], "an import gives the version that was adopted"
    catalog.adopt({"f.py": "s2"})
    assert changed(store, now) == []


def test_versions_of_one_structure_share_it_and_those_not_asked_for_leave_memory(store, catalog, parsed, keyring):
    catalog.save(parsed("a", "b"))
    first = versions(store)
    kept = Versions(store.database, keyring, kept=4)
    live = kept.get(first["a"])
    for number in range(30):
        catalog.adopt({"f.py": f"s{number + 2}"})
        later = versions(store)
        assert kept.get(later["a"]).spec is live.spec
        assert kept.get(later["b"]).snapshot == f"s{number + 2}"
        assert kept.get(first["a"]) is live, "what a live run uses is asked for again and again, and stays"
    again = gc.get_objects()
    assert sum(isinstance(each, Version) and each.spec is live.spec for each in again) <= 4


def test_a_thousand_files_adopt_snapshots_together(store, catalog, parsed, now):
    for i in range(0, 1200, 400):
        catalog.save(parsed(*[f"d{k}" for k in range(i, i + 400)], file=f"f{i}.py"))
    changed(store, now)
    catalog.adopt({f"f{i}.py": f"s{i}" for i in range(1200)})
    assert len(changed(store, now)) == 1200


def test_snapshots_of_all_versions_that_are_kept_are_needed(store, catalog, parsed, now):
    catalog.save(parsed("a"))
    first = versions(store)["a"]
    catalog.save(parsed("a", snapshot="s2"))
    assert catalog.snapshots() == {"s1", "s2"}, "a finished run of the first can be repeated"
    store.retention.delete_versions([first])
    assert catalog.snapshots() == {"s2"}


def test_the_loader_hears_of_changed_variables_and_of_nothing_else(store, catalog, parsed, now):
    def woken(within):
        return bool(select.select([catalog], [], [], within)[0])

    store.dags.set_paused("a", now, paused=True)
    catalog.save(parsed("a"))
    assert not woken(0.05)
    store.config.put_variable("v", "1", now + timedelta(seconds=1))
    assert woken(5)
    catalog.drain()
    assert not woken(0.05)
    store.config.delete_variable("v")
    assert woken(5)
