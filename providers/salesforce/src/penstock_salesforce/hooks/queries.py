"""Queries: page by page over REST, and as jobs of Bulk API 2.0, both from any page on.

Sources: "Query" and "QueryAll" of the REST API Developer Guide (at most 2,000 rows a page; a page's URL is valid for two days);
"Query" of the Bulk API 2.0 and Bulk API Developer Guide, version 62.0 (states, ``locator``, ``maxRecords``, the headers
``Sforce-Locator`` and ``Sforce-NumberOfRecords``; results are kept for seven days, and a locator finds the same rows each time).
"""

import csv
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, BinaryIO, NamedTuple

from penstock.errors import ErrorKind, ProviderError
from penstock_salesforce.hooks.base import SalesforceBase

_LAST = ("", "null")
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 2.0, 60.0
_BLOCK = 1024 * 1024


class RestPage(NamedTuple):
    """A page of a REST query.

    Attributes:
        records: Its records, as Salesforce gives them; numbers with a point are `decimal.Decimal`.
        total: Rows of all pages.
        next: Path of the next page; "" at the end.
    """

    records: list[dict[str, Any]]
    total: int
    next: str


class BulkPage(NamedTuple):
    """A page of a query job.

    Attributes:
        rows: How many rows it has, as Salesforce says.
        next: Locator of the next page; "" at the end.
    """

    rows: int
    next: str


class SalesforceQueries(SalesforceBase):
    """Queries of the hook."""

    def query(self, soql: str, *, include_deleted: bool = False) -> Iterator[dict[str, Any]]:
        """The records that a query finds, page by page.

        Args:
            soql: The query.
            include_deleted: Whether records that are deleted or archived count.
        """
        page = self.rest_page(soql, include_deleted=include_deleted)
        yield from page.records
        while page.next:
            page = self.rest_page_at(page.next)
            yield from page.records

    def count(self, soql: str, *, include_deleted: bool = False) -> int:
        """How many rows a query finds, by its first page.

        Args:
            soql: The query.
            include_deleted: Whether records that are deleted or archived count.
        """
        return self.rest_page(soql, include_deleted=include_deleted).total

    def rest_page(self, soql: str, *, include_deleted: bool = False) -> RestPage:
        """The first page of a query; arguments as those of `query`."""
        path = f"{self.api}/{'queryAll' if include_deleted else 'query'}"
        return _rest_page(self.ask("Query", "GET", path, params={"q": soql}))

    def rest_page_at(self, path: str) -> RestPage:
        """A further page of a query.

        Args:
            path: `RestPage.next` of the page before.
        """
        return _rest_page(self.ask("QueryMore", "GET", path))

    def start_query(self, soql: str, *, include_deleted: bool = False) -> str:
        """Start a query job; returns its id. Arguments as those of `query`."""
        operation = "queryAll" if include_deleted else "query"
        body = {"operation": operation, "query": soql, "columnDelimiter": "COMMA", "lineEnding": "LF"}
        return str(self.ask("CreateQueryJob", "POST", f"{self.api}/jobs/query", json=body).json()["id"])

    def wait_for_query(self, job_id: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """Wait until a query job is complete; a look costs one request, so pauses grow from 2 to 60 seconds.

        Args:
            job_id: The job.
            sleep: Waits seconds.

        Raises:
            penstock.errors.ProviderError: It failed or was aborted (``job_failed``), or there is none (``not_found``).
        """
        pause = _FIRST_PAUSE_S
        while (info := self.ask("GetQueryJob", "GET", self._job(job_id), what=job_id).json())["state"] != "JobComplete":
            if info["state"] in ("Failed", "Aborted"):
                raise ProviderError(
                    f"{job_id}: the job is {info['state'].lower()}: {info.get('errorMessage') or 'no reason is given'}",
                    service="salesforce", operation="query job", kind=ErrorKind.JOB_FAILED,
                    hint="Narrow the query, by a window of SystemModstamp for example",
                )  # fmt: skip
            sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    def abort_query(self, job_id: str) -> None:
        """Have a query job end; one that has ended is left alone.

        Args:
            job_id: The job.
        """
        try:
            self.ask("AbortQueryJob", "PATCH", self._job(job_id), what=job_id, json={"state": "Aborted"})
        except ProviderError as error:
            if error.code != "INVALIDJOBSTATE" and error.kind is not ErrorKind.NOT_FOUND:
                raise

    def bulk_page(self, job_id: str, locator: str, max_rows: int, file: BinaryIO) -> BulkPage:
        """Write a page of a query job's results into a file, as CSV with its header row; a broken page is read again.

        NUL characters, which occur in data and which no warehouse takes (airbytehq/airbyte#8300), are left out.

        Args:
            job_id: The job.
            locator: `BulkPage.next` of the page before; "" for the first.
            max_rows: The most rows.
            file: Where to; it can be sought and cut off.
        """
        parameters = {"maxRecords": str(max_rows)} | ({"locator": locator} if locator else {})

        def read() -> BulkPage:
            file.seek(0)
            file.truncate()
            with self.streaming(f"{self._job(job_id)}/results", params=parameters) as answer:
                file.writelines(block.replace(b"\0", b"") for block in answer.iter_content(_BLOCK))
                after = answer.headers.get("Sforce-Locator", "")
                page = BulkPage(int(answer.headers["Sforce-NumberOfRecords"]), "" if after in _LAST else after)
            file.seek(0)
            return page

        return self.call("GetQueryResults", read, job_id)

    def _job(self, job_id: str) -> str:
        return f"{self.api}/jobs/query/{job_id}"


def rows_of(lines: Iterator[str]) -> Iterator[list[str]]:
    """The rows of a page's CSV, its header first; texts of Salesforce are longer than what Python's reader takes by itself."""
    csv.field_size_limit(2**31 - 1)  # rich text has up to 131,072 characters, Python's limit is 131,072 bytes less one
    return csv.reader(lines)


def _rest_page(answer: Any) -> RestPage:  # noqa: ANN401 - an answer of requests
    info = answer.json(parse_float=Decimal)
    return RestPage(info["records"], info["totalSize"], info.get("nextRecordsUrl", ""))
