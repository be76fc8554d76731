"""The one suite on both databases."""

from datetime import UTC, datetime

import pytest

from penstock.store import Keyring, Store, new_key

NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture
def now():
    return NOW


@pytest.fixture(scope="session")
def keyring():
    return Keyring([new_key()], "the test's key")


@pytest.fixture
def sqlite_url(tmp_path):
    return f"sqlite:///{tmp_path}/state/penstock.db"


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request):
    """The URL of a database without tables; SQLite's folder is not there."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture(params=["sqlite", "postgres"])
def url(request):
    """The URL of a database that has the tables and nothing else."""
    return request.getfixturevalue(f"{request.param}_tables_url")


@pytest.fixture
def store(url, keyring):
    with Store.open(url, keyring) as store:
        yield store
