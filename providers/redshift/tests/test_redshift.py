"""The Redshift hook against the test server."""

import os
import socket
import time

import pytest

from penstock import Connection
from penstock.author.run.context import Context, current_context
from penstock.errors import ErrorKind, ProviderError
from penstock.model.attempt import TryFacts, TryInputs
from penstock_redshift.hooks import RedshiftHook

TABLE = "CREATE TABLE t (id integer, name varchar(20))"


def test_a_script_runs_in_one_transaction_and_gives_its_last_answer(hook, capsys):
    result = hook.run(f"{TABLE}; INSERT INTO t VALUES (1, 'a;b'); SELECT * FROM t;", handler=lambda c: c.fetchall())

    assert result == [(1, "a;b")]
    assert "statement 2 of 3: INSERT 0 1, 1 rows" in capsys.readouterr().out


def test_a_failed_script_leaves_nothing(hook):
    hook.run(TABLE)
    with pytest.raises(ProviderError) as raised:
        hook.run("INSERT INTO t VALUES (1, 'a'); SELECT * FROM gone")

    assert raised.value.kind is ErrorKind.NOT_FOUND
    assert hook.get_records("SELECT * FROM t") == []


def test_autocommit_runs_each_statement_for_itself(hook):
    hook.run(TABLE)
    with pytest.raises(ProviderError):
        hook.run("INSERT INTO t VALUES (1, 'a'); SELECT * FROM gone", autocommit=True)

    assert hook.get_first("SELECT count(*) FROM t") == (1,)
    hook.run("VACUUM", autocommit=True)


def test_values_are_quoted_by_the_driver(hook):
    hook.run(TABLE)
    hook.run("INSERT INTO t VALUES (%s, %s)", [1, "o'hara; DROP"])

    assert hook.get_first("SELECT name FROM t WHERE id = %(id)s AND name LIKE '%%a%%'", {"id": 1}) == ("o'hara; DROP",)


@pytest.mark.parametrize("repeats", [4, 12])
def test_a_statement_may_be_repeated_often_without_being_prepared(hook, repeats):
    with hook.session() as session:
        assert [session.value("SELECT %s", [n]) for n in range(repeats)] == list(range(repeats))
        session.run("CREATE TEMP TABLE x (a integer)")
        session.run("DROP TABLE x")


def test_settings_are_made_after_login(connect_with):
    hook = connect_with(statement_timeout_s=7, timezone="Europe/Berlin", search_path="pg_catalog, public")

    assert hook.get_first("SHOW statement_timeout") == ("7s",)
    assert hook.get_first("SHOW timezone") == ("Europe/Berlin",)
    assert hook.get_first("SHOW search_path") == ("pg_catalog, public",)


def test_a_statement_that_takes_too_long_is_a_timeout(connect_with):
    with pytest.raises(ProviderError) as raised:
        connect_with(statement_timeout_s=0.2).get_first("SELECT pg_sleep(5)")

    assert raised.value.kind is ErrorKind.TIMEOUT


def test_a_collision_repeats_the_whole_transaction(hook, redshift, capsys):
    hook.run(TABLE)
    redshift.faults.serialization_violations(2)

    hook.run("INSERT INTO t VALUES (1, 'a'); INSERT INTO t VALUES (2, 'b')")

    assert hook.get_first("SELECT count(*) FROM t") == (2,)
    assert "is tried again" in capsys.readouterr().out


def test_collisions_end_after_the_attempts_of_the_connection(connect_with, redshift):
    hook = connect_with(max_attempts=2)
    hook.run(TABLE)
    redshift.faults.serialization_violations(5)

    with pytest.raises(ProviderError, match="1023") as raised:
        hook.run("INSERT INTO t VALUES (1, 'a')")
    assert raised.value.kind is ErrorKind.TRANSIENT


def test_a_refused_connection_is_tried_again(hook, redshift):
    redshift.faults.refuse_connections(2)

    hook.run(TABLE)

    assert hook.get_first("SELECT count(*) FROM t") == (0,)


def lose_connection_in_commit(hook, *, repeatable):
    """Run a transaction whose connection is cut while it commits, once."""
    runs = []

    def work(session):
        runs.append(1)
        session.run("INSERT INTO t VALUES (1, 'a')")
        if len(runs) == 1:
            session.connection.pgconn.finish()
            session.connection.commit = lambda: (_ for _ in ()).throw(_lost())

    def _lost():
        import psycopg  # noqa: PLC0415 - as the hook does

        return psycopg.OperationalError("server closed the connection unexpectedly")

    hook.transaction(work, repeatable=repeatable)
    return len(runs)


def test_a_connection_lost_in_the_commit_is_not_repeated_unless_harmless(hook):
    hook.run(TABLE)

    with pytest.raises(ProviderError, match="Nobody knows whether it was") as raised:
        lose_connection_in_commit(hook, repeatable=False)
    assert not raised.value.retryable
    assert lose_connection_in_commit(hook, repeatable=True) == 2


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        pytest.param({"password": "wrong"}, ErrorKind.AUTH, id="password"),
        pytest.param({"login": "nobody"}, ErrorKind.AUTH, id="user"),
        pytest.param({"schema": "no_such_db"}, ErrorKind.NOT_FOUND, id="database"),
        pytest.param({"port": 1}, ErrorKind.TRANSIENT, id="port"),
        pytest.param({"sslmode": "require"}, ErrorKind.INVALID, id="no tls"),
    ],
)
def test_a_login_that_fails_has_a_kind_and_shows_no_password(redshift, change, kind):
    extra = {"sslmode": change.pop("sslmode", "disable"), "connect_timeout_s": 3, "max_attempts": 1}
    parts = {"host": redshift.host, "port": redshift.port, "login": redshift.user, "schema": redshift.dbname}
    parts |= {"password": redshift.password} | change
    hook = RedshiftHook(connection=Connection("c", "redshift", **parts, extra=extra))

    with pytest.raises(ProviderError) as raised:
        hook.run("SELECT 1")

    assert raised.value.kind is kind
    assert parts["password"] not in str(raised.value)
    report = hook.test_connection()
    assert not report.ok
    assert report.detail


def test_a_host_that_never_answers_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connection = Connection(
            "c", "redshift", host="127.0.0.1", port=silent.getsockname()[1], login="u", password="p", schema="d",
            extra={"sslmode": "disable", "connect_timeout_s": 2, "max_attempts": 1},
        )  # fmt: skip
        started = time.monotonic()
        with pytest.raises(ProviderError) as raised:
            RedshiftHook(connection=connection).run("SELECT 1")

    assert raised.value.kind is ErrorKind.TIMEOUT
    assert time.monotonic() - started < 8


def test_the_connection_test_tells_who_we_are(hook, redshift):
    report = hook.test_connection()

    assert report.ok
    assert report.identity == redshift.user
    assert "Redshift" in report.detail


def test_statements_carry_the_task_they_belong_to(connect_with, redshift):
    facts = TryFacts(dag_id="sales", run_id="r1", task_id="load", try_number=2)
    token = current_context.set(Context(facts, TryInputs(), None))
    try:
        connect_with(sql_tagging="both").get_first("SELECT %s AS tagged_one", [5])
    finally:
        current_context.reset(token)

    (sent,) = [each.sql for each in redshift.statements if "tagged_one" in each.sql]
    assert sent.startswith("/* INTERMIX_ID: ")
    assert "dag='sales',run_id='r1',task='load',try='2'*/" in sent


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the test's own servers have threads
def test_nothing_is_carried_over_a_fork(hook):
    hook.run(TABLE)
    child = os.fork()
    if child == 0:
        hook.run("INSERT INTO t VALUES (1, 'child')")
        os._exit(0)
    os.waitpid(child, 0)
    hook.run("INSERT INTO t VALUES (2, 'parent')")

    assert hook.get_first("SELECT count(*) FROM t") == (2,)


def test_a_statement_is_ended_when_its_task_is_cancelled(hook):
    class CancelledError(Exception):
        pass

    def wait_and_be_cancelled():
        with hook.session() as session:
            session.connection.pgconn.send_query(b"SELECT pg_sleep(60)")
            raise CancelledError

    with pytest.raises(CancelledError):
        wait_and_be_cancelled()

    deadline = time.monotonic() + 5
    busy = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'"
    while hook.get_first(busy) != (0,):
        assert time.monotonic() < deadline


@pytest.mark.parametrize("sql", ["", " ; -- nothing", []])
def test_nothing_to_run_is_refused(hook, sql):
    with pytest.raises(ProviderError, match="no statement"):
        hook.run(sql)
