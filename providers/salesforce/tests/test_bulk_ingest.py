"""Loads into Salesforce: what becomes of each row."""

import pytest

from penstock import DAG
from penstock.errors import AuthoringError
from penstock.testing import run_dag
from penstock_salesforce.operators import SalesforceBulkIngestOperator

LOCKED = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--"


@pytest.fixture
def run(connection, tmp_path):
    """A function that loads rows."""
    (tmp_path / "rows.csv").write_text("Key__c,Name\nk1,one\nk2,two\n")

    def running(**arguments):
        given = {"operation": "upsert", "external_id_field": "Key__c", **arguments}
        with DAG("d", schedule=None) as dag:
            SalesforceBulkIngestOperator(task_id="t", source=f"file://{tmp_path}/rows.csv", sobject="Account", **given)
        return run_dag(dag, connections={"salesforce_default": connection})

    return running


def names(salesforce):
    return [each["Name"] for each in salesforce.organisation.records["Account"] if not each["IsDeleted"]]


def test_rows_are_loaded_once_however_often(salesforce, run):
    """simple-salesforce#646: who loaded did not hear of the job's id."""
    salesforce.jobs.looks = 3
    for _ in range(2):
        result = run().check()
    assert names(salesforce) == ["one", "two"]
    (*_, job) = salesforce.jobs.jobs
    assert result.value("t") == {"job": job, "processed": 2, "failed": 0}


def test_a_token_that_ends_before_the_upload_is_renewed_with_the_whole_body(salesforce, run):
    uploads = "PUT /services/data/v62.0/jobs/ingest/{job}/batches"
    salesforce.faults.expired_token(when=uploads)
    run().check()
    assert [each.body for each in salesforce.asked(uploads)] == [b"Key__c,Name\nk1,one\nk2,two\n"] * 2
    assert names(salesforce) == ["one", "two"]


def test_failed_rows_fail_the_task_and_are_kept(salesforce, run, tmp_path):
    """af#63930: a job with failed rows was a success."""
    salesforce.jobs.rejects["two"] = "REQUIRED_FIELD_MISSING:Required fields are missing:--"
    result = run(failed_rows=f"file://{tmp_path}/failed.csv", retries=2)

    (error,) = result.tasks["t"].errors
    assert "1 of 2 rows were refused" in error
    assert "REQUIRED_FIELD_MISSING" in error
    assert "two" in (tmp_path / "failed.csv").read_text()
    assert run(max_failed_rows=1).check().value("t")["failed"] == 1


def test_rows_that_were_locked_are_tried_again_and_inserts_are_not(salesforce, run):
    salesforce.jobs.rejects["two"] = LOCKED
    assert run(retries=1).tasks["t"].tries == 2
    assert run(retries=1, operation="insert", external_id_field="").tasks["t"].tries == 1


def test_an_upload_that_fails_leaves_an_aborted_job_and_nothing_twice(salesforce, run):
    salesforce.faults.server_error(when="PUT /services/data/v62.0/jobs/ingest/{job}/batches")
    run().check()
    assert [each.info["state"] for each in salesforce.jobs.jobs.values()] == ["Aborted", "JobComplete"]
    assert names(salesforce) == ["one", "two"]


def test_an_answer_to_the_close_that_is_lost_does_no_harm(salesforce, run):
    """simple-salesforce#739: an upload became many jobs."""
    salesforce.faults.reset_after(when="PATCH /services/data/v62.0/jobs/ingest/{job}")
    run().check()
    assert names(salesforce) == ["one", "two"]
    assert len(salesforce.jobs.jobs) == 1


def test_a_failed_job_says_why(salesforce, run):
    salesforce.jobs.failures.append("InvalidBatch : Field name not found : Nmae")
    assert "Field name not found" in run().tasks["t"].errors[0]


@pytest.mark.parametrize("given", [{"operation": "upsert", "external_id_field": ""}, {"operation": "insert"}])
def test_an_external_id_belongs_to_an_upsert(run, given):
    with pytest.raises(AuthoringError, match="external_id_field"):
        run(**given)
