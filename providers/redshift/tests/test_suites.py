"""The hook and the operator keep what all of their kind must keep."""

import msgspec
import pytest

from penstock.testing import HookSuite, OperatorSuite
from penstock_redshift.hooks import RedshiftHook
from penstock_redshift.operators import RedshiftSQLOperator


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
