"""SQL by the Data API: boto3 against a fake that runs the statements on the test server."""

import os
import signal

import pytest

from penstock import DAG, Connection
from penstock.author.runtime import current
from penstock.errors import ErrorKind, ProviderError
from penstock.spec.external_job import Failed, Running, Succeeded
from penstock.testing import run_dag
from penstock_redshift.operators import RedshiftDataOperator
from penstock_testkit.redshift_data import RedshiftDataApi

AWS = Connection("aws_default", "aws", login="key", password="secret-of-aws", extra={"region_name": "us-east-1"})


@pytest.fixture
def api(saas, redshift):
    """The Data API, in front of an empty database."""
    return saas.serve(RedshiftDataApi(redshift))


def operator(sql="SELECT 1 AS one", **kwargs):
    given = {"task_id": "data", "workgroup_name": "warehouse", "database": "dev", "poke_interval": 0.1}
    return RedshiftDataOperator(sql=sql, aws_conn_id="aws_default", **{**given, **kwargs})


def run(*args, **kwargs):
    with DAG("d") as dag:
        operator(*args, **kwargs)
    return run_dag(dag, connections={"aws_default": AWS})


def test_rows_come_page_by_page_with_parameters_and_nulls(api):
    numbers = "(SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3) t ORDER BY n"
    sql = f"SELECT n, :word AS word, NULL AS nothing, n > 2 AS large, 1.50 AS price FROM {numbers}"
    result = run(sql, parameters={"word": "it's"}, return_sql_result=True, statement_name="words")

    assert result.check().value("data") == [
        {"n": n, "word": "it's", "nothing": None, "large": n > 2, "price": "1.50"} for n in (1, 2, 3)
    ]
    (started,) = api.statements.values()
    assert (started["fields"]["StatementName"], started["fields"]["WorkgroupName"]) == ("words", "warehouse")


@pytest.mark.usefixtures("api")
def test_it_tells_what_it_did(hook):
    hook.run("CREATE TABLE t (id integer)")
    found = run("INSERT INTO t VALUES (1), (2)", with_event=True).check().value("data")
    assert (found["rows"], found["seconds"]) == (2, 0.005)


def test_several_statements_are_one_transaction(api, hook):
    hook.run("CREATE TABLE t (id integer)")
    counted = run(["INSERT INTO t VALUES (1), (2)", "SELECT count(*) AS found FROM t"], return_sql_result=True)
    assert counted.check().value("data") == [{"found": 2}]
    failed = run(["INSERT INTO t VALUES (3)", "SELECT * FROM gone"])
    assert (failed.state, failed.tasks["data"].tries) == ("failed", 1)
    assert hook.get_first("SELECT count(*) FROM t") == (2,)


@pytest.fixture
def surrounded(runtime_with):
    runtime_with(AWS)


@pytest.fixture
def runtime_with():
    """A function that puts a runtime with one connection around the test."""
    tokens = []

    class Surroundings:
        def __init__(self, connection):
            self._connection = connection

        def connection(self, conn_id):
            assert conn_id == self._connection.conn_id
            return self._connection

    yield lambda connection: tokens.append(current.set(Surroundings(connection)))
    for token in reversed(tokens):
        current.reset(token)


@pytest.mark.usefixtures("surrounded")
class TestOneStatement:
    def test_the_same_token_runs_it_once_whatever_becomes_of_the_answer(self, api, hook):
        """Airflow sends no token, and starts it again."""
        hook.run("CREATE TABLE t (id integer)")
        task = operator("INSERT INTO t VALUES (1)")
        api.faults.reset_after(when="POST /")
        first = task.submit("penstock-1")
        assert task.submit("penstock-1") == first
        assert hook.get_first("SELECT count(*) FROM t") == (1,)

    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the test's own servers have threads
    def test_a_process_that_is_killed_behind_its_request_leaves_one_statement(self, api, hook):
        hook.run("CREATE TABLE t (id integer)")
        child = os.fork()
        if child == 0:
            try:
                operator("INSERT INTO t VALUES (1)").submit("penstock-1")
                os.kill(os.getpid(), signal.SIGKILL)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        task = operator("INSERT INTO t VALUES (1)")
        job = task.submit("penstock-1")
        assert isinstance(task.look(job), Succeeded)
        assert (len(api.statements), hook.get_first("SELECT count(*) FROM t")) == (1, (1,))

    def test_a_statement_that_failed_says_why(self, api):
        task = operator("SELECT * FROM gone")
        job = task.submit("t")
        found = task.look(job)
        assert isinstance(found, Failed)
        assert 'relation "gone" does not exist' in found.reason
        assert not found.kind.retryable

    def test_it_is_cancelled_once_and_one_that_has_ended_is_no_error(self, api):
        api.is_held = True
        task = operator()
        job = task.submit("t")
        assert isinstance(task.look(job), Running)
        task.cancel(job)
        task.cancel(job)
        assert isinstance(task.look(job), Failed)

    def test_too_many_rows_are_refused(self, api):
        task = operator("SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3", return_sql_result=True, max_rows=2)
        job = task.submit("t")
        with pytest.raises(ProviderError, match=r"more than 2 rows.*UNLOAD"):
            task.look(job)

    @pytest.mark.parametrize(
        ("fault", "kind"),
        [
            (lambda faults: faults.too_many_requests(times=None), ErrorKind.THROTTLED),
            (lambda faults: faults.server_error(times=None), ErrorKind.TRANSIENT),
            (lambda faults: faults.expired_token(), ErrorKind.AUTH),
        ],
    )
    def test_what_the_service_refuses_has_a_kind_and_shows_no_secret(self, api, fault, kind):
        fault(api.faults)
        with pytest.raises(ProviderError) as raised:
            operator().submit("t")
        assert raised.value.kind is kind
        assert "secret-of-aws" not in str(raised.value)
        api.faults.clear()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"cluster_identifier": "c"}, "one of the two"),
        ({"workgroup_name": ""}, "one of the two"),
        ({"sql": ["SELECT 1"] * 41}, "1 to 40"),
        ({"sql": []}, "1 to 40"),
        ({"sql": ["SELECT 1"] * 2, "parameters": {"a": "b"}}, "belong to one"),
    ],
)
def test_what_the_service_would_not_take_is_refused(arguments, says):
    with pytest.raises(ValueError, match=says):
        operator(**arguments)
