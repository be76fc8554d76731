"""REST: queries page by page, records, descriptions, limits.

Source: "Query", "QueryAll", "sObject Rows", "sObject Describe", "Limits" of the REST API Developer Guide, version 62.0; a URI
above 16,384 bytes is 414 ("Status Codes and Error Responses").
"""

from typing import TYPE_CHECKING, Any

from penstock_testkit.saas import HttpAnswer, HttpRequest, RouteTable
from penstock_testkit.salesforce.salesforce_errors import refused
from penstock_testkit.salesforce.soql import SoqlError

if TYPE_CHECKING:
    from penstock_testkit.salesforce.organisation import Salesforce

rest = RouteTable()
_LONGEST_URI = 16384


@rest.route("GET /services/data/v{version}/query", query=("q",))
@rest.route("GET /services/data/v{version}/query/", query=("q",))
@rest.route("GET /services/data/v{version}/queryAll", query=("q",))
@rest.route("GET /services/data/v{version}/queryAll/", query=("q",))
def query(fake: "Salesforce", request: HttpRequest, version: str) -> HttpAnswer:
    """The first page of a query."""
    if len(request.target) > _LONGEST_URI:
        return refused("URI_TOO_LONG", "The URI is too long.", 414)
    every = "/queryAll" in request.path
    try:
        asked, found = fake.organisation.run(request.query.get("q", ""), deleted=every)
    except SoqlError as error:
        return refused(error.code, str(error))
    if fake.organisation.takes_too_long(found):
        return refused("QUERY_TIMEOUT", "Your query request was running for too long.")
    if not asked.fields:
        return HttpAnswer.json({"totalSize": len(found), "done": True, "records": []})
    base = f"/services/data/v{version}"
    rows = [_row(base, asked.sobject, each, asked.fields) for each in found]
    key = f"0r8000000000{len(fake.pages):03d}AAA"
    fake.pages[key] = {"base": f"{base}/{'queryAll' if every else 'query'}", "rows": rows}
    return _page(fake, key, 0)


@rest.route("GET /services/data/v{version}/query/{locator}")
@rest.route("GET /services/data/v{version}/queryAll/{locator}")
def query_more(fake: "Salesforce", request: HttpRequest, version: str, locator: str) -> HttpAnswer:
    """A further page of a query."""
    del request, version
    key, _, begin = locator.rpartition("-")
    if key not in fake.pages:
        return refused("INVALID_QUERY_LOCATOR", "invalid query locator")
    return _page(fake, key, int(begin))


@rest.route("GET /services/data/v{version}/limits")
@rest.route("GET /services/data/v{version}/limits/")
def limits(fake: "Salesforce", request: HttpRequest, version: str) -> HttpAnswer:
    """What is left of the quotas."""
    del request, version
    left = {"Max": fake.most, "Remaining": max(0, fake.most - fake.used)}
    return HttpAnswer.json({"DailyApiRequests": left, "DailyBulkV2QueryJobs": {"Max": 10000, "Remaining": 10000}})


@rest.route("GET /services/data/v{version}/sobjects/{sobject}/describe")
def describe(fake: "Salesforce", request: HttpRequest, version: str, sobject: str) -> HttpAnswer:
    """What an object is made of."""
    del request, version
    if sobject not in fake.organisation.fields:
        return refused("NOT_FOUND", "The requested resource does not exist", 404)
    own = [each for name, each in fake.organisation.fields[sobject].items() if "." not in name]
    return HttpAnswer.json({"name": sobject, "queryable": True, "fields": own})


@rest.route("POST /services/data/v{version}/sobjects/{sobject}/")
def create(fake: "Salesforce", request: HttpRequest, version: str, sobject: str) -> HttpAnswer:
    """Insert a record."""
    del version
    if unknown := request.fields.keys() - fake.organisation.fields[sobject].keys():
        return refused("INVALID_FIELD", f"No such column '{min(unknown)}' on sobject of type {sobject}")
    return HttpAnswer.json(
        {"id": fake.organisation.insert(sobject, request.fields), "success": True, "errors": []}, 201
    )


@rest.route("GET /services/data/v{version}/sobjects/{sobject}/{key}")
@rest.route("PATCH /services/data/v{version}/sobjects/{sobject}/{key}")
@rest.route("DELETE /services/data/v{version}/sobjects/{sobject}/{key}")
def record(fake: "Salesforce", request: HttpRequest, version: str, sobject: str, key: str) -> HttpAnswer:
    """Read, change or delete a record."""
    found = fake.organisation.find(sobject, "Id", key)
    if found is None:
        return refused("NOT_FOUND", "The requested resource does not exist", 404)
    if request.method == "GET":
        return HttpAnswer.json(_row(f"/services/data/v{version}", sobject, found, tuple(found)))
    fake.organisation.change(found, {"IsDeleted": True} if request.method == "DELETE" else request.fields)
    return HttpAnswer(204)


def _page(fake: "Salesforce", key: str, begin: int) -> HttpAnswer:
    kept: dict[str, Any] = fake.pages[key]
    rows, end = kept["rows"], begin + fake.page_rows
    page: dict[str, Any] = {"totalSize": len(rows), "done": end >= len(rows), "records": rows[begin:end]}
    if end < len(rows):
        page["nextRecordsUrl"] = f"{kept['base']}/{key}-{end}"
    return HttpAnswer.json(page)


def _row(base: str, sobject: str, found: dict[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    row: dict[str, Any] = {"attributes": {"type": sobject, "url": f"{base}/sobjects/{sobject}/{found['Id']}"}}
    for path in fields:
        *parents, name = path.split(".")
        place = row
        for each in parents:
            place = place.setdefault(each, {})
        place[name] = found[path]
    return row
