"""The feed is written while somebody looks on, and whoever looks on misses nothing, whenever it came."""

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from penstock.model.backfills.backfill import BackfillState
from penstock.model.changes import Changes
from penstock.model.feed.delta import BackfillDeleted, DagDeleted, RunDelta
from penstock.model.run import NewRun
from penstock.store import Store
from penstock.store.outbox.feed import WATCHED_FOR
from penstock.store.sql import tables
from penstock.store.sql.feed import feed_tables
from penstock.store.sql.feed.feed_watched import unwatch
from penstock_testkit.nightly import at_night


def add_run(store, now, run_id):
    return store.apply(Changes(new_runs=[NewRun.manual("d", run_id, None, None)]), now)


def written(store):
    with store.database.read() as connection:
        return connection.execute(select(func.count()).select_from(feed_tables.feed)).scalar_one()


def runs_told(store, after):
    return [each.run_id for row in store.feed.rows(after) for each in row.deltas if isinstance(each, RunDelta)]


def test_nothing_is_written_while_nobody_looks_on(store, now):
    store.role.acquire("penstock up", now)
    before = store.feed.position()
    add_run(store, now, "unseen")
    assert written(store) == 0
    store.feed.attend(now)
    assert store.feed.rows(before) is None
    start = store.feed.position()
    add_run(store, now, "seen")
    assert runs_told(store, start) == ["seen"]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_it_ends_some_minutes_after_the_last_look_and_who_comes_later_begins_anew(store, now):
    store.feed.attend(now)
    start = store.feed.position()
    add_run(store, now + WATCHED_FOR, "told")
    add_run(store, now + WATCHED_FOR + timedelta(seconds=1), "untold")
    assert written(store) == 1
    store.feed.attend(now + WATCHED_FOR + timedelta(seconds=2))
    assert store.feed.rows(start) is None
    assert runs_told(store, store.feed.position()) == []


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_a_scheduler_learns_of_those_who_look_on_in_the_transaction_that_it_makes_anyway(store, url, keyring, now):
    store.role.acquire("penstock up", now)
    with Store.open(url, keyring) as server, Store.open(url, keyring) as later:
        server.feed.attend(datetime.max.replace(tzinfo=now.tzinfo) - timedelta(days=1))
        start = server.feed.position()
        add_run(store, now, "the first turn")
        later.role.acquire("penstock up", now, "elsewhere")
        add_run(later, now, "one that has joined")
        assert store.role.watched
        assert runs_told(server, start) == ["the first turn", "one that has joined"]
        with server.database.write() as connection:
            connection.execute(text("UPDATE feed_floor SET watched_until = now() - interval '1 minute'"))
        store.role.renew()
        unwatch(server.database)
        for each in (store, later):
            add_run(each, now, "learns in its answer")
            assert not each.role.watched


CLIENT, OTHER = 0, 1
STEP = st.one_of(
    st.tuples(st.just("run"), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([10, 200, 400])),
    st.tuples(st.just("look"), st.sampled_from([CLIENT, OTHER])),
)


class Looker:
    """Reads what is stored, and follows from there; what it is told to forget it reads anew."""

    def __init__(self, url, keyring):
        self.store = Store.open(url, keyring)
        self.known, self.after, self.heard = set(), None, []

    def look(self, now):
        feed = self.store.feed
        feed.attend(now)
        rows = None if self.after is None else feed.rows(self.after)
        if rows is None:
            self.after = feed.position()
            with self.store.database.read() as connection:
                self.known = set(connection.execute(select(tables.run.c.run_id)).scalars())
            return
        for row in rows:
            told = {each.run_id for each in row.deltas if isinstance(each, RunDelta)}
            assert not told & self.known, "told twice"
            self.known |= told
            self.after = row.position


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@settings(max_examples=at_night(60, 20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=25))
def test_who_looks_on_knows_what_is_stored_whenever_it_came_and_however_long_it_was_away(
    store, url, keyring, now, steps
):
    with store.transaction() as tx:
        tx.execute(tables.run.delete())
    store.role.acquire("penstock up", now)
    lookers, made, at = [Looker(url, keyring), Looker(url, keyring)], 0, now
    try:
        for name, value in [*steps, ("look", CLIENT), ("look", OTHER)]:
            match name:
                case "run":
                    add_run(store, at, f"r{(made := made + 1)}")
                case "wait":
                    at += timedelta(seconds=value)
                case "look":
                    lookers[value].look(at)
                    # Who has noted itself within half a minute may be late by that, and not by more.
                    lookers[value].look(at + timedelta(seconds=31))
        assert [each.known for each in lookers] == [{f"r{number + 1}" for number in range(made)}] * len(lookers)
    finally:
        store.role.release()
        for each in lookers:
            each.store.close()


def test_deleted_backfills_and_dags_are_told(store, now):
    for number in (7, 8):
        row = {
            "number": number,
            "dag_id": "d",
            "spec": b"",
            "state": BackfillState.FINISHED,
            "created_at": now,
            "ended_at": now,
        }
        with store.transaction() as tx:
            tx.execute(tables.backfill.insert().values(row))
    store.feed.attend(now)
    start = store.feed.position()
    assert store.dag_history.delete_backfill("d", now)
    assert store.backfills.delete_before(now + timedelta(seconds=1), now, 10) == 1
    assert store.dag_history.forget("d", now)
    told = [each for row in store.feed.rows(start) for each in row.deltas]
    assert told == [BackfillDeleted(7, "d"), BackfillDeleted(8, "d"), DagDeleted("d")]
