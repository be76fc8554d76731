"""Lists leave out what may not be seen, pages stay full, and what may not be seen is not told apart from nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from penstock.errors import ForbiddenError, NotFoundError
from penstock.model.access.permission import Permission, Role
from penstock.model.access.principal import Grant, Principal, everywhere
from penstock.model.backfills.backfill import BackfillState
from penstock.service import dags, runs
from penstock.service.backfills import backfills
from penstock.service.backfills.plan import plan_backfill


@pytest.fixture
def as_one(installation):
    """The installation as somebody with these grants uses it."""
    return lambda *grants, only=None: installation.seen_by(Principal("eve", grants, only))


STOCK = Grant(Role.EDITOR, dags=("st*",))
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
    rest = runs.list_runs(eve, before=first.before, limit=5)
    assert [each.run_id for each in (*first.runs, *rest.runs)] == [f"r{number}" for number in reversed(range(8))]
    assert {each.dag_id for each in (*first.runs, *rest.runs)} == {seen}
    assert rest.before is None


def test_who_may_see_all_is_asked_for_no_dag_and_who_may_nothing_for_no_run(installation, as_one, mixed):
    assert as_one(everywhere(Role.VIEWER)).seen_dags() is None
    assert installation.seen_dags() is None
    assert as_one(STOCK, only=frozenset({Permission.LOGS_READ})).seen_dags() == []
    with pytest.raises(ForbiddenError):
        runs.list_runs(as_one())


def test_what_broke_a_file_is_told_to_who_may_read_all_of_its_dags(installation, as_one, store, save):
    save(store, dags_of(store), ("sales.py:1: it is broken.",))
    assert list(dags.dag_problems(installation)) == ["sales.py"]
    assert list(dags.dag_problems(as_one(STOCK, DAILY))) == ["sales.py"]
    assert list(dags.dag_problems(as_one(STOCK))) == []


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
    assert [len(backfills.list_backfills(each).backfills) for each in (reads, as_one(STOCK))] == [1, 0]


def set_paused(installation, number):
    return backfills.set_backfill(installation, number, BackfillState.PAUSED)
