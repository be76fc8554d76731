"""The versions of a DAG are listed, and two of them are compared by all that a run gets of them."""

from datetime import timedelta
from typing import NamedTuple

import pytest

from penstock.errors import NotFoundError, RequestError
from penstock.load.snapshot import Snapshots
from penstock.model.dag import DagSpec, ParamSpec, TaskSpec
from penstock.model.source import ParsedFile
from penstock.service.history.versions import VersionDifference, diff_versions, list_versions
from penstock.store import LoaderCatalog

TASKS = (TaskSpec("a", line=3), TaskSpec("gone"), TaskSpec("b", upstream=("a",)))


class Import(NamedTuple):
    """One import of the file of DAG ``orders``; what is left out is as at first."""

    spec: DagSpec = DagSpec("orders", "sales.py", TASKS)
    files: tuple[tuple[str, str], ...] = (("sales.py", "1"), ("x.sql", "1"))
    variables: tuple[tuple[str, str], ...] = (("key", "1"), ("password", "old"))


FIRST = Import()
CHANGED = {
    "nothing": (Import(DagSpec("orders", "sales.py", (TaskSpec("a", line=9), *TASKS[1:]))), []),
    "settings of the DAG": (Import(DagSpec("orders", "sales.py", TASKS, tags=("x",), params={"day": ParamSpec(1)})), [
        VersionDifference("DAG", "", "params", "changed", {}, {"day": {"default": 1}}),
        VersionDifference("DAG", "", "tags", "changed", (), ("x",)),
    ]),
    "tasks": (Import(DagSpec("orders", "sales.py", (TaskSpec("a"), TaskSpec("b", pool="narrow"), TaskSpec("new")))), [
        VersionDifference("task", "gone", "", "removed"),
        VersionDifference("task", "new", "", "added"),
        VersionDifference("task", "b", "upstream", "changed", ("a",), ()),
        VersionDifference("task", "b", "pool", "changed", "default_pool", "narrow"),
    ]),
    "Variables, whose values may be secret": (Import(variables=(("password", "new"), ("more", "1"))), [
        VersionDifference("Variable", "key", "", "removed"),
        VersionDifference("Variable", "more", "", "added"),
        VersionDifference("Variable", "password", "", "changed"),
    ]),
    "files": (Import(files=(("sales.py", "1"), ("x.sql", "2"), ("y.sql", "1"))), [
        VersionDifference("file", "y.sql", "", "added"),
        VersionDifference("file", "x.sql", "", "changed"),
    ]),
}  # fmt: skip


@pytest.fixture
def stored(store, installation, now):
    """Store imports, a minute apart; returns the version that DAG ``orders`` then has."""
    state, dags = installation.settings.state_folder, installation.settings.dags_folder
    dags.mkdir(exist_ok=True)
    moments = [now]
    catalog = LoaderCatalog(store, store.config.variable_values, lambda: moments[0])

    def run(what):
        for name in ("sales.py", "x.sql", "y.sql"):
            (dags / name).unlink(missing_ok=True)
        for name, text in what.files:
            (dags / name).write_text(text)
        snapshot = Snapshots(dags, state).take().hash
        catalog.save(ParsedFile("orders.py", snapshot, {}, dict(what.variables), None, moments[0], 0.1, (what.spec,)))
        moments[0] += timedelta(minutes=1)
        return store.dags.state("orders").version

    yield run
    catalog.close()


@pytest.mark.parametrize("case", CHANGED)
def test_two_versions_differ_in_what_was_changed_and_in_nothing_else(installation, stored, case):
    what, expected = CHANGED[case]
    before, after = stored(FIRST), stored(what)
    found = diff_versions(installation, "orders")
    assert (found.before, found.after, found.differences, found.note) == (before, after, expected, "")
    assert diff_versions(installation, "orders", before[:10], after[:10]) == found


def test_versions_are_listed_newest_first_and_the_present_one_is_named(installation, stored):
    first, second = stored(FIRST), stored(CHANGED["tasks"][0])
    assert [(each.version, each.present) for each in list_versions(installation, "orders").items] == [
        (second, True),
        (first, False),
    ]
    assert stored(FIRST) == first, "what was undone is the version of before"
    assert [each.present for each in list_versions(installation, "orders").items] == [False, True]
    assert diff_versions(installation, "orders").before == second
    assert len(list_versions(installation, "orders", limit=1).items) == 1


def test_what_cannot_be_compared_is_refused_or_told(installation, stored):
    first = stored(FIRST)
    with pytest.raises(RequestError, match="has only one version"):
        diff_versions(installation, "orders")
    stored(CHANGED["files"][0])
    with pytest.raises(NotFoundError, match="no version of DAG 'orders' is named 'xyz'"):
        diff_versions(installation, "orders", "xyz")
    with pytest.raises(NotFoundError, match="no DAG is named 'nope'"):
        diff_versions(installation, "nope")
    copies = installation.settings.state_folder / "snapshots"
    gone = installation.store.versions.get(first).snapshot
    (copies / gone).rename(copies / ".away")
    found = diff_versions(installation, "orders")
    assert (found.differences, found.note[:30]) == ([], f"the files of version {first[:9]}")
