"""Who holds a pool's slots and who waits is named, the longest first, and of DAGs that may not be seen only counted."""

from datetime import timedelta

import msgspec
import pytest

from penstock.errors import NotFoundError
from penstock.model.access.permission import Role
from penstock.model.access.principal import Grant, Principal
from penstock.model.changes import Changes
from penstock.model.run import TaskInstance, Try
from penstock.model.state import RunState, TaskState
from penstock.service import dags
from penstock.service.config import pool_use
from penstock.service.config.pool_use import PoolTask, show_pool_use
from penstock.service.config.pools import set_pool


@pytest.fixture
def busy(installation, store, now):
    """Three runs whose `load`, of pool narrow, runs, waits and waits longer."""
    for number, name in enumerate(("holds", "waits", "waits-longer")):
        run = dags.trigger(installation, "sales", run_id=name).run
        since = now - timedelta(minutes=number)
        state = TaskState.SCHEDULED if number else TaskState.RUNNING
        task = TaskInstance(run.run, "load", -1, state, 1, 1, due_at=since)
        tries = [] if number else [Try(run.run, "load", -1, 1, 1, "local", since)]
        live = msgspec.structs.replace(run, state=RunState.RUNNING, started_at=now)
        store.apply(Changes(runs=[live], tasks=[task], tries=tries), now)
    return installation


def test_holders_and_those_who_wait_are_named(busy, now):
    found = show_pool_use(busy, "narrow")
    assert found.holders == (PoolTask("sales", "holds", "load", -1, 1, now),)
    assert [each.run_id for each in found.waiting] == ["waits-longer", "waits"]
    assert (found.unnamed_holders, found.unnamed_waiting) == (0, 0)


def test_of_dags_that_may_not_be_seen_only_the_number_is_told(busy):
    seen = busy.seen_by(Principal("ann", (Grant(Role.VIEWER, ("stock",), pools=("*",)),)))
    found = show_pool_use(seen, "narrow")
    assert (found.holders, found.waiting, found.unnamed_holders, found.unnamed_waiting) == ((), (), 1, 2)


def test_more_than_a_page_are_counted(busy, monkeypatch):
    monkeypatch.setattr(pool_use, "MOST_TASKS", 1)
    found = show_pool_use(busy, "narrow")
    assert (len(found.waiting), found.unnamed_waiting) == (1, 1)


def test_a_pool_that_is_not_there_is_not_found_and_one_at_rest_is_empty(installation):
    set_pool(installation, "quiet", 1)
    assert show_pool_use(installation, "quiet").holders == ()
    with pytest.raises(NotFoundError, match="no pool is named 'absent'"):
        show_pool_use(installation, "absent")
