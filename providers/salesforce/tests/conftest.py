"""An organisation, and connections to it."""

import csv

import msgspec
import pytest

from penstock import DAG, Connection
from penstock.testing import run_dag
from penstock_salesforce.hooks import SalesforceHook, base
from penstock_salesforce.operators import SalesforceCommitWatermarkOperator
from penstock_salesforce.transfers import SalesforceToObjectStoreOperator
from penstock_testkit.salesforce import HOST, Salesforce


@pytest.fixture
def salesforce(saas):
    """An organisation with accounts, served for one test."""
    fake = Salesforce()
    fields = {
        "Name": {"type": "string", "length": 255}, "Employees": "int", "Active__c": "boolean", "Key__c": "string",
        "Amount__c": {"type": "currency", "precision": 18, "scale": 2}, "BillingAddress": "address",
    }  # fmt: skip
    fake.organisation.add("Account", fields)
    return saas.serve(fake)


@pytest.fixture
def fill(salesforce):
    """A function that inserts so many accounts."""

    def insert(number):
        for each in range(number):
            values = {"Name": f"name {each}", "Employees": each, "Active__c": each % 2 == 0, "Key__c": f"k{each}"}
            salesforce.organisation.insert("Account", values)

    return insert


@pytest.fixture
def connection(salesforce):
    """A connection by client credentials; failures are repeated at once, and twice at most."""
    extra = {"client_id": "the-consumer-key", "client_secret": "the-consumer-secret", "max_attempts": 3}
    return Connection("salesforce_default", "salesforce", host=HOST, extra=extra)


@pytest.fixture
def hook(connection):
    """A hook on the organisation."""
    return SalesforceHook(connection=connection)


@pytest.fixture(autouse=True)
def new_sessions(nothing_left_open):
    """Sessions of one test are no other's: each test has an organisation of its own behind the same connection."""
    yield
    for fields in list(base._sessions._clients):
        base._sessions.forget(fields)


@pytest.fixture
def run(connection, tmp_path):
    """A function that runs one extraction into the folder ``out``, and gives the run."""

    def running(*, commit=False, variables=None, retries=0, **arguments):
        with DAG("d", schedule=None) as dag:
            task = SalesforceToObjectStoreOperator(
                task_id="t", destination=f"file://{tmp_path}/out", retries=retries, **arguments
            )
            if commit:
                SalesforceCommitWatermarkOperator(task_id="commit", extracted=task.output)
        hasty = msgspec.structs.replace(connection, extra={**connection.extra, "max_attempts": 1})
        return run_dag(dag, connections={"salesforce_default": hasty}, variables=variables or {})

    return running


@pytest.fixture
def rows(tmp_path):
    """A function that gives the rows of all CSV files of the folder ``out`` whose names begin so."""

    def read(prefix="part"):
        found = []
        for path in sorted((tmp_path / "out").glob(f"{prefix}-*.csv")):
            with path.open(newline="") as file:
                found += list(csv.DictReader(file))
        return found

    return read
