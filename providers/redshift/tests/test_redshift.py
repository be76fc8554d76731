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
    """Airflow's hook took one statement at a time, and its loads broke: apache/airflow#19358."""
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
    """The fifth repetition was prepared, and Redshift refused its clean-up: PostHog/posthog#18677."""
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
        connect_with(statement_timeout_s=0.2).get_first("SELECT f_sleep(5)")

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


def test_what_fails_behind_a_first_attempt_tells_the_first_cause_too(hook, redshift):
    hook.run(TABLE)
    runs = []

    def work(session):
        runs.append(1)
        redshift.faults.serialization_violations(len(runs) % 2)
        session.run(INSERT)
        session.run("SELECT * FROM gone")

    with pytest.raises(ProviderError, match=r"gone.* does not exist; the first attempt had failed: 1023") as raised:
        hook.transaction(work)
    assert raised.value.kind is ErrorKind.NOT_FOUND


def test_a_refused_connection_is_tried_again(hook, redshift):
    redshift.faults.refuse_connections(2)

    hook.run(TABLE)

    assert hook.get_first("SELECT count(*) FROM t") == (0,)


INSERT = "INSERT INTO t VALUES (1, 'a')"


def transact_once_cut(hook, *statements, repeatable=False, in_commit=False):
    """Run a transaction whose connection is cut before its last statement, or its COMMIT, the first time; its runs."""
    runs = []

    def work(session):
        runs.append(1)
        for number, statement in enumerate(statements, start=1):
            if len(runs) == 1 and number == len(statements) and not in_commit:
                session.connection.pgconn.finish()
            session.run(statement)
        if len(runs) == 1 and in_commit:
            session.connection.pgconn.finish()

    hook.transaction(work, repeatable=repeatable)
    return len(runs)


def count(hook):
    return hook.get_first("SELECT count(*) FROM t")[0]


def test_a_connection_lost_in_the_commit_is_not_repeated_unless_harmless(hook):
    hook.run(TABLE)

    with pytest.raises(ProviderError, match="nobody knows whether the COMMIT was") as raised:
        transact_once_cut(hook, INSERT, in_commit=True)
    assert not raised.value.retryable
    assert transact_once_cut(hook, INSERT, in_commit=True, repeatable=True) == 2
    assert transact_once_cut(hook, INSERT, INSERT) == 2, "before the COMMIT nothing is committed"
    assert count(hook) == 3


@pytest.mark.parametrize("ending", ["TRUNCATE other", "COMMIT", "end", "/* x */ TRUNCATE other; SELECT 1"])
def test_what_was_committed_on_the_way_is_not_done_again(hook, redshift, ending):
    hook.run(f"{TABLE}; CREATE TABLE other (a integer)")
    script = [INSERT, ending, "DELETE FROM other"]

    def collide_in_the_third(session):
        for number, statement in enumerate(script):
            redshift.faults.serialization_violations(1 if number == 2 else 0)
            session.run(statement)

    with pytest.raises(ProviderError, match=r"Nothing is repeated, because .*statement 2. had committed") as raised:
        hook.transaction(collide_in_the_third)
    assert (raised.value.kind, raised.value.retryable, count(hook)) == (ErrorKind.CONFLICT, False, 1)
    with pytest.raises(ProviderError, match="nobody knows whether TRUNCATE"):
        transact_once_cut(hook, INSERT, "TRUNCATE other")
    with pytest.raises(ProviderError, match=r"gone.*had committed"):
        hook.run([INSERT, ending, "SELECT * FROM gone"])
    assert count(hook) == 2


def test_a_script_that_was_rolled_back_is_done_again(hook, redshift):
    hook.run(TABLE)
    runs = []

    def collide_once(session):
        runs.append(1)
        session.run(INSERT)
        session.run("ROLLBACK")
        redshift.faults.serialization_violations(len(runs) % 2)
        session.run(INSERT)

    hook.transaction(collide_once)
    assert (len(runs), count(hook)) == (2, 1)


def test_statements_for_themselves_are_not_done_again_behind_a_committed_one(hook, redshift):
    hook.run(TABLE)
    failing = [INSERT, "SELECT 1", "SELECT * FROM gone"]

    with pytest.raises(ProviderError, match=r"INSERT \(statement 1\) had committed") as raised:
        hook.run(failing, autocommit=True)
    assert (raised.value.kind, raised.value.retryable) == (ErrorKind.NOT_FOUND, False)
    with pytest.raises(ProviderError, match=r"SELECT \(statement 1\) had committed"):
        hook.run(["SELECT * INTO made FROM t", "SELECT * FROM gone"], autocommit=True)
    with pytest.raises(ProviderError) as raised:
        hook.run(failing, autocommit=True, repeatable=True)
    assert "committed" not in str(raised.value)
    redshift.faults.serialization_violations(1)
    with pytest.raises(ProviderError) as raised:
        hook.run(INSERT, autocommit=True)
    assert raised.value.retryable, "nothing was committed"


WAYS_OUT = [
    ("VACUUM", "Run it with autocommit=True"),
    ("ALTER TABLE t ALTER COLUMN name TYPE varchar(30)", "Run it with autocommit=True"),
    ("CALL clean()", "Run it with autocommit=True"),
    ("SELECT '0044-03-15 BC'::date", "cast to varchar"),
    ("SELECT '12000-01-01'::timestamp", "cast to varchar"),
]


def test_an_error_that_has_a_way_out_names_it(hook):
    hook.run(f"{TABLE}; CREATE PROCEDURE clean() AS $a1$ BEGIN TRUNCATE t; END $a1$ LANGUAGE plpgsql")
    for sql, says in WAYS_OUT:
        with pytest.raises(ProviderError, match=says) as raised:
            hook.run(["SELECT 1", sql], handler=lambda cursor: cursor.fetchall())
        assert raised.value.kind is ErrorKind.INVALID, sql


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
    assert time.monotonic() - started < 30


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
    """The query of a task that was killed ran on: apache/airflow#27314."""

    class CancelledError(Exception):
        pass

    busy = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT f_sleep(60)' AND state = 'active'"

    def wait_and_be_cancelled():
        with hook.session() as session:
            session.connection.pgconn.send_query(b"SELECT f_sleep(60)")
            while hook.get_first(busy) == (0,):  # until the server runs it
                session.connection.pgconn.flush()
            raise CancelledError

    with pytest.raises(CancelledError):
        wait_and_be_cancelled()

    while hook.get_first(busy) != (0,):
        pass


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("", "no statement"), (" ; -- nothing", "no statement"), ([], "no statement"),
        (None, "no text and no list of texts"), ([1], "no text and no list of texts"),
    ],
)  # fmt: skip
def test_nothing_to_run_is_refused(hook, sql, says):
    with pytest.raises(ProviderError, match=says) as raised:
        hook.run(sql)
    assert raised.value.kind is ErrorKind.INVALID


def test_a_statement_that_the_driver_would_cut_is_never_sent(hook, redshift):
    hook.run(f"{TABLE}; {INSERT}")
    before = len(redshift.statements)
    for sql in ("DELETE FROM t\0 WHERE id = 7", "DELETE FROM t WHERE name = '\ud800'"):
        for run in (
            hook.run,
            lambda sql: hook.run(sql, autocommit=True),
            lambda sql: hook.run(sql, [1]),
            hook.get_first,
        ):
            with pytest.raises(ProviderError, match="the statement has") as raised:
                run(sql)
            assert raised.value.kind is ErrorKind.INVALID
    assert not any("DELETE" in each.sql for each in redshift.statements[before:])
    assert hook.get_first("SELECT count(*) FROM t") == (1,)
