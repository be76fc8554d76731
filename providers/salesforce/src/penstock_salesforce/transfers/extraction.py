"""An extraction: page after page into files of an object store, each kept in mind, so that a later try goes on where it was.

A page is written before it is noted: what is killed between is written again, with the same rows under the same name.
"""

import re
import tempfile
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.object_store import ObjectStore
from penstock_salesforce.hooks import SalesforceHook
from penstock_salesforce.transfers.plan import Plan
from penstock_salesforce.transfers.rows import json_of_csv, write_records

_LONGEST_URL = 12000  # Salesforce takes 16,384 bytes of a URI; longer ones are 414 (airbytehq/airbyte#10111)
_GONE = (ErrorKind.JOB_FAILED, ErrorKind.NOT_FOUND)


class Progress(NamedTuple):
    """How far an extraction is.

    Attributes:
        query: `Plan.digest` of its query.
        until: Where its window ends; "" without.
        method: ``rest`` or ``bulk``; "" before it is chosen.
        job: The query job's id.
        next: Where the next page is; "" for the first.
        files, rows: What is written.
        done: Whether that is all.
    """

    query: str
    until: str = ""
    method: str = ""
    job: str = ""
    next: str = ""
    files: int = 0
    rows: int = 0
    done: bool = False


class Target(NamedTuple):
    """Where the files go.

    Attributes:
        store: The object store.
        folder: The URL that their names are put behind; it ends with a slash.
        as_json: Whether they are JSON, else CSV.
    """

    store: ObjectStore
    folder: str
    as_json: bool

    def part(self, number: int) -> str:
        """URL of the file of a page."""
        return f"{self.folder}part-{number:05d}.{self.ending}"

    @property
    def ending(self) -> str:
        """The files' ending."""
        return "ndjson" if self.as_json else "csv"

    def without_rest(self, files: int) -> None:
        """Delete what an earlier extraction has left behind the last file."""
        for found in list(self.store.list(f"{self.folder}part-")):
            match = re.search(rf"part-(\d+)\.{self.ending}$", found.url)
            if match and int(match[1]) >= files:
                self.store.delete(found.url)


class Extraction:
    """Writes what a query finds.

    Args:
        hook: Of Salesforce.
        plan: What is asked for.
        target: Where it goes.
        progress: How far an earlier try came.
        keep: Keeps how far this one is.
    """

    def __init__(
        self, hook: SalesforceHook, plan: Plan, target: Target, progress: Progress, keep: Callable[[Progress], None]
    ) -> None:
        self._hook, self._plan, self._target = hook, plan, target
        self.progress, self._keep = progress, keep

    def run(self, *, method: str, bulk_above: int, page_rows: int, include_deleted: bool) -> Progress:
        """Write all pages that are left; what an earlier try had begun and Salesforce has no more is begun anew.

        Args:
            method: ``rest``, ``bulk``, or ``auto``: bulk for more rows than ``bulk_above``.
            bulk_above: See there.
            page_rows: Rows of a page of a query job.
            include_deleted: Whether records that are deleted or archived count.
        """
        resumed = bool(self.progress.method)
        try:
            self._pages(method, bulk_above, page_rows, include_deleted)
        except ProviderError as error:
            if not resumed or error.kind not in _GONE:
                raise
            self._note(Progress(self.progress.query, self.progress.until))
            self._pages(method, bulk_above, page_rows, include_deleted)
        self._target.without_rest(self.progress.files)
        return self.progress

    def _pages(self, method: str, bulk_above: int, page_rows: int, include_deleted: bool) -> None:  # noqa: FBT001 - passed on
        if not self.progress.method:
            self._begin(method, bulk_above, include_deleted)
        if self.progress.method == "bulk" and not self.progress.done:
            self._hook.wait_for_query(self.progress.job)
        while not self.progress.done:
            if self.progress.method == "bulk":
                self._bulk_page(page_rows)
            else:
                self._rest_page(self._hook.rest_page_at(self.progress.next))

    def _begin(self, method: str, bulk_above: int, include_deleted: bool) -> None:  # noqa: FBT001 - passed on
        soql = self._plan.soql
        if method != "bulk" and (method == "rest" or len(quote(soql)) <= _LONGEST_URL):
            page = self._hook.rest_page(soql, include_deleted=include_deleted)
            if method == "rest" or page.total <= bulk_above:
                self._rest_page(page)
                return
        job = self._hook.start_query(soql, include_deleted=include_deleted)
        self._note(self.progress._replace(method="bulk", job=job))

    def _rest_page(self, page: Any) -> None:  # noqa: ANN401 - a RestPage
        with tempfile.TemporaryFile() as file:
            write_records(page.records, self._plan.names, self._plan.types, file, as_json=self._target.as_json)
            self._written(file, len(page.records), page.next, "rest")

    def _bulk_page(self, page_rows: int) -> None:
        with tempfile.TemporaryFile() as page, tempfile.TemporaryFile() as lines:
            found = self._hook.bulk_page(self.progress.job, self.progress.next, page_rows, page)
            if self._target.as_json:
                json_of_csv(page, found.rows, self._plan.types, lines)
            self._written(lines if self._target.as_json else page, found.rows, found.next, "bulk")

    def _written(self, file: Any, rows: int, after: str, method: str) -> None:  # noqa: ANN401 - a temporary file
        files = self.progress.files
        if rows:
            file.seek(0)
            self._target.store.upload(self._target.part(files), file)
            files += 1
        rows += self.progress.rows
        self._note(self.progress._replace(method=method, next=after, files=files, rows=rows, done=not after))

    def _note(self, progress: Progress) -> None:
        self.progress = progress
        self._keep(progress)
