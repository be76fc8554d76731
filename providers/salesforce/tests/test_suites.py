"""The hook, the operators and the job keep what all of their kind must keep."""

import msgspec
import pytest

from penstock.testing import HookSuite, OperatorSuite
from penstock_salesforce.hooks import SalesforceHook
from penstock_salesforce.operators import (
    SalesforceBulkIngestOperator,
    SalesforceCommitWatermarkOperator,
    SalesforceFieldReportOperator,
)
from penstock_salesforce.transfers import SalesforceToObjectStoreOperator


def _with(connection, **extra):
    return msgspec.structs.replace(connection, extra={**connection.extra, **extra})


class TestSalesforceHook(HookSuite):
    hook = SalesforceHook

    def with_secret(self, connection, secret):
        return _with(connection, client_secret=secret)

    def impatient(self, connection):
        return _with(connection, connect_timeout_s=0.2, read_timeout_s=0.2, deadline_s=1.0, max_attempts=1)


class WithConnection:
    """What the suites of all tasks share."""

    @pytest.fixture
    def connections(self, connection):
        return {"salesforce_default": connection}


class TestSalesforceToObjectStoreOperator(WithConnection, OperatorSuite):
    operator = SalesforceToObjectStoreOperator

    @pytest.fixture
    def arguments(self, fill, tmp_path):
        fill(3)
        return {"sobject": "Account", "destination": f"file://{tmp_path}/out/", "where": "Employees > 0"}


class TestSalesforceCommitWatermarkOperator(OperatorSuite):
    operator = SalesforceCommitWatermarkOperator

    @pytest.fixture
    def arguments(self):
        return {"extracted": {"watermark": "accounts", "until": "2026-11-20T00:00:00Z"}}


class TestSalesforceFieldReportOperator(WithConnection, OperatorSuite):
    operator = SalesforceFieldReportOperator

    @pytest.fixture
    def arguments(self, salesforce):
        return {"expected": {"Account": ["Name"]}}


class TestSalesforceBulkIngestOperator(WithConnection, OperatorSuite):
    operator = SalesforceBulkIngestOperator

    @pytest.fixture
    def arguments(self, salesforce, tmp_path):
        (tmp_path / "rows.csv").write_text("Key__c,Name\nk1,one\n")
        # The suite pokes once, and kills outside of a run: how it waits and is cancelled is in test_bulk_ingest.py.
        how = {"wait_for_completion": False, "cancel_on_kill": False}
        return {"source": f"file://{tmp_path}/rows.csv", "sobject": "Account", "external_id_field": "Key__c", **how}
