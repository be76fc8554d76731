"""Fields that the connection's user does not see, and who grants them."""

import pytest

from penstock import DAG
from penstock.testing import run_dag
from penstock_salesforce.operators import SalesforceFieldReportOperator

WANTED = {"Account": ["name", "Secret__c", "Nmae"]}


@pytest.fixture
def report(connection):
    """A function that looks at the fields that are wanted."""

    def looking(expected=WANTED, **arguments):
        with DAG("d", schedule=None) as dag:
            SalesforceFieldReportOperator(task_id="t", expected=expected, **arguments)
        return run_dag(dag, connections={"salesforce_default": connection})

    return looking


@pytest.fixture
def grants(salesforce):
    """Grants of fields of accounts."""
    text = dict.fromkeys(("SobjectType", "Field", "Parent.Label", "Parent.Profile.Name"), "string")
    salesforce.organisation.add(
        "FieldPermissions", {**text, "PermissionsRead": "boolean", "Parent.IsOwnedByProfile": "boolean"}
    )
    for label, profile in (("Sales", None), ("X00ex", "Administrator")):
        given = {"SobjectType": "Account", "Field": "Account.Secret__c", "PermissionsRead": True, "Parent.Label": label}
        owner = {"Parent.IsOwnedByProfile": profile is not None, "Parent.Profile.Name": profile}
        salesforce.organisation.insert("FieldPermissions", given | owner)


def test_a_hidden_field_is_told_from_one_that_is_not_there(grants, report):
    found = report().check().value("t")
    hidden = {"Secret__c": ["Sales", "profile Administrator"]}
    assert found == {"Account": {"visible": ["name"], "hidden": hidden, "unknown": ["Nmae"], "grants_visible": True}}


def test_a_user_who_may_not_see_grants_is_told_so(salesforce, report):
    found = report().check().value("t")["Account"]
    assert (found["hidden"], found["unknown"], found["grants_visible"]) == ({}, ["Secret__c", "Nmae"], False)


def test_it_fails_if_that_is_wanted(grants, report):
    assert report({"Account": ["Name"]}, fail_on_missing=True).state == "success"
    (error,) = report(fail_on_missing=True).tasks["t"].errors
    assert "Account.Secret__c is hidden, and granted by Sales, profile Administrator" in error
    assert "Account.Nmae is not there, or granted to nobody" in error
    assert "one of the permission sets that are named" in error
    assert "Check how the fields are spelt" in error


def test_it_names_no_permission_set_where_none_is_known(salesforce, report):
    (error,) = report(fail_on_missing=True).tasks["t"].errors
    assert "permission sets" not in error
    assert "Check how the fields are spelt" in error
    assert "needs 'View Setup and Configuration'" in error
