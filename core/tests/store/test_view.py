import pytest
from sqlalchemy import text

from penstock.errors import PenstockError
from penstock.store import Pool, Store

POOL = Pool("narrow", 3)


@pytest.fixture
def other(url, keyring):
    with Store.open(url, keyring) as store:
        yield store


def test_all_that_is_read_within_a_view_is_of_one_moment(store, other, now):
    before = store.config.pools()
    with store.view():
        assert store.config.pools() == before
        other.config.put_pool(POOL, now)
        assert store.config.pools() == before
    assert POOL in store.config.pools()


def test_a_read_that_fails_within_a_view_spoils_none_after_it(store, other, now):
    with store.view():
        assert POOL not in store.config.pools()
        other.config.put_pool(POOL, now)
        with pytest.raises(PenstockError), store.database.read() as connection:
            connection.execute(text("SELECT nothing FROM run"))
        assert POOL in store.config.pools()


def test_what_is_written_within_a_view_is_a_transaction_of_its_own(store, other, now):
    with store.view():
        assert POOL not in store.config.pools()
        store.config.put_pool(POOL, now)
        assert POOL in other.config.pools()
        assert POOL not in store.config.pools()
