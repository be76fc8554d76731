"""Queries, page by page, with tokens that end and quotas."""

import io

import pytest

from penstock.errors import ErrorKind, ProviderError

QUERY = "SELECT Id, Name FROM Account"
PAGES = "GET /services/data/v62.0/jobs/query/{job}/results"
TOKENS = "POST /services/oauth2/token"


def test_a_query_is_read_page_by_page_with_deleted_records_if_wanted(salesforce, hook, fill):
    fill(5)
    salesforce.page_rows = 2
    hook.client.Account.delete(salesforce.organisation.records["Account"][0]["Id"])

    assert [each["Name"] for each in hook.query(QUERY)] == ["name 1", "name 2", "name 3", "name 4"]
    assert len(list(hook.query(QUERY, include_deleted=True))) == 5
    assert hook.count(QUERY) == 4
    assert len(salesforce.asked(TOKENS)) == 1


def test_a_token_that_ends_between_pages_is_renewed_in_rest_and_in_bulk(salesforce, hook, fill):
    fill(5)
    salesforce.page_rows = 2
    page = hook.rest_page(QUERY)
    salesforce.logins.expire()
    assert len(hook.rest_page_at(page.next).records) == 2

    job = hook.start_query(QUERY)
    hook.wait_for_query(job, sleep=lambda _: None)
    file = io.BytesIO()
    first = hook.bulk_page(job, "", 2, file)
    salesforce.logins.expire()
    second = hook.bulk_page(job, first.next, 2, file)

    assert (first.rows, second.rows, file.getvalue().count(b"\n")) == (2, 2, 3)
    assert len(salesforce.asked(TOKENS)) == 3


def test_the_bulk_client_of_the_library_gets_a_new_token_too(salesforce, hook, fill):
    """simple-salesforce#619: it keeps the token that it was made with."""
    fill(2)
    bulk = hook.client.bulk2.Account
    salesforce.logins.expire()

    assert list(bulk.query("SELECT Name FROM Account", wait=0)) == ['"Name"\n"name 0"\n"name 1"\n']


def test_a_page_that_breaks_off_is_read_again(salesforce, hook, fill):
    fill(3)
    job = hook.start_query(QUERY)
    hook.wait_for_query(job, sleep=lambda _: None)
    salesforce.faults.cut_answer(20, when=PAGES)
    file = io.BytesIO()

    assert hook.bulk_page(job, "", 10, file).rows == 3
    assert file.getvalue().count(b"\n") == 4


def test_nul_characters_are_left_out_and_newlines_stay(salesforce, hook):
    """airbytehq/airbyte#8300: NUL characters went into files that a warehouse refuses."""
    salesforce.organisation.insert("Account", {"Name": "a\0b\nc"})
    job = hook.start_query("SELECT Name FROM Account")
    hook.wait_for_query(job, sleep=lambda _: None)
    file = io.BytesIO()
    hook.bulk_page(job, "", 10, file)

    assert file.getvalue() == b'"Name"\n"ab\nc"\n'


def test_a_failed_job_says_why_and_pauses_grow(salesforce, hook):
    salesforce.jobs.looks, pauses = 7, []
    salesforce.jobs.failures.append("Retried more than 15 times")
    with pytest.raises(ProviderError, match="Retried more than 15 times") as raised:
        hook.wait_for_query(hook.start_query(QUERY), sleep=pauses.append)
    assert raised.value.kind is ErrorKind.JOB_FAILED
    assert pauses == [2, 4, 8, 16, 32, 60]


def test_an_aborted_job_may_be_aborted_again(salesforce, hook):
    job = hook.start_query(QUERY)
    for _ in range(2):
        hook.abort_query(job)
    assert salesforce.jobs.jobs[job].info["state"] == "Aborted"


def test_no_request_is_made_beyond_the_quota_that_is_set(salesforce, hook):
    salesforce.most = 2
    assert hook.count(QUERY) == 0
    hook.count(QUERY)
    made = len(salesforce.requests)

    with pytest.raises(ProviderError, match="2 of 2 requests of 24 hours") as raised:
        hook.count(QUERY)

    assert (raised.value.kind, raised.value.retry_after_s) == (ErrorKind.QUOTA_EXHAUSTED, 3600)
    assert len(salesforce.requests) == made


@pytest.mark.parametrize(
    ("soql", "kind", "hint"),
    [
        ("SELECT Nope FROM Account", ErrorKind.INVALID, "field-level security"),
        ("SELECT Id FROM Nope", ErrorKind.INVALID, "API name"),
        ("FROM Account", ErrorKind.INVALID, "developer console"),
    ],
)
def test_a_wrong_query_fails_at_once_and_says_what_to_do(salesforce, hook, soql, kind, hint):
    with pytest.raises(ProviderError, match=hint) as raised:
        hook.count(soql)
    assert raised.value.kind is kind
    assert len(salesforce.asked("GET /services/data/v62.0/query")) == 1


def test_a_busy_server_is_asked_again_and_a_used_up_quota_is_not(salesforce, hook):
    salesforce.faults.too_many_requests(retry_after="0", when="GET /services/data/v62.0/query")
    assert hook.count(QUERY) == 0
    salesforce.most = 0
    with pytest.raises(ProviderError, match="TotalRequests") as raised:
        hook.count(QUERY)
    assert raised.value.kind is ErrorKind.QUOTA_EXHAUSTED
    assert raised.value.retry_after_s == 3600
