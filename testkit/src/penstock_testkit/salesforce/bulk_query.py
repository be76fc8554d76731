"""Query jobs of Bulk API 2.0.

Source: "Query" of the Bulk API 2.0 and Bulk API Developer Guide, version 62.0: states, ``locator`` and ``maxRecords``, the headers
``Sforce-Locator`` ("null" at the end) and ``Sforce-NumberOfRecords``; each page has a header row. Results of a job stay the same.
"""

import base64
from typing import TYPE_CHECKING

from penstock_testkit.saas import HttpAnswer, HttpRequest, RouteTable
from penstock_testkit.salesforce.jobs import csv_of
from penstock_testkit.salesforce.salesforce_errors import refused
from penstock_testkit.salesforce.soql import SoqlError

if TYPE_CHECKING:
    from penstock_testkit.salesforce.organisation import Salesforce

query_jobs = RouteTable()
_MOST_ROWS = 50000
_MADE = ("operation", "query", "contentType", "columnDelimiter", "lineEnding")


@query_jobs.route(
    "POST /services/data/v{version}/jobs/query",
    fields=("operation", "query", "contentType", "columnDelimiter", "lineEnding"),
)
def create(fake: "Salesforce", request: HttpRequest, version: str) -> HttpAnswer:
    """Make a job, whose results are those of this moment."""
    del version
    given = request.fields
    try:
        asked, found = fake.organisation.run(given["query"], deleted=given["operation"] == "queryAll")
    except SoqlError as error:
        return refused("API_ERROR" if error.code == "MALFORMED_QUERY" else error.code, str(error))
    if not asked.fields:
        return refused("INVALIDJOB", "Aggregate queries are not supported.")
    job = fake.jobs.make({"operation": given["operation"], "object": asked.sobject, "state": "UploadComplete"})
    job.fields, job.rows = asked.fields, [dict(each) for each in found]
    return HttpAnswer.json(job.info)


@query_jobs.route("GET /services/data/v{version}/jobs/query/{job}")
@query_jobs.route("PATCH /services/data/v{version}/jobs/query/{job}", fields=("state",))
@query_jobs.route("DELETE /services/data/v{version}/jobs/query/{job}")
def one(fake: "Salesforce", request: HttpRequest, version: str, job: str) -> HttpAnswer:
    """Look at a job, abort it or delete it."""
    del version
    found = fake.jobs.jobs.get(job)
    if found is None:
        return refused("NOT_FOUND", "The requested resource does not exist", 404)
    if request.method == "DELETE":
        del fake.jobs.jobs[job]
        return HttpAnswer(204)
    if request.method == "PATCH":
        if found.info["state"] not in ("UploadComplete", "InProgress"):
            return refused("INVALIDJOBSTATE", f"Aborting already {found.info['state']} Job not allowed")
        found.info["state"] = request.fields["state"]
    elif fake.jobs.advance(found) and fake.organisation.takes_too_long(found.rows):
        found.info.update(state="Failed", errorMessage="InternalServerError : Retried more than 15 times")
    elif found.info["state"] == "JobComplete":
        found.info["numberRecordsProcessed"] = len(found.rows)
    return HttpAnswer.json(found.info)


@query_jobs.route("GET /services/data/v{version}/jobs/query/{job}/results", query=("locator", "maxRecords"))
def results(fake: "Salesforce", request: HttpRequest, version: str, job: str) -> HttpAnswer:
    """A page of results."""
    del version
    found = fake.jobs.jobs.get(job)
    if found is None:
        return refused("NOT_FOUND", "The requested resource does not exist", 404)
    if found.info["state"] != "JobComplete":
        return refused("INVALIDJOBSTATE", "The job is not complete")
    given = request.query.get("locator", "")
    begin = int(base64.b64decode(given)) if given else 0
    end = begin + min(int(request.query.get("maxRecords", _MOST_ROWS)), _MOST_ROWS)
    page = found.rows[begin:end]
    after = base64.b64encode(str(end).encode()).decode() if end < len(found.rows) else "null"
    headers = {
        "Content-Type": "text/csv; charset=UTF-8",
        "Sforce-Locator": after,
        "Sforce-NumberOfRecords": str(len(page)),
    }
    return HttpAnswer(200, headers, csv_of(found.fields, page).encode())
