"""The Data API as the transport of the hook: boto3 against a fake that runs the statements on the test server."""

import json
import os
import signal
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from psycopg import sql

from penstock import DAG, Connection
from penstock.author.run.context import Context, current_context
from penstock.errors import ErrorKind, ProviderError
from penstock.model.attempt import TryFacts, TryInputs
from penstock.testing import run_dag
from penstock_redshift.hooks import RedshiftHook
from penstock_redshift.hooks.data.placeholders import with_literals
from penstock_redshift.operators import RedshiftColumnCheckOperator, RedshiftSQLOperator
from penstock_redshift.sensors import RedshiftSQLSensor
from penstock_testkit.processes import wait_until
from penstock_testkit.redshift_data import RedshiftDataApi

TARGET = {"transport": "data_api", "workgroup_name": "warehouse", "region_name": "us-east-1"}


def connection(**extra):
    return Connection("redshift_default", "redshift", schema="dev", extra={**TARGET, **extra})


@pytest.fixture
def api(saas, redshift, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-aws")
    served = saas.serve(RedshiftDataApi(redshift))
    yield served
    served.close()


@pytest.fixture
def by_api(api):
    """A function that makes a hook which goes by the Data API."""
    return lambda **extra: RedshiftHook(connection=connection(**extra))


VALUES = [
    ("int", 7), ("bool", True), ("none", None), ("dec", Decimal("1.50")), ("day", date(2026, 1, 2)), ("text", "it's \\ 100%"),
    ("at", datetime.fromisoformat("2026-01-02T03:04:05.6")), ("atz", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)), ("float", 0.5),
]  # fmt: skip


def test_values_come_back_as_over_a_connection(by_api, hook):
    statement = f"SELECT {', '.join(f'%s AS {name}_' for name, _ in VALUES)}, 'a%%b' AS sign"
    values = [value for _, value in VALUES]

    found = by_api().query(statement, values)

    assert found == hook.query(statement, values)
    assert list(found.rows) == [(*values, "a%b")]


def test_pages_are_read_to_the_end(by_api):
    numbers = "SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 ORDER BY n"
    assert by_api().get_records(numbers) == [(n,) for n in range(1, 6)]
    assert by_api().get_first(f"SELECT * FROM ({numbers}) t WHERE n > %(least)s", {"least": 9}) is None


def test_a_script_is_one_transaction_and_gives_its_last_answer(by_api, hook, capsys):
    script = "CREATE TABLE t (id integer); INSERT INTO t VALUES (1), (2); SELECT count(*) FROM t"
    assert by_api().run(script, handler=lambda cursor: cursor.fetchone()) == (2,)
    assert "statement 2 of 3: INSERT, 2 rows" in capsys.readouterr().out

    with pytest.raises(ProviderError, match='relation "gone" does not exist') as raised:
        by_api().run("INSERT INTO t VALUES (3); SELECT * FROM gone")
    assert raised.value.kind is ErrorKind.NOT_FOUND
    assert hook.get_first("SELECT count(*) FROM t") == (2,)


def test_settings_come_before_the_statements(by_api):
    made = by_api(timezone="Europe/Berlin", query_group="it's", search_path="pg_catalog, public", statement_timeout_s=7)
    assert made.get_first("SHOW timezone") == ("Europe/Berlin",)
    assert made.get_first("SHOW query_group") == ("it's",)
    assert made.get_first("SHOW search_path") == ("pg_catalog, public",)
    assert made.get_first("SHOW statement_timeout") == ("7s",)


def test_statements_for_themselves_share_a_session(by_api, api, hook):
    by_api(query_group="g").run(
        ["CREATE TEMP TABLE x AS SELECT 1 AS a", "CREATE TABLE t AS SELECT a, current_setting('query_group') AS g FROM x", "VACUUM"],
        autocommit=True,
    )  # fmt: skip
    assert hook.get_records("SELECT a, g FROM t") == [(1, "g")]
    with by_api().session() as session:
        session.run(sql.SQL("CREATE TEMP TABLE {} (a integer)").format(sql.Identifier('odd"name')))
        assert session.value(sql.SQL("SELECT {}").format("it's \\")) == "it's \\"
        assert session.rows('SELECT * FROM "odd""name"') == []
    assert "BatchExecuteStatement" not in api.operations[-8:]


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("SELEC 1", ErrorKind.INVALID),
        ("SELECT * FROM gone", ErrorKind.NOT_FOUND),
        ("SELECT * FROM gone.t", ErrorKind.NOT_FOUND),
        ("SELECT 1/0", ErrorKind.INVALID),
        ("SELECT f_sleep(9)", ErrorKind.TIMEOUT),
    ],
)
def test_errors_have_the_kinds_that_they_have_over_a_connection(by_api, connect_with, statement, kind):
    for made in (by_api(statement_timeout_s=0.3), connect_with(statement_timeout_s=0.3)):
        with pytest.raises(ProviderError) as raised:
            made.get_records(statement)
        assert raised.value.kind is kind


def test_a_collision_repeats_the_transaction(by_api, hook, redshift, capsys):
    hook.run("CREATE TABLE t (id integer)")
    redshift.faults.serialization_violations(1)
    by_api().run("INSERT INTO t VALUES (1)")
    assert hook.get_first("SELECT count(*) FROM t") == (1,)
    assert "is tried again" in capsys.readouterr().out


def test_what_truncate_committed_is_not_done_again(by_api, hook):
    hook.run("CREATE TABLE t (id integer); CREATE TABLE u (id integer)")
    with pytest.raises(ProviderError, match=r"TRUNCATE .statement 2. had committed"):
        by_api().run("INSERT INTO t VALUES (1); TRUNCATE u; SELECT * FROM gone")
    assert hook.get_first("SELECT count(*) FROM t") == (1,)


@pytest.mark.parametrize(
    ("use", "says"),
    [
        (lambda hook: hook.transaction(lambda session: session.run("SELECT 1")), "needs a connection"),
        (lambda hook: hook.session(autocommit=False).__enter__(), "needs a connection"),
        (lambda hook: hook.session().__enter__().connection, "no notices, server-side cursors"),
        (lambda hook: hook.run(["SELECT 1"] * 41), "40 statements at most"),
        (lambda hook: hook.get_records("CREATE TABLE t (id integer)"), "no rows to fetch"),
        (lambda hook: hook.get_records("SELECT '\0'"), "NUL"),
    ],
)
def test_what_the_transport_cannot_do_is_refused_with_a_sentence(by_api, use, says):
    with pytest.raises(ProviderError, match=says) as raised:
        use(by_api())
    assert raised.value.kind is ErrorKind.INVALID


def test_a_lost_answer_and_a_service_that_is_busy_run_it_once(by_api, api, hook):
    hook.run("CREATE TABLE t (id integer)")
    api.faults.too_many_requests(times=1)
    api.faults.reset_after(when="POST /")
    by_api().run("INSERT INTO t VALUES (1)")
    assert hook.get_first("SELECT count(*) FROM t") == (1,)


def tasks_run(*tasks, **kwargs):
    with DAG("d") as dag:
        for make in tasks:
            make()
    return run_dag(dag, connections={"redshift_default": connection(sql_tagging="intermix")}, **kwargs)


@pytest.mark.usefixtures("api")
def test_operators_checks_and_sensors_go_by_it(hook, redshift):
    hook.run("CREATE TABLE t (id integer)")
    result = tasks_run(
        lambda: (
            RedshiftSQLOperator(task_id="fill", sql="INSERT INTO t VALUES (%s)", parameters=[5])
            >> RedshiftSQLSensor(task_id="wait", sql="SELECT count(*) FROM t")
            >> RedshiftColumnCheckOperator(task_id="check", table="t", column_mapping={"id": {"min": {"geq_to": 5}}})
        )
    )
    assert result.check().value("check") == {"id": {"min": 5}}
    assert any("INTERMIX_ID" in each.sql and "INSERT INTO t VALUES (5)" in each.sql for each in redshift.statements)


class KeptInAFile:
    """A runtime that keeps checkpoints as Penstock does: beyond the process."""

    def __init__(self, path):
        self._path = path

    def checkpoint(self, key):
        """What was kept."""
        return json.loads(self._path.read_text() or "{}").get(key) if self._path.exists() else None

    def set_checkpoint(self, key, value):
        """Keep it."""
        self._path.write_text(json.dumps({key: value} if value is not None else {}))


@pytest.fixture
def in_a_task(tmp_path):
    """The context of a task whose checkpoints are in this file."""
    path = tmp_path / "checkpoints.json"
    facts = TryFacts(dag_id="sales", run_id="r1", task_id="load", try_number=1)
    token = current_context.set(Context(facts, TryInputs(), KeptInAFile(path)))
    yield path
    current_context.reset(token)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the test's own servers have threads
@pytest.mark.parametrize("autocommit", [False, True])
def test_a_killed_try_leaves_a_statement_with_which_the_next_one_goes_on(by_api, api, hook, in_a_task, autocommit):
    hook.run("CREATE TABLE t (id integer)")
    api.is_held = True
    child = os.fork()
    if child == 0:
        try:
            by_api().run("INSERT INTO t VALUES (1)", autocommit=autocommit)
        finally:
            os._exit(1)
    wait_until(lambda: "DescribeStatement" in api.operations, seconds=60, otherwise=lambda: str(api.operations))
    os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    api.release()

    by_api().run("INSERT INTO t VALUES (1)", autocommit=autocommit)

    assert (hook.get_first("SELECT count(*) FROM t"), len(api.statements)) == ((1,), 1)
    assert json.loads(in_a_task.read_text()) == {}
    by_api().run("INSERT INTO t VALUES (1)", autocommit=autocommit)  # another one, as nothing is in flight
    assert hook.get_first("SELECT count(*) FROM t") == (2,)


def test_a_statement_that_the_service_has_forgotten_is_told_once(by_api, api, hook, in_a_task):
    hook.run("CREATE TABLE t (id integer)")
    api.is_held = True
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("time.sleep", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            by_api().run("INSERT INTO t VALUES (1)")
    assert [each["Status"] for each in api.statements.values()] == ["ABORTED"]
    api.statements.clear()
    api.is_held = False
    with pytest.raises(ProviderError, match="knows no more of the statement") as raised:
        by_api().run("INSERT INTO t VALUES (1)")
    assert not raised.value.retryable
    by_api().run("INSERT INTO t VALUES (1)")
    assert hook.get_first("SELECT count(*) FROM t") == (1,)
    assert json.loads(in_a_task.read_text()) == {}


def _interrupt(seconds):
    raise KeyboardInterrupt


def test_an_outage_without_a_task_is_told_as_in_doubt(by_api, api, hook):
    hook.run("CREATE TABLE t (id integer)")
    api.faults.server_error(times=None)
    with pytest.raises(ProviderError, match="nobody knows whether INSERT was committed"):
        by_api(max_attempts=1).run("INSERT INTO t VALUES (1)")
    api.faults.clear()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"iam": True}, "takes no iam"),
        ({"cluster_identifier": "c"}, "one of the two"),
        ({"transport": "wire", "workgroup_name": "", "secret_arn": "arn"}, "secret_arn belongs to"),
    ],
)
def test_a_connection_that_cannot_be_is_refused(change, says):
    report = RedshiftHook(connection=connection(**change)).test_connection()
    assert (report.ok, says in report.detail) == (False, True)


def test_the_connection_test_says_who_we_are(by_api, redshift):
    report = by_api().test_connection()
    assert (report.ok, report.identity, report.endpoint) == (True, redshift.user, "the Data API, warehouse/dev")


@pytest.mark.parametrize(
    ("statement", "parameters", "says"),
    [
        ("SELECT %s", [], "no parameter"),
        ("SELECT 1", [1], "0 placeholders but 1"),
        ("SELECT %(a)s", {}, "no parameter"),
        ("SELECT %(a)s", [1], "goes with"),
        ("SELECT 5 % 2", [], "write %%"),
        ("SELECT 5 %", [], "only"),
        ("SELECT %s", "text", "sequence or a mapping"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(statement, parameters, says):
    with pytest.raises(ProviderError, match=says):
        with_literals(statement, parameters)
