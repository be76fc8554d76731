"""An organisation, and connections to it."""

import pytest

from penstock import Connection
from penstock.spec.hooks.client_cache import ClientCache
from penstock_salesforce.hooks import SalesforceHook, base
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
def new_sessions(monkeypatch):
    """Sessions of one test are no other's: each test has an organisation of its own behind the same connection."""
    monkeypatch.setattr(base, "_sessions", ClientCache())
