"""The fake: what an organisation answers, who is let in, and how much of its quota is used.

Sources: REST API Developer Guide, Bulk API 2.0 and Bulk API Developer Guide, "OAuth Authorization Flows" of Salesforce Help
(developer.salesforce.com, version 62.0), and simple-salesforce 1.12.10, which drives it. An error of REST is a list of
``{"message", "errorCode"}``; every answer of it has ``Sforce-Limit-Info: api-usage=USED/MOST``. Not covered: Bulk API 1,
composite requests, the tooling and metadata APIs, the web server flow.
"""

from dataclasses import replace

from penstock_testkit.saas import App, HttpAnswer, HttpRequest
from penstock_testkit.salesforce.bulk_ingest import ingest_jobs
from penstock_testkit.salesforce.bulk_query import query_jobs
from penstock_testkit.salesforce.jobs import Jobs
from penstock_testkit.salesforce.login import Logins, logins
from penstock_testkit.salesforce.rest import rest
from penstock_testkit.salesforce.salesforce_errors import refused
from penstock_testkit.salesforce.sobjects import Organisation

HOST = "acme.my.salesforce.com"


class Salesforce(App):
    """An organisation of Salesforce.

    Attributes:
        organisation: Its objects and records.
        logins: Who may log in, and the tokens that are valid.
        jobs: Its bulk jobs.
        page_rows: Rows of a page of a REST query.
        used, most: Requests of the last 24 hours, and how many there may be.
        pages: The pages of REST queries that are left, by locator.
    """

    name = "salesforce"
    hosts = (HOST, "login.salesforce.com")
    tables = (logins, query_jobs, ingest_jobs, rest)

    def __init__(self, page_rows: int = 2000) -> None:
        super().__init__()
        self.organisation, self.logins, self.jobs = Organisation(), Logins(), Jobs()
        self.page_rows = page_rows
        self.used, self.most = 0, 15000
        self.pages: dict[str, dict[str, object]] = {}

    def handle(self, request: HttpRequest) -> HttpAnswer:
        """Answer, if the token is valid and the quota is not used up."""
        if not request.path.startswith(("/services/data/", "/services/apexrest/")):
            return super().handle(request)
        if request.header("Authorization").removeprefix("Bearer ") not in self.logins.tokens:
            return self.refusal(request, 401)
        with self.lock:
            self.used += 1
            over = self.used > self.most
        answer = (
            refused("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403) if over else super().handle(request)
        )
        return replace(answer, headers=answer.headers | {"Sforce-Limit-Info": f"api-usage={self.used}/{self.most}"})

    def refusal(self, request: HttpRequest, status: int) -> HttpAnswer:
        """A refusal in the words of REST."""
        del request
        codes = {
            401: ("INVALID_SESSION_ID", "Session expired or invalid"),
            429: ("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
            503: ("SERVER_UNAVAILABLE", "The server is not available."),
        }
        return refused(*codes.get(status, ("UNKNOWN_EXCEPTION", "An unexpected error occurred.")), status)
