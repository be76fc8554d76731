import socket
import threading

import psycopg
import pytest
from psycopg.pq import TransactionStatus

IDLE, INTRANS, INERROR = TransactionStatus.IDLE, TransactionStatus.INTRANS, TransactionStatus.INERROR


def _one(connection, sql, *parameters):
    row = connection.execute(sql, *parameters).fetchone()
    return row[0] if row and len(row) == 1 else row


def test_the_server_introduces_itself_as_redshift_does(redshift):
    with redshift.connect() as connection:
        assert connection.info.server_version == 80002
        assert connection.info.parameter_status("client_encoding") == "UTF8"
        for later in ("standard_conforming_strings", "in_hot_standby", "search_path", "application_name"):
            assert connection.info.parameter_status(later) is None
        assert _one(connection, "SHOW server_version") == "8.0.2"
        assert _one(connection, "SELECT pg_backend_pid()") == connection.info.backend_pid


def test_a_client_that_sets_no_encoding_is_told_unicode(redshift):
    with redshift.connect(client_encoding="") as connection:
        assert connection.info.parameter_status("client_encoding") == "UNICODE"
        assert _one(connection, "SELECT 'añ'") == "añ"


@pytest.mark.parametrize("changed", [{"password": "wrong"}, {"user": "nobody_known"}], ids=["password", "user"])
def test_wrong_credentials_are_refused_with_28p01(redshift, changed: dict):
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        redshift.connect(**changed)


def test_a_user_of_temporary_credentials_logs_in_until_they_expire(redshift):
    redshift.server.create_user("IAM:clerk", "short-lived", valid_until="2100-01-01")
    with redshift.connect(user="IAM:clerk", password="short-lived") as connection:
        assert _one(connection, "SELECT current_user") == "IAM:clerk"
    redshift.server.create_user("IAM:clerk", "short-lived", valid_until="2020-01-01")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        redshift.connect(user="IAM:clerk", password="short-lived")


def test_tls_is_refused_politely(redshift):
    with pytest.raises(psycopg.OperationalError, match="does not support SSL"):
        redshift.connect(sslmode="require")


def test_a_database_that_is_not_there_is_named(redshift):
    with pytest.raises(psycopg.OperationalError, match='database "nowhere" does not exist'):
        redshift.connect(dbname="nowhere")


@pytest.mark.parametrize("cursor", [psycopg.ClientCursor, psycopg.Cursor], ids=["simple", "extended"])
def test_parameters_bind_in_both_protocols(redshift, cursor):
    with redshift.connect(cursor_factory=cursor, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (a int, v varchar(10))")
        connection.execute("INSERT INTO t VALUES (%s, %s)", [1, "it's"])
        assert _one(connection, "SELECT nvl(v, 'x') FROM t WHERE a = %s", [1]) == "it's"
        assert _one(connection, "SELECT dateadd(day, 1, %s::timestamp)::text", ["2026-01-01"]) == "2026-01-02 00:00:00"


@pytest.mark.parametrize("cursor", [psycopg.ClientCursor, psycopg.Cursor], ids=["simple", "extended"])
def test_a_refusal_fails_the_transaction_for_real(redshift, cursor):
    with redshift.connect(cursor_factory=cursor) as connection:
        connection.execute("CREATE TABLE t (a int)")
        with pytest.raises(psycopg.errors.SyntaxError, match='syntax error at or near "RETURNING"'):
            connection.execute("INSERT INTO t VALUES (%s) RETURNING a", [1])
        assert connection.info.transaction_status == INERROR
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            connection.execute("SAVEPOINT s")
        connection.rollback()
        assert connection.info.transaction_status == IDLE
        assert _one(connection, "SELECT count(*) FROM pg_class WHERE relname = 't'") == 0


@pytest.mark.parametrize("cursor", [psycopg.ClientCursor, psycopg.Cursor], ids=["simple", "extended"])
def test_a_refusal_outside_a_transaction_leaves_the_session_idle(redshift, cursor):
    with redshift.connect(cursor_factory=cursor, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.FeatureNotSupported, match='"CREATE INDEX" not supported'):
            connection.execute("CREATE INDEX i ON t (a)")
        assert connection.info.transaction_status == IDLE
        assert _one(connection, "SELECT %s::int", [5]) == 5


def test_an_error_of_the_database_keeps_its_code_and_status(redshift):
    with redshift.connect() as connection:
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT * FROM missing")
        assert connection.info.transaction_status == INERROR


def test_truncate_commits_the_open_transaction(redshift):
    with redshift.connect() as connection:
        connection.execute("CREATE TABLE t (a int)")
        connection.execute("INSERT INTO t VALUES (1)")
        connection.execute("TRUNCATE t")
        assert connection.info.transaction_status == IDLE
        connection.rollback()
        assert _one(connection, "SELECT count(*) FROM t") == 0


def test_truncate_commits_in_the_extended_protocol_too(redshift):
    with redshift.connect(cursor_factory=psycopg.Cursor) as connection:
        connection.execute("CREATE TABLE t (a int)")
        connection.execute("TRUNCATE t", prepare=True)
        assert connection.info.transaction_status == IDLE
        connection.rollback()
        assert _one(connection, "SELECT count(*) FROM t") == 0


def test_statements_of_one_text_are_one_transaction(redshift):
    with redshift.connect(autocommit=True) as connection:
        redshift.s3.create_bucket("text")
        redshift.s3.put("s3://text/1", "1\n")
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute(
                "CREATE TABLE t (a int); COPY t FROM 's3://text/1' IAM_ROLE default CSV; SELECT * FROM missing"
            )
        assert connection.info.transaction_status == IDLE
        assert _one(connection, "SELECT count(*) FROM pg_class WHERE relname = 't'") == 0
        connection.execute("CREATE TABLE t (a int); COPY t FROM 's3://text/1' IAM_ROLE default CSV; SELECT 1")
        assert _one(connection, "SELECT count(*) FROM t") == 1


def test_a_text_may_begin_and_commit_around_a_copy(redshift):
    redshift.s3.create_bucket("text")
    redshift.s3.put("s3://text/1", "1\n")
    with redshift.connect(autocommit=True) as connection:
        connection.execute("CREATE TABLE t (a int)")
        connection.execute("BEGIN; DELETE FROM t; COPY t FROM 's3://text/1' IAM_ROLE default CSV; COMMIT")
        assert (connection.info.transaction_status, _one(connection, "SELECT count(*) FROM t")) == (IDLE, 1)
        connection.execute("BEGIN; COPY t FROM 's3://text/1' IAM_ROLE default CSV")
        assert connection.info.transaction_status == INTRANS
        connection.execute("ROLLBACK")
        assert _one(connection, "SELECT count(*) FROM t") == 1


def test_column_types_change_outside_transactions_alone(redshift):
    with redshift.connect() as connection:
        connection.execute("CREATE TABLE t (v varchar(2))")
        with pytest.raises(psycopg.errors.ActiveSqlTransaction, match="ALTER TABLE ALTER COLUMN"):
            connection.execute("ALTER TABLE t ALTER COLUMN v TYPE varchar(9)")
        connection.rollback()
        connection.execute("SELECT 1")
        with pytest.raises(psycopg.errors.ActiveSqlTransaction, match="VACUUM"):
            connection.execute("VACUUM FULL")


def test_a_named_cursor_reads_in_batches(redshift):
    with redshift.connect() as connection, connection.cursor("big") as cursor:
        cursor.itersize = 10
        cursor.execute("SELECT nvl(n, 0) FROM generate_series(1, 25) AS s (n)")
        assert [row[0] for row in cursor] == list(range(1, 26))


def test_settings_of_redshift_are_kept_shown_and_reset(redshift):
    with redshift.connect(autocommit=True, options="-c query_group=etl -c statement_timeout=5000") as connection:
        assert (_one(connection, "SHOW query_group"), _one(connection, "SHOW statement_timeout")) == ("etl", "5s")
        connection.execute("SET query_group TO 'other'; SET wlm_query_slot_count TO 3; SET timezone TO 'UTC'")
        assert _one(connection, "SELECT current_setting('query_group')") == "other"
        connection.execute("RESET query_group; SET enable_result_cache_for_session TO off")
        assert _one(connection, "SHOW wlm_query_slot_count") == "3"
        assert _one(connection, "SHOW enable_result_cache_for_session") == "off"


def test_a_statement_runs_into_its_timeout(redshift):
    with redshift.connect(autocommit=True) as connection:
        connection.execute("SET statement_timeout TO 50")
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT f_sleep(10)")


def test_a_statement_is_cancelled_through_the_proxy(redshift):
    with redshift.connect(autocommit=True) as connection, redshift.connect(autocommit=True) as other:
        watch = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT f_sleep(30%%'"

        def cancel():
            while _one(other, watch) == 0:
                pass
            connection.cancel_safe()

        canceller = threading.Thread(target=cancel)
        canceller.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT f_sleep(30)")
        canceller.join()


def test_pipelined_statements_answer_in_order(redshift):
    with redshift.connect(cursor_factory=psycopg.Cursor, autocommit=True) as connection:
        with connection.pipeline():
            cursors = [connection.execute("SELECT nvl(%s::int, 0)", [n]) for n in range(20)]
        assert [cursor.fetchone()[0] for cursor in cursors] == list(range(20))


def test_a_refusal_in_a_pipeline_aborts_what_follows_and_no_more(redshift):
    def pipelined(connection):
        with connection.pipeline():
            connection.execute("CREATE INDEX i ON t (a)")
            connection.execute("SELECT 1")

    with redshift.connect(cursor_factory=psycopg.Cursor, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            pipelined(connection)
        assert _one(connection, "SELECT 2") == 2


def test_prepared_statements_reuse_and_deallocate_all_is_unknown(redshift):
    with redshift.connect(cursor_factory=psycopg.Cursor, autocommit=True) as connection:
        for n in range(7):
            assert _one(connection, "SELECT %s + 1", [n]) == n + 1
            connection.execute("SELECT %s + 1", [n], prepare=True)
        with pytest.raises(psycopg.errors.SyntaxError, match="ALL"):
            connection.execute("DEALLOCATE ALL")


def test_statements_are_recorded_as_received(redshift):
    with redshift.connect(autocommit=True) as connection:
        connection.execute("/* INTERMIX_ID: e30= */ SELECT 1")
        pid = connection.info.backend_pid
    assert [(s.session_id, s.user, s.sql) for s in redshift.statements] == [
        (pid, "awsuser", "/* INTERMIX_ID: e30= */ SELECT 1")
    ]


def test_system_views_show_tables_and_columns(redshift):
    with redshift.connect(autocommit=True) as connection:
        connection.execute("CREATE TABLE t (a int NOT NULL, s super)")
        info = 'SELECT "table", tbl_rows FROM svv_table_info'
        assert connection.execute(info).fetchall() == []
        connection.execute("INSERT INTO t VALUES (1, json_parse('[1]'))")
        assert connection.execute(info).fetchall() == [("t", 1)]
        columns = "SELECT column_name, data_type FROM svv_columns WHERE table_name = 't' ORDER BY ordinal_position"
        assert connection.execute(columns).fetchall() == [("a", "integer"), ("s", "super")]
        described = 'SELECT "column", type, "notnull" FROM pg_table_def WHERE tablename = \'t\''
        assert connection.execute(described).fetchall() == [("a", "integer", True), ("s", "super", False)]


def test_a_serialization_violation_comes_as_often_as_asked(redshift):
    redshift.faults.serialization_violations(2)
    with redshift.connect() as connection:
        connection.execute("CREATE TABLE t (a int)")
        connection.commit()
        for _ in range(2):
            with pytest.raises(psycopg.errors.InternalError_, match="1023") as raised:
                connection.execute("INSERT INTO t VALUES (1)")
            assert "Serializable isolation violation" in raised.value.diag.message_detail
            assert connection.info.transaction_status == INERROR
            connection.rollback()
        connection.execute("INSERT INTO t VALUES (1)")


def test_faults_are_set_through_sql(redshift):
    with redshift.connect(autocommit=True) as connection:
        connection.execute("SET penstock_testkit.fault TO 'serialization=1'")
        with pytest.raises(psycopg.errors.InternalError_, match="1023"):
            connection.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="unknown fault 'nonsense=1': use fail_copy"):
            connection.execute("SET penstock_testkit.fault TO 'nonsense=1'")


def test_a_connection_is_refused_as_often_as_asked(redshift):
    redshift.faults.refuse_connections()
    with pytest.raises(psycopg.OperationalError):
        redshift.connect()
    redshift.connect().close()


def test_latency_holds_every_statement_back(redshift):
    with redshift.connect(autocommit=True) as connection:
        before = _one(connection, "SELECT now()")
        redshift.faults.latency(0.2)
        assert (_one(connection, "SELECT now()") - before).total_seconds() >= 0.2


def test_bytes_that_are_no_protocol_end_the_connection_alone(redshift):
    with socket.create_connection((redshift.host, redshift.port)) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert raw.recv(100) == b""
    redshift.connect().close()
