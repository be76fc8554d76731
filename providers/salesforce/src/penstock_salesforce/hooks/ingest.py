"""Ingest jobs of Bulk API 2.0.

Source: "Ingest" of the Bulk API 2.0 and Bulk API Developer Guide, version 62.0: a job takes one file of at most 150 MB as base64, so 100 MB
as CSV, does nothing while it is open, and tells of each row. A job with failed rows is complete all the same.
"""

from collections.abc import Callable
from typing import Any, BinaryIO

from penstock.errors import ProviderError
from penstock_salesforce.errors import invalid
from penstock_salesforce.hooks.base import SalesforceBase

MOST_BYTES = 100_000_000


class SalesforceIngest(SalesforceBase):
    """Ingest jobs of the hook."""

    def open_ingest(self, sobject: str, operation: str, *, external_id_field: str = "") -> str:
        """Make a job, which does nothing until it is closed; returns its id.

        Args:
            sobject: The object.
            operation: ``insert``, ``update``, ``upsert``, ``delete`` or ``hardDelete``.
            external_id_field: The field by which ``upsert`` finds records.
        """
        body = {"object": sobject, "operation": operation, "contentType": "CSV", "lineEnding": "LF"}
        if external_id_field:
            body["externalIdFieldName"] = external_id_field
        info = self.ask("CreateIngestJob", "POST", f"{self.api}/jobs/ingest", what=sobject, json=body).json()
        return str(info["id"])

    def upload_rows(self, job_id: str, size: int, open_rows: Callable[[], BinaryIO]) -> None:
        """Give an open job its rows; a job takes them once, so this is not repeated.

        Args:
            job_id: The job.
            size: Bytes of the CSV.
            open_rows: Opens the CSV, in UTF-8, with a header row of API names.

        Raises:
            penstock.errors.ProviderError: There are too many bytes (``invalid``), or the upload failed.
        """
        if size > MOST_BYTES:
            raise invalid(f"the rows are {size} bytes, and a job takes {MOST_BYTES}", "UploadRows", "Split the file")
        with self.errors("UploadRows", job_id):
            self._asked(
                "PUT", f"{self._ingest(job_id)}/batches", data=lambda: _Sized(open_rows(), size),
                headers={"Content-Type": "text/csv; charset=UTF-8"},
            )  # fmt: skip

    def set_ingest_state(self, job_id: str, state: str) -> None:
        """Close a job (``UploadComplete``), so that it is processed, or abort it (``Aborted``); one that is further is left alone.

        Args:
            job_id: The job.
            state: Its new state.
        """
        try:
            self.ask("SetIngestState", "PATCH", self._ingest(job_id), what=job_id, json={"state": state})
        except ProviderError as error:
            if error.code != "INVALIDJOBSTATE":  # as after an answer that was lost
                raise

    def ingest_info(self, job_id: str) -> dict[str, Any]:
        """What Salesforce tells of a job.

        Args:
            job_id: The job.
        """
        info: dict[str, Any] = self.ask("GetIngestJob", "GET", self._ingest(job_id), what=job_id).json()
        return info

    def failed_rows(self, job_id: str, file: BinaryIO) -> None:
        """Write a job's failed rows into a file, as CSV with ``sf__Id`` and ``sf__Error``; a broken answer is read again.

        Args:
            job_id: The job.
            file: Where to; it can be sought and cut off.
        """

        def read() -> None:
            file.seek(0)
            file.truncate()
            with self.streaming(f"{self._ingest(job_id)}/failedResults") as answer:
                file.writelines(answer.iter_content(1024 * 1024))
            file.seek(0)

        self.call("GetFailedRows", read, job_id)

    def _ingest(self, job_id: str) -> str:
        return f"{self.api}/jobs/ingest/{job_id}"


class _Sized:
    """A stream with its length, which the HTTP client otherwise sends in chunks."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._size = stream, size

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(size)

    def close(self) -> None:
        self._stream.close()
