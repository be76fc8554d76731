"""Databases that have Penstock's tables: copies of one, as making the tables takes longer than most tests of what is in them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.store import upgrade
from penstock_testkit.postgres import PostgresServer


@pytest.fixture(scope="session")
def postgres_with_tables(postgres_server: PostgresServer) -> str:
    """The name of the PostgreSQL database that is copied; nobody connects to it."""
    url = postgres_server.create_database("with_tables")
    upgrade(url)
    return url.rpartition("/")[2]


@pytest.fixture
def postgres_tables_url(postgres_server: PostgresServer, postgres_with_tables: str) -> Iterator[str]:
    """The URL of a new PostgreSQL database that has the tables and nothing else."""
    url = postgres_server.create_database(template=postgres_with_tables)
    yield url
    postgres_server.drop_database(url.rpartition("/")[2])


@pytest.fixture(scope="session")
def sqlite_with_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SQLite file that is copied; nobody opens it."""
    file = tmp_path_factory.mktemp("with-tables") / "penstock.db"
    upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture
def sqlite_tables_url(sqlite_with_tables: Path, tmp_path: Path) -> str:
    """The URL of a new SQLite file that has the tables and nothing else."""
    return f"sqlite:///{shutil.copy(sqlite_with_tables, tmp_path / 'penstock.db')}"
