"""The change feed: all that is committed is told, once, in an order that no reader can overtake."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import func, select

from penstock.errors import InternalError, RequestError
from penstock.model.changes import Changes, DagCursor
from penstock.model.feed.delta import DagDelta, PoolsDelta, RunDeleted, RunDelta, TaskDelta, TaskRemoved
from penstock.model.feed.position import FeedPosition
from penstock.model.request import DagChanged
from penstock.model.run import NewRun, RunKind, TaskInstance, TaskKey
from penstock.model.state import RunState, TaskState
from penstock.store import Pool, Store, UsedKey
from penstock.store.sql.feed import feed_tables
from penstock.store.sql.feed.feed_writes import DELTAS_A_ROW, FeedWriter

FEW = 5


@pytest.fixture(autouse=True)
def _attended(store, now):
    store.feed.attend(now)


def run_of(store, now, run_id="one"):
    (run,) = store.apply(Changes(new_runs=[NewRun.manual("d", run_id, None, None)]), now)
    return run


def task(run, task_id="t", state=TaskState.RUNNING, **more):
    return TaskInstance(run.run, task_id, -1, state, **more)


def told(store, after):
    rows = store.feed.rows(after)
    return [delta for row in rows for delta in row.deltas]


def test_what_is_committed_is_told_in_its_order_with_the_names_of_its_run(store, now):
    start = store.feed.position()
    run = run_of(store, now)
    store.apply(Changes(tasks=[task(run, reason="naïve \0 \ud800")], removed=[TaskKey(run.run, "m")]), now)
    store.apply(Changes(cursors=[DagCursor("d", now)]), now)
    assert told(store, start) == [
        RunDelta(run.run, "d", "one", RunKind.MANUAL, RunState.QUEUED, "", now),
        TaskRemoved(run.run, "m", dag_id="d", run_id="one"),
        TaskDelta(run.run, "t", -1, TaskState.RUNNING, reason="naïve \\x00 \\ud800", dag_id="d", run_id="one"),
        DagDelta("d"),
    ]
    assert told(store, store.feed.position()) == []


def test_each_row_is_read_once_by_whoever_goes_on_from_its_position(store, now):
    start = after = store.feed.position()
    run = run_of(store, now)
    for number in range(FEW):
        store.apply(Changes(tasks=[task(run, try_number=number)]), now)
    found = []
    while rows := store.feed.rows(after, limit=2):
        found += [delta.try_number for row in rows for delta in row.deltas if isinstance(delta, TaskDelta)]
        after = FeedPosition.of(str(rows[-1].position))
    assert found == list(range(FEW))
    middle = store.feed.rows(start, limit=3)[-1].position
    assert [row.position for row in store.feed.rows(start, until=middle)][-1] == middle
    assert store.feed.rows(middle, until=middle) == []


def test_a_transaction_that_is_undone_tells_nothing(store, now):
    start = store.feed.position()
    with pytest.raises(InternalError):
        store.apply(Changes(tasks=[TaskInstance(99, "t", -1, TaskState.QUEUED)]), now)
    assert store.feed.rows(start) == []


def test_people_and_files_are_told_of_too(store, now):
    start = store.feed.position()
    store.config.put_pool(Pool("wide", 5, "", None, None), now)
    with store.transaction() as tx:
        tx.submit([DagChanged("d")], now)
    run = run_of(store, now)
    store.apply(Changes(runs=[_ended(run, now)]), now)
    store.retention.delete_runs([run.run], now)
    assert [type(each) for each in told(store, start)] == [PoolsDelta, DagDelta, RunDelta, RunDelta, RunDeleted]


def _ended(run, now):
    return replace(run, state=RunState.SUCCESS, started_at=now, ended_at=now)


def test_what_is_told_of_a_run_that_is_gone_names_no_dag_and_is_left_out(store, now):
    start = store.feed.position()
    run = run_of(store, now)
    store.apply(Changes(tasks=[task(run)], runs=[_ended(run, now)]), now)
    store.retention.delete_runs([run.run], now)
    assert [type(each) for each in told(store, start)] == [RunDelta, RunDelta, RunDeleted]


def test_a_large_transaction_is_told_in_several_rows(store, now):
    start = store.feed.position()
    run = run_of(store, now)
    store.apply(Changes(tasks=[task(run, f"t{each}") for each in range(DELTAS_A_ROW + 1)]), now)
    assert [len(row.deltas) for row in store.feed.rows(start)] == [1, DELTAS_A_ROW, 1]


def test_whoever_was_away_too_long_or_comes_from_elsewhere_begins_anew(store, now):
    start = store.feed.position()
    run_of(store, now)
    after = store.feed.rows(start)[-1].position
    store.feed.attend(now + timedelta(hours=2))
    run_of(store, now + timedelta(hours=2), "two")
    assert store.feed.drop_before(now) == 0
    assert store.feed.drop_before(now + timedelta(hours=1)) == 1
    assert store.feed.rows(start) is None
    assert [delta.run_id for row in store.feed.rows(after) for delta in row.deltas] == ["two"]
    assert store.feed.rows(after._replace(database="0" * 16)) is None
    assert store.feed.rows(FeedPosition(start.database, 10**15, 10**15)) is None
    assert store.feed.drop_before(now + timedelta(hours=3)) == 1
    assert store.feed.rows(after) is None
    assert store.feed.rows(store.feed.position()) == []


def test_the_feed_is_bounded_in_bytes(store, now):
    start = store.feed.position()
    writer = FeedWriter(store.database.engine.dialect, kept=1_000, check=100)
    for number in range(100):
        with store.database.pipeline() as pipeline:
            writer.add(pipeline, [DagDelta(f"d{number}" * 5)], now)
    with store.database.read() as connection:
        size, newest = connection.execute(
            select(func.sum(feed_tables.feed.c.size), func.max(feed_tables.feed.c.number))
        ).one()
    assert 900 <= size <= 1_200
    assert newest >= 100
    assert store.feed.rows(start) is None


def test_a_watch_says_once_that_others_have_written(store, url, keyring, now):
    watch = store.feed.watch()
    try:
        assert watch.moved()
        if store.database.sqlite:
            assert not watch.moved()
        with Store.open(url, keyring) as other:
            other.config.put_pool(Pool("p", 1, "", None, None), now)
        assert watch.moved()
    finally:
        watch.close()


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_a_transaction_that_commits_late_is_not_passed_over(store, url, keyring, now):
    start = store.feed.position()
    with Store.open(url, keyring) as other:
        with store.database.pipeline() as early:
            FeedWriter(store.database.engine.dialect).add(early, [DagDelta("early")], now)
            early.send()
            with other.transaction() as late:
                late.add_deltas([DagDelta("late")], now)
            assert store.feed.rows(start) == []  # another connection of its pool: only what cannot be overtaken is told
        assert [each.dag_id for each in told(store, start)] == ["early", "late"]


@pytest.mark.parametrize(
    "given", ["", "x", "0-1-2", "0123456789abcdef-1", "0123456789abcdef--1-2", "0123456789ABCDEF-1-2"]
)
def test_what_is_no_position_is_refused_in_a_sentence(given):
    with pytest.raises(RequestError, match="is no position in the change feed"):
        FeedPosition.of(given)


def test_several_transactions_that_are_one_are_told_together_without_those_that_failed(store, now):
    start = store.feed.position()

    def fails():
        with store.transaction() as tx:
            tx.apply(Changes(cursors=[DagCursor("undone", now)]), now)
            raise RequestError("no")

    with store.access.answers.together(UsedKey("ada", "key", "trigger", b"f", now)):
        store.apply(Changes(cursors=[DagCursor("d", now)]), now)
        with pytest.raises(RequestError):
            fails()
        store.apply(Changes(cursors=[DagCursor("e", now)]), now)
        assert told(store, start) == []
    assert told(store, start) == [DagDelta("d"), DagDelta("e")]
    assert len(store.feed.rows(start)) == 1
