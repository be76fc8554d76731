import pytest
from sqlalchemy import text

from penstock.store import Pool, Store


def test_a_stamp_is_another_one_after_each_commit_of_anybody_and_the_same_else(store, now):
    stamp = store.feed.stamp
    seen = [stamp.read()]
    for number in range(1, 4):
        store.config.put_pool(Pool("p", number), now)
        seen.append(stamp.read())
        store.config.pools()
        assert stamp.read() == seen[-1]
    assert len(set(seen)) == len(seen)
    if store.database.sqlite:
        with store.database.write() as connection:
            connection.execute(text("UPDATE pool SET slots = 9"))
            assert stamp.read() == seen[-1], "what is not committed is seen by nobody"


def test_the_stamp_of_a_view_is_of_what_is_read_in_it(store, now):
    stamp = store.feed.stamp
    before = stamp.read()
    with store.view():
        pools = store.config.pools()
        inside = stamp.read()
        store.config.put_pool(Pool("p", 1), now)
        assert store.config.pools() == pools
        assert stamp.at_once or stamp.read() == inside
    assert before == inside
    assert stamp.read() != before


def test_what_this_process_has_committed_is_counted_and_what_another_has_is_not(url, keyring, store, now):
    stamp = store.feed.stamp
    before = stamp.own()
    store.config.put_pool(Pool("p", 1), now)
    own = stamp.own()
    store.config.pools()
    with Store.open(url, keyring) as other:
        other.config.put_pool(Pool("p", 2), now)
    assert before < own == stamp.own()


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_no_session_outlives_its_store(url, keyring, store):
    with Store.open(url, keyring) as other:
        other.feed.stamp.read()
        beside = other.database.path.with_name(other.database.path.name + "-wal")
    store.close()
    assert not beside.exists(), "the last one that closes SQLite takes the log with it"
