"""The hook, the operator and the transfers keep what all of their kind must keep."""

import msgspec
import pytest

from penstock import Connection
from penstock.testing import HookSuite, OperatorSuite, SensorSuite
from penstock_redshift.hooks import PostgresHook, RedshiftHook
from penstock_redshift.operators import (
    RedshiftCheckOperator,
    RedshiftColumnCheckOperator,
    RedshiftDataOperator,
    RedshiftIntervalCheckOperator,
    RedshiftQueriesOperator,
    RedshiftSchemaOperator,
    RedshiftSQLOperator,
    RedshiftTableCheckOperator,
    RedshiftThresholdCheckOperator,
    RedshiftValueCheckOperator,
)
from penstock_redshift.sensors import RedshiftSQLSensor
from penstock_redshift.transfers import (
    RedshiftToS3Operator,
    S3ToRedshiftOperator,
    TableFilesToPostgresOperator,
    TableFilesToRedshiftOperator,
)
from penstock_testkit.redshift_data import RedshiftDataApi


class TestRedshiftHook(HookSuite):
    hook = RedshiftHook

    @pytest.fixture
    def connection(self, hook):
        return hook.connection

    def impatient(self, connection):
        return msgspec.structs.replace(connection, extra={**connection.extra, "connect_timeout_s": 2})


class TestPostgresHook(HookSuite):
    hook = PostgresHook

    @pytest.fixture
    def connection(self, postgres_connection):
        return postgres_connection

    def impatient(self, connection):
        return msgspec.structs.replace(connection, extra={**connection.extra, "connect_timeout_s": 2})


class TestRedshiftDataOperator(SensorSuite):
    operator = RedshiftDataOperator

    @pytest.fixture
    def api(self, saas, redshift):
        return saas.serve(RedshiftDataApi(redshift))

    @pytest.fixture
    def arguments(self, api):
        return {"sql": "SELECT 1", "database": "dev", "workgroup_name": "warehouse", "aws_conn_id": "aws_default"}

    @pytest.fixture
    def waiting(self, api, arguments):
        api.is_held = True
        return arguments

    @pytest.fixture
    def connections(self):
        extra = {"region_name": "us-east-1"}
        return {"aws_default": Connection("aws_default", "aws", login="testing", password="testing", extra=extra)}


class TestRedshiftSQLOperator(OperatorSuite):
    operator = RedshiftSQLOperator

    @pytest.fixture
    def arguments(self):
        return {"sql": "DROP TABLE IF EXISTS t; CREATE TABLE t (id integer)"}

    @pytest.fixture
    def connections(self, hook):
        return {"redshift_default": hook.connection}


class TestRedshiftQueriesOperator(OperatorSuite):
    operator = RedshiftQueriesOperator

    @pytest.fixture
    def arguments(self):
        return {"by": ["user"]}

    @pytest.fixture
    def connections(self, hook):
        return {"redshift_default": hook.connection}


class TestRedshiftSchemaOperator(OperatorSuite):
    operator = RedshiftSchemaOperator

    @pytest.fixture
    def arguments(self):
        return {"table": "made", "columns": {"id": "bigint", "name": "varchar(80)"}}

    @pytest.fixture
    def connections(self, hook):
        return {"redshift_default": hook.connection}


class WithBoth:
    """What the suites of transfers share: a table, the warehouse, and the S3 server that it reads."""

    @pytest.fixture
    def connections(self, redshift, hook):
        hook.run("DROP TABLE IF EXISTS t; CREATE TABLE t (id integer)")
        extra = {"endpoint_url": redshift.s3.endpoint_url, "region_name": "us-east-1", "addressing_style": "path"}
        aws = Connection("aws_default", "aws", login="testing", password="testing", extra=extra)
        return {"redshift_default": hook.connection, "aws_default": aws}


class TestS3ToRedshiftOperator(WithBoth, OperatorSuite):
    operator = S3ToRedshiftOperator

    @pytest.fixture
    def arguments(self, put):
        return {"table": "t", "s3_key": put("in/a.csv", "1", "2"), "copy_options": ["CSV"]}


class TestRedshiftToS3Operator(WithBoth, OperatorSuite):
    operator = RedshiftToS3Operator

    @pytest.fixture
    def arguments(self, bucket):
        options = ["CSV", "ALLOWOVERWRITE"]
        return {"select_query": "SELECT 1", "s3_url": f"s3://{bucket}/out/part", "unload_options": options}


DESCRIBED = '{"columns": [{"name": "Id", "redshift": "VARCHAR(18)", "postgres": "varchar(18)"}]}'


class TestTableFilesToRedshiftOperator(WithBoth, OperatorSuite):
    operator = TableFilesToRedshiftOperator

    @pytest.fixture
    def arguments(self, redshift, bucket):
        for name, text in (("schema.json", DESCRIBED), ("part-0.csv", "Id\na\n")):
            redshift.s3.put(f"s3://{bucket}/table/{name}", text)
        return {"folder": f"s3://{bucket}/table/", "table": "made", "upsert_keys": ["Id"]}


class TestTableFilesToPostgresOperator(OperatorSuite):
    operator = TableFilesToPostgresOperator

    @pytest.fixture
    def arguments(self, tmp_path):
        (tmp_path / "schema.json").write_text(DESCRIBED)
        (tmp_path / "part-0.csv").write_text("Id\na\n")
        return {"folder": f"file://{tmp_path}/", "table": "made", "upsert_keys": ["Id"]}

    @pytest.fixture
    def connections(self, postgres_connection):
        return {"postgres_default": postgres_connection}


class OnTable:
    """What the suites of checks share: a table of a row."""

    @pytest.fixture
    def connections(self, hook):
        hook.run("DROP TABLE IF EXISTS t; CREATE TABLE t (id integer, ds date); INSERT INTO t VALUES (1, '2026-01-01')")
        return {"redshift_default": hook.connection}


class TestRedshiftColumnCheckOperator(OnTable, OperatorSuite):
    operator = RedshiftColumnCheckOperator

    @pytest.fixture
    def arguments(self):
        return {"table": "t", "column_mapping": {"id": {"max": {"equal_to": 1}}}}


class TestRedshiftTableCheckOperator(OnTable, OperatorSuite):
    operator = RedshiftTableCheckOperator

    @pytest.fixture
    def arguments(self):
        return {"table": "t", "checks": {"rows": {"check_statement": "COUNT(*) = 1"}}}


class TestRedshiftCheckOperator(OnTable, OperatorSuite):
    operator = RedshiftCheckOperator

    @pytest.fixture
    def arguments(self):
        return {"sql": "SELECT 1"}


class TestRedshiftValueCheckOperator(OnTable, OperatorSuite):
    operator = RedshiftValueCheckOperator

    @pytest.fixture
    def arguments(self):
        return {"sql": "SELECT 1", "pass_value": 1}


class TestRedshiftThresholdCheckOperator(OnTable, OperatorSuite):
    operator = RedshiftThresholdCheckOperator

    @pytest.fixture
    def arguments(self):
        return {"sql": "SELECT 1", "min_threshold": 0, "max_threshold": 1}


class TestRedshiftIntervalCheckOperator(OnTable, OperatorSuite):
    operator = RedshiftIntervalCheckOperator

    @pytest.fixture
    def arguments(self):
        return {"table": "t", "metrics_thresholds": {"COUNT(*)": 2}, "date": "2026-01-01"}


class TestRedshiftSQLSensor(OnTable, SensorSuite):
    operator = RedshiftSQLSensor

    @pytest.fixture
    def arguments(self):
        return {"sql": "SELECT count(*) FROM t"}

    @pytest.fixture
    def waiting(self):
        return {"sql": "SELECT count(*) FROM t WHERE false"}
