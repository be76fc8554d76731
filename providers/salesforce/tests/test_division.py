"""A query that is too much at once is divided by time, and each row comes once."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_salesforce.transfers.progress import Progress
from penstock_salesforce.transfers.window import Window, soql_instant

NOW = "Thu, 26 Nov 2026 12:00:00 GMT"


@pytest.fixture
def accounts(salesforce, fill):
    """Accounts of twelve days; no query may find more than three."""
    for day in range(1, 13):
        salesforce.organisation.moment = f"2026-11-{day:02d}T00:00:00.000+0000"
        salesforce.organisation.insert("Account", {"Name": f"name {day}"})
    salesforce.organisation.in_time, salesforce.page_rows = 3, 2
    return [f"name {day}" for day in range(1, 13)]


@pytest.mark.parametrize("method", ["rest", "bulk", "auto"])
@pytest.mark.parametrize("watermark", ["", "since"])
def test_what_is_too_much_at_once_is_divided(accounts, run, rows, method, watermark):
    before = {"since": "2026-11-01T00:00:00Z"}
    how = {"bulk_above": 2, "page_rows": 2, "method": method, "watermark": watermark}
    result = run(sobject="Account", variables=before, **how).check()
    assert [each["Name"] for each in rows()] == accounts
    assert result.value("t")["rows"] == 12


def test_a_retry_goes_on_in_the_part_that_failed(salesforce, accounts, run, rows):
    salesforce.faults.server_error(
        when=lambda each: "CreatedDate" in str(each.fields) and len(salesforce.jobs.jobs) == 9
    )
    result = run(sobject="Account", method="bulk", retries=1).check()
    queries = [each.fields["query"] for each in salesforce.asked("POST /services/data/v62.0/jobs/query")]
    assert result.tasks["t"].tries == 2
    assert [each["Name"] for each in rows()] == accounts
    assert len(queries) == len(set(queries)) + 1  # the one that failed


def test_what_cannot_be_divided_further_fails_with_a_hint(salesforce, run, fill):
    fill(4)  # at one instant
    salesforce.organisation.in_time = 3
    error = run(sobject="Account", method="rest").tasks["t"].errors[0]
    assert "Narrow the query by an indexed field" in error
    assert "QUERY_TIMEOUT" in run(query="SELECT Id FROM Account", method="rest").tasks["t"].errors[0]


def test_a_job_that_fails_over_something_else_is_not_divided(salesforce, accounts, run):
    salesforce.organisation.in_time = None
    salesforce.jobs.failures.append("ApiBatchItems : something else")
    assert "something else" in run(sobject="Account", method="bulk").tasks["t"].errors[0]
    assert len(salesforce.jobs.jobs) == 1


def test_a_watermark_that_is_no_instant_is_named(salesforce, run):
    error = run(sobject="Account", watermark="since", variables={"since": "yesterday"}).tasks["t"].errors[0]
    assert "the watermark is 'yesterday'" in error


@given(
    seconds=st.lists(st.integers(0, 10**9), max_size=30, unique=True),
    in_time=st.integers(1, 5),
    bounds=st.tuples(st.booleans(), st.booleans()),
)
def test_however_it_is_divided_nothing_is_left_out_or_read_twice(seconds, in_time, bounds):
    first = datetime(1999, 3, 1, tzinfo=UTC)
    instants = sorted(soql_instant(first + timedelta(seconds=each)) for each in seconds)
    low, high = (
        edge if bound else ""
        for edge, bound in zip(("1999-03-01T00:00:00Z", "2031-01-01T00:00:00Z"), bounds, strict=True)
    )
    progress, found = Progress("q", low=low, high=high), []
    while not progress.done:
        window = Window("CreatedDate", progress.low, progress.high)
        here = [each for each in instants if (window.low or "") <= each < (window.high or "9")]
        if len(here) > in_time:
            progress = progress.halved(window, NOW)
        else:
            found += here
            progress = progress.with_page(len(here), "rest", "")
    assert found == instants
    assert progress.rows == len(instants)
