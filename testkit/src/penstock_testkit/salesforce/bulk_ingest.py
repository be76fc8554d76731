"""Ingest jobs of Bulk API 2.0.

Source: "Ingest" of the Bulk API 2.0 and Bulk API Developer Guide, version 62.0: a job is Open until it is told that its upload is
complete, takes its data once, and tells of each row in ``successfulResults``, ``failedResults``, ``unprocessedrecords``. A job with
failed rows is JobComplete.
"""

import csv
import io
from typing import TYPE_CHECKING, Any

from penstock_testkit.saas import HttpAnswer, HttpRequest, NotFakedError, RouteTable
from penstock_testkit.salesforce.jobs import Job, csv_of
from penstock_testkit.salesforce.salesforce_errors import refused

if TYPE_CHECKING:
    from penstock_testkit.salesforce.organisation import Salesforce

ingest_jobs = RouteTable()
_MADE = ("operation", "object", "contentType", "columnDelimiter", "lineEnding", "externalIdFieldName")


@ingest_jobs.route("POST /services/data/v{version}/jobs/ingest", fields=_MADE)
def create(fake: "Salesforce", request: HttpRequest, version: str) -> HttpAnswer:
    """Make a job, which is open."""
    given = request.fields
    if given["object"] not in fake.organisation.fields:
        return refused("INVALIDENTITY", f"Unable to find object: {given['object']}")
    made = fake.jobs.make({**given, "state": "Open"})
    made.info["contentUrl"] = f"services/data/v{version}/jobs/ingest/{made.id}/batches"
    return HttpAnswer.json(made.info)


@ingest_jobs.route("PUT /services/data/v{version}/jobs/ingest/{job}/batches")
def upload(fake: "Salesforce", request: HttpRequest, version: str, job: str) -> HttpAnswer:
    """Take a job's data, once."""
    del version
    found = fake.jobs.jobs[job]
    if found.info["state"] != "Open" or found.rows:
        return refused("INVALIDJOBSTATE", f"Job {job} takes no (more) data")
    reader = csv.DictReader(io.StringIO(request.body.decode()))
    found.rows, found.fields = list(reader), tuple(reader.fieldnames or ())
    return HttpAnswer(201)


@ingest_jobs.route("GET /services/data/v{version}/jobs/ingest/{job}")
@ingest_jobs.route("PATCH /services/data/v{version}/jobs/ingest/{job}", fields=("state",))
def one(fake: "Salesforce", request: HttpRequest, version: str, job: str) -> HttpAnswer:
    """Look at a job, close or abort it."""
    del version
    found = fake.jobs.jobs.get(job)
    if found is None:
        return refused("NOT_FOUND", "The requested resource does not exist", 404)
    if request.method == "PATCH":
        state, wanted = found.info["state"], request.fields["state"]
        if state in ("JobComplete", "Failed", "Aborted") or (wanted == "UploadComplete" and state != "Open"):
            return refused("INVALIDJOBSTATE", f"Job {job} is {state}")
        found.info["state"] = wanted
    elif fake.jobs.advance(found):
        for row in found.rows:
            _take(fake, found, row)
        numbers = {"numberRecordsProcessed": len(found.rows), "numberRecordsFailed": len(found.failed)}
        found.info.update(numbers)
    return HttpAnswer.json(found.info)


@ingest_jobs.route("GET /services/data/v{version}/jobs/ingest/{job}/successfulResults")
@ingest_jobs.route("GET /services/data/v{version}/jobs/ingest/{job}/successfulResults/")
@ingest_jobs.route("GET /services/data/v{version}/jobs/ingest/{job}/failedResults")
@ingest_jobs.route("GET /services/data/v{version}/jobs/ingest/{job}/failedResults/")
@ingest_jobs.route("GET /services/data/v{version}/jobs/ingest/{job}/unprocessedrecords")
def results(fake: "Salesforce", request: HttpRequest, version: str, job: str) -> HttpAnswer:
    """What became of the rows."""
    del version
    found = fake.jobs.jobs[job]
    kind = request.path.rstrip("/").rpartition("/")[2]
    known = {
        "successfulResults": (("sf__Id", "sf__Created", *found.fields), found.succeeded),
        "failedResults": (("sf__Id", "sf__Error", *found.fields), found.failed),
        "unprocessedrecords": (found.fields, []),
    }
    return HttpAnswer(200, {"Content-Type": "text/csv; charset=UTF-8"}, csv_of(*known[kind]).encode())


def _take(fake: "Salesforce", job: Job, row: dict[str, Any]) -> None:
    reason = next((why for value, why in fake.jobs.rejects.items() if value in row.values()), "")
    if reason:
        job.failed.append({"sf__Id": row.get("Id", ""), "sf__Error": reason, **row})
        return
    organisation, sobject, operation = fake.organisation, job.info["object"], job.info["operation"]
    key = job.info.get("externalIdFieldName", "Id")
    found = None if operation == "insert" else organisation.find(sobject, key, row[key])
    if operation == "insert" or (operation == "upsert" and found is None):
        job.succeeded.append({"sf__Id": organisation.insert(sobject, row), "sf__Created": True, **row})
    elif operation not in ("update", "upsert", "delete"):
        raise NotFakedError(f"the operation {operation}")
    elif found is None:
        job.failed.append(
            {"sf__Id": row[key], "sf__Error": "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--", **row}
        )
    else:
        organisation.change(found, {"IsDeleted": True} if operation == "delete" else row)
        job.succeeded.append({"sf__Id": found["Id"], "sf__Created": False, **row})
