"""An extraction: page after page into files of an object store, each kept in mind, so that a later try goes on where it was.

A page is written before it is noted: what is killed between is written again, with the same rows under the same name.
"""

import re
import tempfile
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import quote

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.object_store import ObjectStore
from penstock_salesforce.errors import is_too_much
from penstock_salesforce.hooks import SalesforceHook
from penstock_salesforce.transfers.pages import write_page, write_records
from penstock_salesforce.transfers.plan import Plan
from penstock_salesforce.transfers.progress import Progress
from penstock_salesforce.transfers.window import Window

_LONGEST_URL = 12000  # Salesforce takes 16,384 bytes of a URI; longer ones are 414 (airbytehq/airbyte#10111)
_GONE = (ErrorKind.JOB_FAILED, ErrorKind.NOT_FOUND)


class Target(NamedTuple):
    """Where the files go.

    Attributes:
        store: The object store.
        folder: The URL that their names are put behind; it ends with a slash.
        format: How they are written, and their ending.
        prefix: What their names begin with.
    """

    store: ObjectStore
    folder: str
    format: str
    prefix: str = "part"

    def file(self, number: int) -> str:
        """URL of the file of a page."""
        return f"{self.folder}{self.prefix}-{number:05d}.{self.format}"

    def without_rest(self, files: int) -> None:
        """Delete what an earlier extraction has left behind the last file."""
        for found in list(self.store.list(f"{self.folder}{self.prefix}-")):
            match = re.search(rf"/{self.prefix}-(\d+)\.{self.format}$", found.url)
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
        method: ``rest``, ``bulk``, or ``auto``: bulk for more rows than ``bulk_above``.
        bulk_above: See there.
        page_rows: Rows of a page of a query job.
    """

    def __init__(  # noqa: PLR0913 - each is named by the caller, none is positional
        self,
        hook: SalesforceHook,
        *,
        plan: Plan,
        target: Target,
        progress: Progress,
        keep: Callable[[Progress], None],
        method: str,
        bulk_above: int,
        page_rows: int,
    ) -> None:
        self._hook, self._plan, self._target = hook, plan, target
        self.progress, self._keep = progress, keep
        self._method, self._bulk_above, self._page_rows = method, bulk_above, page_rows
        self._waited_for = ""

    def run(self) -> Progress:
        """Write all pages that are left.

        What an earlier try had begun and Salesforce has no more is begun anew; what is too much at once is divided.
        """
        resumed = bool(self.progress.method)
        while not self.progress.done:
            try:
                self._step()
            except ProviderError as error:
                halved = self.progress.halved(self._window, self._hook.server_date) if is_too_much(error) else None
                if halved is not None:
                    print(f"{error} Divides the query at {halved.high}.")  # noqa: T201 - the task's log
                elif not resumed or error.kind not in _GONE:
                    raise
                self._note(halved or self.progress.anew())
                resumed = False
        self._target.without_rest(self.progress.files)
        return self.progress

    @property
    def _window(self) -> Window:
        return self._plan.window._replace(low=self.progress.low, high=self.progress.high)

    def _step(self) -> None:
        job = self.progress.job
        if not self.progress.method:
            self._begin()
        elif self.progress.method == "rest":
            self._rest_page(self._hook.rest_page_at(self.progress.next))
        elif self._waited_for != job:
            self._hook.wait_for_query(job)
            self._waited_for = job
        else:
            self._bulk_page()

    def _begin(self) -> None:
        soql, every = self._plan.within(self._window), self._plan.every
        if self._method == "rest" or (self._method == "auto" and len(quote(soql)) <= _LONGEST_URL):
            try:
                page = self._hook.rest_page(soql, include_deleted=every)
            except ProviderError as error:
                if self._method == "rest" or not is_too_much(error):
                    raise  # what is too much for REST may do as a job
            else:
                if self._method == "rest" or page.total <= self._bulk_above:
                    self._rest_page(page)
                    return
        job = self._hook.start_query(soql, include_deleted=every)
        self._note(self.progress._replace(method="bulk", job=job))

    def _rest_page(self, page: Any) -> None:  # noqa: ANN401 - a RestPage
        with tempfile.TemporaryFile() as file:
            write_records(page.records, self._plan, file, self._target.format)
            self._written(file, len(page.records), page.next, "rest")

    def _bulk_page(self) -> None:
        with tempfile.TemporaryFile() as page, tempfile.TemporaryFile() as other:
            found = self._hook.bulk_page(self.progress.job, self.progress.next, self._page_rows, page)
            file = page if self._target.format == "csv" else other
            if file is other:
                write_page(page, found.rows, self._plan, other, self._target.format)
            self._written(file, found.rows, found.next, "bulk")

    def _written(self, file: BinaryIO, rows: int, after: str, method: str) -> None:
        if rows:
            file.seek(0)
            self._target.store.upload(self._target.file(self.progress.files), file)
        self._note(self.progress.with_page(rows, method, after))

    def _note(self, progress: Progress) -> None:
        self.progress = progress
        self._keep(progress)
