from sqlalchemy import text

from penstock.store import Pool


def test_a_stamp_is_another_one_after_each_commit_of_anybody_and_the_same_else(store, url, keyring, now):
    stamp = store.feed.stamp()
    try:
        seen = [stamp.read()]
        for number in range(1, 4):
            store.config.put_pool(Pool("p", number), now)
            seen.append(stamp.read())
            store.config.pools()
            assert stamp.read() == seen[-1]
        assert len(set(seen)) == len(seen)
        with store.database.write() as connection:
            connection.execute(text("UPDATE pool SET slots = 9"))
            assert stamp.read() == seen[-1], "what is not committed is seen by nobody"
    finally:
        stamp.close()


def test_the_stamp_of_a_view_is_of_what_is_read_in_it(store, now):
    stamp = store.feed.stamp()
    try:
        before = stamp.read()
        with store.view():
            pools = store.config.pools()
            inside = stamp.read()
            store.config.put_pool(Pool("p", 1), now)
            assert store.config.pools() == pools
            assert stamp.at_once or stamp.read() == inside
        assert before == inside
        assert stamp.read() != before
    finally:
        stamp.close()
