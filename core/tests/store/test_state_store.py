"""State outlasts runs, and only the current try of a task instance changes it."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from penstock.errors import RequestError, SupersededError
from penstock.model.changes import Changes
from penstock.model.history.audit import AuditAction, AuditEntry
from penstock.model.names import MOST_STATE
from penstock.model.run import NewRun, RunKind, TaskInstance, TaskKey, Try
from penstock.model.state import RunState, TaskState
from penstock.store import StateOwner
from penstock.store.sql.state_tables import kept_state

TASK, ASSET = StateOwner("d", "t"), StateOwner("", "s3://lake")


@pytest.fixture
def key(store, now):
    """A task instance whose third try runs."""
    [made] = store.apply(Changes(new_runs=[NewRun("d", "r", RunKind.MANUAL, now, now, now)]), now)
    found = TaskKey(made.run, "t", 0)
    task = TaskInstance(*found, TaskState.RUNNING, epoch=3)
    store.apply(Changes(tasks=[task], tries=[Try(*found, 3, 1, "local", now)]), now)
    return found


@pytest.fixture
def put(store, key, now):
    def put(value, owner=TASK, name="page", epoch=3, **options):
        return store.state_store.put_by_try(key, epoch, owner, name, value, now, **options)

    return put


def values(store, owner=TASK):
    return {each.key: each.value for each in store.state_store.page(owner)}


def test_tasks_and_assets_keep_values_of_their_own_that_outlast_the_run(store, put, key, now):
    assert put(b"1")
    assert put(b"2", ASSET)
    assert put(b"3", name="other", by="t of d, run r")
    store.apply(Changes(tasks=[TaskInstance(*key, TaskState.SUCCESS, epoch=3)]), now)
    run = store.runs.get(key.run)
    store.apply(Changes(runs=[replace(run, state=RunState.SUCCESS, ended_at=now)]), now)
    assert store.retention.delete_runs([key.run], now) == 1
    assert (values(store), values(store, ASSET)) == ({"other": b"3", "page": b"1"}, {"page": b"2"})
    found = store.state_store.value(TASK, "other")
    assert (found.changed_at, found.changed_by) == (now, "t of d, run r")
    assert store.state_store.value(StateOwner("d", "u"), "page") is None


@pytest.mark.parametrize("epoch", [0, 2, 4])
def test_a_try_that_is_not_the_current_one_changes_nothing(store, put, epoch):
    put(b"1")
    for value in (b"9", None):
        with pytest.raises(SupersededError, match="'page' of task 't' of DAG 'd' is over"):
            put(value, epoch=epoch)
    with pytest.raises(SupersededError):
        put(b"9", ASSET, epoch=epoch)
    assert (values(store), values(store, ASSET)) == ({"page": b"1"}, {})


@pytest.mark.parametrize("state", [TaskState.CANCELLED, TaskState.SUCCESS, TaskState.UP_FOR_RETRY, None])
def test_a_try_whose_instance_was_ended_changes_nothing(store, put, key, now, state):
    store.apply(Changes(removed=[key]) if state is None else Changes(tasks=[TaskInstance(*key, state, epoch=3)]), now)
    with pytest.raises(SupersededError):
        put(b"9")
    assert values(store) == {}


def test_a_value_is_replaced_only_if_it_is_the_one_that_was_read(store, put):
    assert not put(b"1", expected=7)
    assert put(b"1", expected=0)
    assert not put(b"2", expected=0)
    first = store.state_store.value(TASK, "page").number
    assert put(b"2", expected=first)
    assert not put(b"3", expected=first)
    assert put(None)
    assert put(b"2", expected=0)
    assert not put(b"4", expected=first), "a number is never given twice, also if the same value is set again"
    assert values(store) == {"page": b"2"}


def test_there_is_a_bound_for_each_owner_and_what_is_there_may_always_be_changed(store, put, now):
    rows = [{**TASK._asdict(), "key": f"k{n}", "value": b"1", "changed_at": now} for n in range(MOST_STATE)]
    with store.transaction() as tx:
        tx.insert_absent(kept_state, rows)
    with pytest.raises(RequestError, match="keeps 1,000 values, which is the most: 'page' was not kept"):
        put(b"2")
    assert put(b"2", name="k3")
    assert put(b"2", ASSET)
    put(None, name="k4")
    assert put(b"2")


def test_a_person_sets_and_deletes_with_an_entry_of_the_audit(store, now):
    entry = AuditEntry(now, AuditAction.STATE, "d", person="ann")
    assert not store.state_store.put(TASK, "page", None, entry)
    assert store.audit.page() == [], "nothing was deleted"
    assert not store.state_store.put(TASK, "page", b"1", entry)
    assert store.state_store.put(TASK, "page", b"2", entry)
    assert store.state_store.value(TASK, "page").changed_by == "ann"
    assert store.state_store.put(TASK, "page", None, entry)
    assert (values(store), len(store.audit.page())) == ({}, 3)


def test_pages_follow_each_other_and_old_values_go(store, put, now):
    for owner in (TASK, ASSET, StateOwner("d", "u"), StateOwner("e", "t")):
        for name in "ab":
            put(b"1", owner, name)
    seen, after = [], None
    while page := store.state_store.page(after=after, limit=3):
        seen += page
        after = (page[-1].dag_id, page[-1].name, page[-1].key)
    assert [(each.dag_id, each.name, each.key) for each in seen] == [
        (*owner, name) for owner in sorted([TASK, ASSET, ("d", "u"), ("e", "t")]) for name in "ab"
    ]
    assert {each.dag_id for each in store.state_store.page(dag_id="d")} == {"d"}
    assert {each.dag_id for each in store.state_store.page(dag_ids=["", "e"])} == {"", "e"}
    assert store.state_store.delete_before(now, 10) == 0
    assert store.state_store.delete_before(now + timedelta(days=1), 10) == 8
