"""The fake of Salesforce, driven by simple-salesforce."""

import pytest
from simple_salesforce import Salesforce as Client
from simple_salesforce.exceptions import SalesforceError

from penstock_testkit.salesforce import HOST, Salesforce


@pytest.fixture
def salesforce(saas):
    fake = Salesforce(page_rows=2)
    fake.organisation.add("Account", {"Name": {"type": "string", "length": 255}, "Key__c": "string"})
    return saas.serve(fake)


@pytest.fixture
def client(salesforce):
    return Client(
        consumer_key="the-consumer-key", consumer_secret="the-consumer-secret", domain="acme.my", version="62.0"
    )


def names(rows):
    return [each["Name"] for each in rows]


def test_records_are_made_changed_deleted_and_queried_page_by_page(salesforce, client):
    made = [client.Account.create({"Name": name})["id"] for name in "abcde"]
    client.Account.update(made[0], {"Name": "z"})
    client.Account.delete(made[1])

    assert names(client.query_all_iter("SELECT Id, Name FROM Account ORDER BY Name DESC")) == ["z", "e", "d", "c"]
    assert len(list(client.query_all_iter("SELECT Id FROM Account", include_deleted=True))) == 5
    assert client.query("SELECT COUNT() FROM Account WHERE Name != 'z'")["totalSize"] == 3
    assert client.Account.get(made[0])["Name"] == "z"
    assert {each["name"] for each in client.Account.describe()["fields"]} >= {"Id", "Name", "SystemModstamp"}
    assert client.limits()["DailyApiRequests"]["Remaining"] < 15000
    assert client.api_usage["api-usage"].used == salesforce.used


def test_the_bulk_client_of_the_library_reads_and_writes(salesforce, client, tmp_path):
    told = client.bulk2.Account.insert(records=[{"Name": name, "Key__c": name} for name in "abc"], wait=0)
    assert [(each["numberRecordsProcessed"], each["numberRecordsFailed"]) for each in told] == [(3, 0)]
    salesforce.jobs.rejects["c"] = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access:--"
    upserted = client.bulk2.Account.upsert(
        records=[{"Name": "x", "Key__c": "a"}, {"Name": "y", "Key__c": "c"}], external_id_field="Key__c", wait=0
    )
    assert upserted[0]["numberRecordsFailed"] == 1
    assert "UNABLE_TO_LOCK_ROW" in client.bulk2.Account.get_failed_records(upserted[0]["job_id"])

    pages = list(client.bulk2.Account.query("SELECT Name FROM Account", max_records=2, wait=0))
    assert pages == ['"Name"\n"x"\n"b"\n', '"Name"\n"c"\n']


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT Nope FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
        ("FROM", "MALFORMED_QUERY"),
    ],
)
def test_a_wrong_query_is_refused_by_its_code(client, query, code):
    with pytest.raises(SalesforceError, match=code):
        client.query(query)


def test_what_it_does_not_know_fails_the_test(salesforce, client):
    with pytest.raises(SalesforceError):
        client.query("SELECT Id FROM Account WHERE Name LIKE 'a%'")
    with pytest.raises(SalesforceError):
        client.restful("analytics/reports")
    assert len(salesforce.problems) == 2
    salesforce.problems.clear()


def test_a_token_expires_and_a_quota_ends(salesforce):
    client = Client(instance=HOST, session_id=salesforce.logins.grant(), version="62.0")
    assert client.query("SELECT Id FROM Account")["totalSize"] == 0
    salesforce.logins.expire()
    with pytest.raises(SalesforceError, match="INVALID_SESSION_ID"):
        client.query("SELECT Id FROM Account")
    salesforce.most = salesforce.used
    client = Client(instance=HOST, session_id=salesforce.logins.grant(), version="62.0")
    with pytest.raises(SalesforceError, match="REQUEST_LIMIT_EXCEEDED"):
        client.query("SELECT Id FROM Account")


def test_a_password_lets_in_by_soap(salesforce):
    client = Client(username="ada@acme.example", password="the-pass", security_token="word", version="62.0")
    assert client.query("SELECT Id FROM Account")["totalSize"] == 0
    with pytest.raises(SalesforceError, match="INVALID_LOGIN"):
        Client(username="ada@acme.example", password="wrong", security_token="", version="62.0")
