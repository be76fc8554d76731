"""A warehouse with a table, and a PostgreSQL that reaches it."""

import pytest

from penstock_redshift.operators import (
    RedshiftCacheCreateOperator,
    RedshiftCacheRefreshOperator,
    RedshiftCacheSetupOperator,
)

SALES = (
    "CREATE TABLE sales (id bigint, seller varchar(40), price decimal(8,2), changed_at timestamp, more super);"
    "INSERT INTO sales VALUES (1, 'ann', 1.5, '2026-01-01 10:00', NULL), (2, 'bob', 2, '2026-01-01 11:00', JSON_PARSE('{\"a\":1}'))"
)


@pytest.fixture
def three_connections(hook, postgres_connection, aws_connection):
    """The three connections of a cache."""
    return {each.conn_id: each for each in (hook.connection, postgres_connection, aws_connection)}


@pytest.fixture
def surrounded(three_connections, with_connections):
    """A runtime around the test with these connections."""
    with with_connections(*three_connections.values()):
        yield


@pytest.fixture
def warehouse(hook, redshift):
    """The hook on a warehouse with two sales, and an ordinary user ``reader``."""
    redshift.server.create_user("reader", "reader-Passw0rd")
    hook.run(SALES)
    return hook


@pytest.fixture
def cache(surrounded, hook, postgres):
    """The hook on the database of the cache, which reaches a warehouse with two sales."""
    hook.run(SALES)
    RedshiftCacheSetupOperator(task_id="s").execute({})
    return postgres


@pytest.fixture
def create():
    """A function that makes a relation ``sales`` of the cache."""
    return lambda **kwargs: RedshiftCacheCreateOperator(
        task_id="c", **{"name": "sales", "table": "public.sales", **kwargs}
    ).execute({})


@pytest.fixture
def refresh():
    """A function that refreshes it."""
    return lambda **kwargs: RedshiftCacheRefreshOperator(task_id="r", **{"name": "sales", **kwargs}).execute({})
