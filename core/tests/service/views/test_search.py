"""A text finds DAGs, tasks and runs by a part of their ids, and nothing that may not be seen."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.errors import RequestError
from penstock.model.access.permission import Role
from penstock.model.access.principal import Grant, Principal
from penstock.service import dags
from penstock.service.views.search import MOST_FOUND, FoundTask, search
from penstock.store.views import search as store_search


@pytest.mark.parametrize(("text", "dag_ids", "tasks", "runs"), [
    ("sal", ["sales"], [], []),
    ("SAL", ["sales"], [], []),
    ("load", [], [("sales", "load", "run-one")], []),
    ("xt", [], [("sales", "extract", "run-one")], []),
    ("count", [], [("stock", "count", "")], []),
    ("RUN-", [], [], ["run-one"]),
    ("n-on", [], [], ["run-one"]),
    ("s", ["sales", "stock"], [], []),
    ("%", [], [], []),
    ("_", [], [], []),
    ("\0", [], [], []),
    ("x" * 300, [], [], []),
])  # fmt: skip
def test_a_text_finds_what_has_it_in_its_id(text, dag_ids, tasks, runs, installation):
    dags.trigger(installation, "sales", run_id="run-one")
    found = search(installation, text)
    assert list(found.dags) == dag_ids
    assert list(found.tasks) == [FoundTask(*each) for each in tasks]
    assert [run.run_id for run in found.runs] == runs


def test_an_old_run_is_found_by_its_whole_id_alone(installation, monkeypatch):
    monkeypatch.setattr(store_search, "NEWEST_RUNS", 2)
    for name in ("old-one", "new-two", "new-three"):
        dags.trigger(installation, "sales", run_id=name)
    assert [run.run_id for run in search(installation, "new").runs] == ["new-three", "new-two"]
    assert search(installation, "old").runs == ()
    assert [run.run_id for run in search(installation, "old-one").runs] == ["old-one"]


def test_a_search_in_one_dag_finds_nothing_of_others(installation):
    for dag_id in ("sales", "stock"):
        dags.trigger(installation, dag_id, run_id="same")
    found = search(installation, "s", dag_id="stock")
    assert (found.dags, [run.dag_id for run in found.runs]) == (("stock",), ["stock"])


def test_who_may_see_one_dag_finds_nothing_of_others(installation):
    for dag_id in ("sales", "stock"):
        dags.trigger(installation, dag_id, run_id="same")
    seen = installation.seen_by(Principal("ann", (Grant(Role.VIEWER, ("stock",)),)))
    for text in ("s", "same", "load", "extract", "sales"):
        found = search(seen, text)
        assert {*found.dags, *(task.dag_id for task in found.tasks), *(run.dag_id for run in found.runs)} <= {"stock"}
        assert search(seen, text, dag_id="sales").runs == ()


@pytest.mark.parametrize(("text", "limit"), [("", 1), ("  ", 1), ("x", MOST_FOUND + 1)])
def test_a_search_without_text_or_bound_is_refused(text, limit, installation):
    with pytest.raises(RequestError):
        search(installation, text, limit=limit)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])  # nothing is written
@given(text=st.text(min_size=1, max_size=20))
def test_no_text_ends_a_search(store, text):
    for found in (
        store.views.search.dags(text, 5, None),
        store.views.search.runs(text, 5, None),
        store.views.search.tasks(text, 5, None),
    ):
        assert len(found) <= 5


def test_each_look_of_a_search_is_found_by_an_index(store):
    with store.database.read() as connection:
        newest = "SELECT run FROM run ORDER BY run DESC LIMIT 1 OFFSET 20000"
        recent = (
            f"SELECT run FROM run WHERE run > coalesce(({newest}), 0) AND run_id LIKE '%x%' ORDER BY run DESC LIMIT 10"
        )
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {recent}")]
    assert any("INTEGER PRIMARY KEY (rowid>?)" in line for line in plan)
