"""A refresh that is killed at any of its steps leaves the old content, whole and readable, and the next one is exact."""

import os
import signal
from decimal import Decimal

import pytest

from penstock_redshift.hooks.progress import Progress
from penstock_redshift.hooks.session import Session
from penstock_redshift.operators import RedshiftCacheRefreshOperator
from penstock_testkit.nightly import thinned
from penstock_testkit.processes import wait_until

OLD = [(1, Decimal("1.50")), (2, Decimal("2.00"))]
NEW = [(1, Decimal("9.00")), (3, Decimal("3.00"))]
CHANGE = (
    "UPDATE sales SET price = 9, changed_at = '2026-01-02' WHERE id = 1; DELETE FROM sales WHERE id = 2;"
    "INSERT INTO sales VALUES (3, 'cy', 3, '2026-01-01 12:00', NULL)"
)
ROWS = "SELECT id, price FROM sales ORDER BY id"


def refresh_in_a_process_that_is_killed(arguments, step):
    """Refresh in a fork that ends itself before its statement of this number, COMMIT among them; returns whether it came to that."""
    child = os.fork()
    if child == 0:
        try:
            count = iter(range(1000))

            def dying(method):
                def call(self, *args):
                    if next(count) == step:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return method(self, *args)

                return call

            Session.run, Progress.commit = dying(Session.run), dying(Progress.commit)
            RedshiftCacheRefreshOperator(task_id="r", name="sales", **arguments).execute({})
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.parametrize(
    ("made", "arguments"),
    thinned(
        [
            pytest.param({"keys": ["id"]}, {"mode": "concurrent"}, id="view"),
            pytest.param({"kind": "table", "keys": ["id"]}, {}, id="table"),
            pytest.param({"kind": "table", "keys": ["id"]}, {"s3_url": "s3://{}/c"}, id="files"),
        ],
        3,
    ),
)
def test_killed_before_each_statement(cache, hook, create, refresh, bucket, made, arguments):
    arguments = {name: value.format(bucket) for name, value in arguments.items()}
    create(**made)
    refresh(**arguments)  # imports what the forks need, once
    hook.run(CHANGE)
    step = first = 5  # before that, nothing is written
    while refresh_in_a_process_that_is_killed(arguments, step):
        assert cache.get_records(ROWS) == OLD, f"killed before statement {step}"
        step += 1
    assert step - first >= 4
    assert cache.get_records(ROWS) == NEW
    assert refresh(**arguments)["rows"] == 2
    assert cache.get_records(ROWS) == NEW
    assert cache.get_records("SELECT refreshes, row_count FROM penstock_cache.relations") == [(4, 2)]


def test_killed_while_the_warehouse_answers(cache, hook, create, refresh):
    create(keys=["id"])
    hook.run(CHANGE)
    asking = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'REFRESH%%' AND state = 'active' AND datname = current_database()"
    with hook.session(autocommit=False) as warehouse:
        warehouse.run("LOCK TABLE sales")
        child = os.fork()
        if child == 0:
            try:
                RedshiftCacheRefreshOperator(task_id="r", name="sales").execute({})
            finally:
                os._exit(0)
        wait_until(lambda: cache.get_records(asking, []), seconds=60, otherwise=lambda: "it does not ask")
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert cache.get_records(ROWS) == OLD
        # PostgreSQL notices by itself that nobody waits any more, and lets the relation go
        wait_until(lambda: not cache.get_records(asking, []), seconds=60, otherwise=lambda: "it goes on for nobody")
    assert refresh()["refreshed"]
    assert cache.get_records(ROWS) == NEW
