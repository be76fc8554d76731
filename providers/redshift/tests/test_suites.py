"""The hook, the operator and the transfers keep what all of their kind must keep."""

import msgspec
import pytest

from penstock import Connection
from penstock.testing import HookSuite, OperatorSuite
from penstock_redshift.hooks import RedshiftHook
from penstock_redshift.operators import RedshiftSQLOperator
from penstock_redshift.transfers import RedshiftToS3Operator, S3ToRedshiftOperator


class TestRedshiftHook(HookSuite):
    hook = RedshiftHook

    @pytest.fixture
    def connection(self, hook):
        return hook.connection

    def impatient(self, connection):
        return msgspec.structs.replace(connection, extra={**connection.extra, "connect_timeout_s": 2})


class TestRedshiftSQLOperator(OperatorSuite):
    operator = RedshiftSQLOperator

    @pytest.fixture
    def arguments(self):
        return {"sql": "DROP TABLE IF EXISTS t; CREATE TABLE t (id integer)"}

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
