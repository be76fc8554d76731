"""The hook of PostgreSQL."""

import psycopg
import pytest

from penstock.errors import ErrorKind, ProviderError
from penstock_testkit.processes import wait_until


def test_a_transaction_is_whole_or_nothing_and_one_that_collided_is_tried_again(postgres):
    postgres.run("CREATE TABLE t (id int PRIMARY KEY, n int)")
    tries = []

    def work(session):
        tries.append(session.run("INSERT INTO t VALUES (1, 1)").rowcount)
        if len(tries) == 1:
            raise psycopg.errors.SerializationFailure("as another transaction would cause it")
        return session.value("SELECT count(*) FROM t")

    assert postgres.transaction(work) == 1
    with pytest.raises(ProviderError) as raised:
        postgres.run(["INSERT INTO t VALUES (2, 2)", "INSERT INTO t VALUES (1, 1)"])
    assert (raised.value.kind, raised.value.service) == (ErrorKind.INVALID, "postgres")
    assert postgres.get_records("SELECT id FROM t") == [(1,)]
    assert postgres.get_first("SELECT %s::text", [r"a\b'c"]) == (r"a\b'c",)


def test_a_statement_is_ended_when_its_task_is_cancelled(postgres):
    class CancelledError(BaseException):
        pass

    def work(session):
        begun.append(session.connection.info.backend_pid)
        session.connection.pgconn.send_query(b"SELECT pg_sleep(600)")
        raise CancelledError

    begun = []
    with pytest.raises(CancelledError):
        postgres.transaction(work)
    running = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'active'"
    wait_until(
        lambda: not postgres.get_records(running, begun), seconds=60, otherwise=lambda: "the server goes on with it"
    )
