"""From Salesforce to files: each row once, whatever ends when."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from penstock import DAG
from penstock.testing import run_dag, runtime
from penstock_salesforce.operators import SalesforceCommitWatermarkOperator
from penstock_salesforce.transfers import SalesforceToObjectStoreOperator
from penstock_testkit.saas import Order

PAGES = "GET /services/data/v62.0/jobs/query/{job}/results"
JOBS = "POST /services/data/v62.0/jobs/query"


def test_few_rows_are_read_over_rest_and_many_by_a_job_with_the_same_result(salesforce, run, fill, rows):
    """apache/airflow#16921: there was no way in bulk."""
    fill(5)
    few = run(sobject="Account", bulk_above=5).check().value("t")
    by_rest = rows()
    many = run(sobject="Account", bulk_above=4, page_rows=2).check().value("t")
    by_bulk = rows()

    assert (few["method"], few["files"], few["rows"]) == ("rest", 1, 5)
    assert (many["method"], many["files"], many["rows"]) == ("bulk", 3, 5)
    assert by_rest == by_bulk
    assert by_rest[0]["Active__c"] == "true"
    assert "BillingAddress" not in by_rest[0]


def test_a_smaller_repetition_leaves_no_file_of_the_larger_one(salesforce, run, fill, tmp_path):
    fill(5)
    run(sobject="Account", method="bulk", page_rows=2).check()
    run(sobject="Account", method="bulk", page_rows=5).check()

    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == ["part-00000.csv", "schema.json"]


def test_json_has_types_over_both_ways(salesforce, run, fill, tmp_path):
    fill(2)
    found, fields = [], ["name", "Employees", "Active__c", "Amount__c", "SystemModstamp"]
    for method in ("rest", "bulk"):
        run(
            sobject="Account",
            method=method,
            fields=fields,
            file_format="ndjson",
        ).check()
        found.append([json.loads(each) for each in (tmp_path / "out" / "part-00000.ndjson").read_text().splitlines()])

    assert found[0] == found[1]
    assert found[0][1] == {
        "Name": "name 1", "Employees": 1, "Active__c": False, "Amount__c": None, "SystemModstamp": "2026-11-20T00:00:00.000Z",
    }  # fmt: skip


def test_texts_stay_as_they_are(salesforce, run, rows):
    """af#16921 and Airflow's export through pandas: newlines vanished, None became a word, whole numbers fractions."""
    salesforce.organisation.insert("Account", {"Name": 'a\n"b", ä', "Employees": None})
    salesforce.organisation.insert("Account", {"Name": "None", "Employees": 7})
    for method in ("rest", "bulk"):
        run(sobject="Account", method=method, fields=["Name", "Employees"]).check()
        assert rows() == [{"Name": 'a\n"b", ä', "Employees": ""}, {"Name": "None", "Employees": "7"}]


def test_columns_have_their_types_in_warehouses(salesforce, run, tmp_path):
    run(sobject="Account", exclude_fields=["Name"]).check()
    told = json.loads((tmp_path / "out" / "schema.json").read_text())
    types = {each["name"]: (each["redshift"], each["postgres"]) for each in told["columns"]}

    assert types["Id"] == ("VARCHAR(18)", "varchar(18)")
    assert types["Amount__c"] == ("DECIMAL(18,2)", "numeric(18,2)")
    assert types["SystemModstamp"] == ("TIMESTAMPTZ", "timestamptz")
    assert types["Key__c"] == ("VARCHAR(65535)", "text")
    assert "Name" not in types


def test_a_field_that_the_user_may_not_see_is_named(salesforce, run):
    error = run(sobject="Account", fields=["Id", "Secret__c"]).tasks["t"].errors[0]
    assert "no field Secret__c" in error
    assert "field-level security" in error


def test_a_query_as_text_names_its_columns(salesforce, run, fill, rows):
    fill(2)
    run(query="SELECT id, Name FROM Account WHERE Employees > 0").check()
    assert [each["Name"] for each in rows()] == ["name 1"]
    assert "cannot be told" in run(query="SELECT COUNT(Id) FROM Account").tasks["t"].errors[0]


@pytest.mark.parametrize(
    "arguments",
    [{}, {"sobject": "A", "query": "Q"}, {"query": "Q", "where": "x = 1"}, {"query": "Q", "file_format": "ndjson"}],
)
def test_arguments_that_do_not_go_together_are_refused(arguments):
    with pytest.raises(ValueError, match=r"one of the two|belong to sobject|needs method"):
        SalesforceToObjectStoreOperator(task_id="t", destination="file:///x", **arguments)


def test_a_token_that_ends_in_the_middle_of_a_download_is_renewed(salesforce, run, fill, rows):
    """singer-io/tap-salesforce#222, simple-salesforce#619."""
    fill(5)
    salesforce.faults.append(Order(lambda _: salesforce.logins.expire(), when=lambda each: "locator" in each.query))
    run(sobject="Account", method="bulk", page_rows=2).check()

    asked = [each.query.get("locator", "") for each in salesforce.asked(PAGES)]
    assert [each["Name"] for each in rows()] == [f"name {each}" for each in range(5)]
    assert len(asked) == 4
    assert asked[1] == asked[2]
    assert len(salesforce.asked("POST /services/oauth2/token")) == 2


@pytest.mark.parametrize("method", ["rest", "bulk"])
def test_a_retry_goes_on_at_the_page_that_failed(salesforce, run, fill, method, rows):
    fill(6)
    salesforce.page_rows = 2
    second = (lambda each: "locator" in each.query) if method == "bulk" else (lambda each: "/query/0r8" in each.path)
    salesforce.faults.server_error(when=second)
    result = run(sobject="Account", method=method, page_rows=2, retries=1).check()

    assert result.tasks["t"].tries == 2
    assert [each["Name"] for each in rows()] == [f"name {each}" for each in range(6)]
    assert len(salesforce.asked(JOBS)) == (1 if method == "bulk" else 0)
    assert len(salesforce.asked(PAGES)) == (4 if method == "bulk" else 0)
    assert len(salesforce.asked("GET /services/data/v62.0/query")) == (0 if method == "bulk" else 1)


def test_a_query_that_is_too_long_for_a_url_becomes_a_job(salesforce, run, rows, fill):
    """airbytehq/airbyte#10111: it was refused with 414."""
    fill(1)
    told = run(sobject="Account", where=f"Name != '{'x' * 13000}'").check().value("t")
    assert (told["method"], len(rows())) == ("bulk", 1)


def test_a_job_that_is_gone_is_begun_anew(salesforce, run, fill, tmp_path):
    fill(4)
    salesforce.faults.append(Order(lambda _: salesforce.jobs.jobs.clear(), when=lambda each: "locator" in each.query))
    run(sobject="Account", method="bulk", page_rows=2, retries=1)
    result = run(sobject="Account", method="bulk", page_rows=2, retries=1).check()
    assert result.value("t")["rows"] == 4


def test_a_process_that_is_killed_at_a_page_goes_on_there_with_a_new_token(
    salesforce, fill, connection, tmp_path, rows
):
    fill(7)
    arguments = {"sobject": "Account", "method": "bulk", "page_rows": 2, "destination": f"file://{tmp_path}/out/"}
    parts = {"host": connection.host, "extra": connection.extra}
    script = Path(__file__).with_name("extract_once.py")
    command = [sys.executable, str(script), str(tmp_path / "kept.json"), json.dumps(arguments), json.dumps(parts)]
    third = salesforce.faults.hold(when=lambda each: each.query.get("locator") == "NA==")

    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        third.reached()
        process.kill()
    third.release()
    salesforce.logins.expire()
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])

    assert (told["files"], told["rows"]) == (4, 7)
    assert [each["Name"] for each in rows()] == [f"name {each}" for each in range(7)]
    assert [each.query.get("locator", "") for each in salesforce.asked(PAGES)] == ["", "Mg==", "NA==", "NA==", "Ng=="]
    assert len(salesforce.asked(JOBS)) == 1


def test_a_watermark_moves_once_its_rows_are_loaded(salesforce, run, fill, rows):
    """airflow-plugins/salesforce_plugin#8: an extraction could not be of a window of time."""
    fill(2)
    before = {"accounts": "2026-11-20T00:00:01Z"}
    failed = run(sobject="Account", watermark="accounts", variables=before)
    assert failed.value("t")["rows"] == 0
    assert failed.variables == before  # nothing has loaded

    salesforce.organisation.moment = "2026-11-21T00:00:00.000+0000"
    salesforce.organisation.change(salesforce.organisation.records["Account"][1], {"Name": "changed"})
    result = run(sobject="Account", watermark="accounts", variables=before, commit=True, where="Employees >= 0").check()

    assert [each["Name"] for each in rows()] == ["changed"]
    assert result.variables["accounts"] == result.value("t")["until"] > "2026-11-21"


def test_a_watermark_never_moves_back():
    with DAG("d", schedule=None) as dag:
        SalesforceCommitWatermarkOperator(task_id="c", extracted={"watermark": "w", "until": "2026-01-01T00:00:00Z"})
    assert run_dag(dag, variables={"w": "2026-02-01T00:00:00Z"}).check().variables["w"] == "2026-02-01T00:00:00Z"


def test_a_kill_aborts_the_job(salesforce, connection, tmp_path):
    salesforce.jobs.looks = 100
    task = SalesforceToObjectStoreOperator(
        task_id="t", destination=f"file://{tmp_path}/", sobject="Account", method="bulk"
    )

    class KilledError(Exception):
        """In the place of a kill, as it waits."""

    class Kept(dict):
        def set(self, key, value):
            self[key] = value
            raise KilledError

    with runtime({"salesforce_default": connection}):
        with pytest.raises(KilledError):
            task.execute({"checkpoints": Kept()})
        task.on_kill()
    assert [each.info["state"] for each in salesforce.jobs.jobs.values()] == ["Aborted"]
