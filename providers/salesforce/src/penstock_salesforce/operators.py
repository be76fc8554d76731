"""Operators of Salesforce: watermarks, fields that are hidden, and loads by ingest jobs."""

import csv
import io
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO, ClassVar, Literal

from penstock import Operator, Variable
from penstock.errors import ErrorKind
from penstock.spec.external_job import ExternalJob, Failed, JobStatus, Running, Succeeded
from penstock.spec.object_store import open_store
from penstock_salesforce.errors import invalid
from penstock_salesforce.hooks import SalesforceHook

_SHOWN_REASONS = 3
_PASSING = ("UNABLE_TO_LOCK_ROW", "API_TEMPORARILY_UNAVAILABLE")


class SalesforceCommitWatermarkOperator(Operator):
    """Moves a watermark to where an extraction ended; put it behind the load, so that what was not loaded is read again.

    Args:
        extracted: What `SalesforceToObjectStoreOperator` returned: its ``output``.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("extracted",)

    def __init__(self, *, extracted: Mapping[str, Any] | str, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**kwargs)
        self.extracted = extracted

    def execute(self, context: Any) -> str:  # noqa: ANN401, ARG002 - the spec's signature
        """Move it, never back; returns where it is."""
        info = self.extracted
        if not isinstance(info, Mapping) or not info.get("watermark") or not info.get("until"):
            raise invalid(
                "extracted has no watermark", "CommitWatermark", "Give the output of an extraction with watermark="
            )
        before: str = Variable.get(info["watermark"], "")
        if info["until"] > before:  # instants of one form, in UTC: their texts are in their order
            Variable.set(info["watermark"], info["until"])
        return max(str(info["until"]), before)


class SalesforceFieldReportOperator(Operator):
    """Tells which of the fields that are wanted the connection's user does not see, and who may grant them.

    Salesforce describes only fields that its user may read: one that field-level security hides looks like one that is not there. Where
    the user has the permission 'View Setup and Configuration', the report tells the two apart.

    Args:
        expected: For each object the fields that are wanted.
        fail_on_missing: Whether the task fails if one is missing.
        salesforce_conn_id: The connection of Salesforce.
        **kwargs: What every task takes.
    """

    def __init__(
        self,
        *,
        expected: Mapping[str, Sequence[str]],
        fail_on_missing: bool = False,
        salesforce_conn_id: str = "salesforce_default",
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        self.expected, self.fail_on_missing, self.salesforce_conn_id = expected, fail_on_missing, salesforce_conn_id

    def execute(self, context: Any) -> dict[str, Any]:  # noqa: ANN401, ARG002 - the spec's signature
        """Look; returns for each object ``visible``, ``hidden`` with who grants it, ``unknown``, and ``grants_visible``."""
        hook = SalesforceHook(self.salesforce_conn_id)
        report = {sobject: _access(hook, sobject, fields) for sobject, fields in self.expected.items()}
        missing = []
        for sobject, found in report.items():
            for field, names in found["hidden"].items():
                missing.append(f"{sobject}.{field} is hidden, and granted by {', '.join(names)}")
            unsure = "not there, or granted to nobody" if found["grants_visible"] else "not there, or hidden"
            missing += [f"{sobject}.{field} is {unsure}" for field in found["unknown"]]
        print("\n".join(missing) or "All fields are visible.")  # noqa: T201 - the task's log
        if missing and self.fail_on_missing:
            raise invalid("; ".join(missing), "FieldReport", _remedy(report.values()))
        return report


class SalesforceBulkIngestOperator(ExternalJob):
    """Inserts, updates, upserts or deletes the records of a CSV file by an ingest job of Bulk API 2.0.

    A job does nothing until its rows are there and its id is stored; one whose id was lost stays open and changes nothing. A
    repetition of ``upsert``, ``update`` and ``delete`` does no harm. ``insert`` that failed in part is not repeated.

    Args:
        source: URL of a CSV file in UTF-8 of at most 100 MB, with a header row of API names.
        sobject: The object.
        operation: What is done.
        external_id_field: The field by which ``upsert`` finds records.
        max_failed_rows: So many rows may be refused.
        failed_rows: URL of a CSV file for the refused rows, with ``sf__Error``.
        object_store_conn_id: The store's connection; its default unless given.
        salesforce_conn_id: The connection of Salesforce.
        wait_for_completion: Whether the task waits for the job; if not, a task that is killed just as it has started one may start
            another.
        cancel_on_kill: Whether the job is aborted when the task is ended from outside.
        **kwargs: What every job takes.
    """

    service: ClassVar[str] = "Salesforce"
    template_fields: ClassVar[Sequence[str]] = ("source", "sobject", "failed_rows")

    def __init__(  # noqa: PLR0913 - each is named by the caller, none is positional
        self,
        *,
        source: str,
        sobject: str,
        operation: Literal["insert", "update", "upsert", "delete", "hardDelete"] = "upsert",
        external_id_field: str = "",
        max_failed_rows: int = 0,
        failed_rows: str = "",
        object_store_conn_id: str | None = None,
        salesforce_conn_id: str = "salesforce_default",
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        self.source, self.sobject, self.operation = source, sobject, operation
        self.external_id_field, self.max_failed_rows, self.failed_rows = external_id_field, max_failed_rows, failed_rows
        self.object_store_conn_id, self.salesforce_conn_id = object_store_conn_id, salesforce_conn_id
        if (operation == "upsert") != bool(external_id_field):
            raise ValueError("external_id_field belongs to operation='upsert', which needs it")

    def find(self, token: str) -> str | None:  # noqa: ARG002 - the spec's signature
        """None: a job whose id was lost is open, and changes nothing."""
        return None

    def submit(self, token: str) -> str:  # noqa: ARG002 - the spec's signature
        """Make a job and give it the rows; it stays open."""
        store = open_store(self.source, self.object_store_conn_id)
        found = store.stat(self.source)
        if found is None:
            raise invalid(f"there is no {self.source}", "UploadRows")
        hook = self._hook()
        job = hook.open_ingest(self.sobject, self.operation, external_id_field=self.external_id_field)
        try:
            hook.upload_rows(job, found.size, lambda: store.open(self.source))
            if not self.wait_for_completion:  # nobody will look, and so close it, later
                hook.set_ingest_state(job, "UploadComplete")
        except Exception:
            hook.set_ingest_state(job, "Aborted")
            raise
        return job

    def look(self, job_id: str) -> JobStatus:
        """Close it if it is open; tell what became of the rows once it is complete."""
        info = self._hook().ingest_info(job_id)
        state, refused = info["state"], int(info.get("numberRecordsFailed") or 0)
        processed = int(info.get("numberRecordsProcessed") or 0)
        if state == "Open":
            self._hook().set_ingest_state(job_id, "UploadComplete")
        elif state in ("Failed", "Aborted"):
            partly = self.operation == "insert" and processed > refused
            reason = f"it is {state.lower()}: {info.get('errorMessage') or 'no reason is given'}"
            return Failed(reason, ErrorKind.INVALID if partly else ErrorKind.JOB_FAILED)
        elif state == "JobComplete":
            return self._outcome(job_id, processed, refused)
        return Running()

    def cancel(self, job_id: str) -> None:
        """Abort it, unless it has ended."""
        self._hook().set_ingest_state(job_id, "Aborted")

    def _outcome(self, job_id: str, processed: int, refused: int) -> JobStatus:
        if not refused:
            return Succeeded({"job": job_id, "processed": processed, "failed": 0})
        with tempfile.TemporaryFile() as file:
            self._hook().failed_rows(job_id, file)
            reasons = _reasons(file)
            if self.failed_rows:
                file.seek(0)
                open_store(self.failed_rows, self.object_store_conn_id).upload(self.failed_rows, file)
        if refused <= self.max_failed_rows:
            return Succeeded({"job": job_id, "processed": processed, "failed": refused})
        # What was locked may be free at the next try; what was inserted would be inserted again.
        passing = self.operation != "insert" and all(each.startswith(_PASSING) for each in reasons)
        shown = "; ".join(list(reasons)[:_SHOWN_REASONS])
        detail = f"{refused} of {processed} rows were refused, and {self.max_failed_rows} may be: {shown}"
        return Failed(detail, ErrorKind.JOB_FAILED if passing else ErrorKind.INVALID)

    def _hook(self) -> SalesforceHook:
        return SalesforceHook(self.salesforce_conn_id)


def _access(hook: SalesforceHook, sobject: str, fields: Sequence[str]) -> dict[str, Any]:
    described = {each.name.lower() for each in hook.describe(sobject)}
    missing = [each for each in fields if each.lower() not in described]
    grants = hook.field_grants(sobject) if missing else {}
    known = {name.lower(): names for name, names in (grants or {}).items()}
    return {
        "visible": [each for each in fields if each not in missing],
        "hidden": {each: known[each.lower()] for each in missing if each.lower() in known},
        "unknown": [each for each in missing if each.lower() not in known],
        "grants_visible": grants is not None,
    }


def _remedy(found: Iterable[Mapping[str, Any]]) -> str:
    """What to do about fields that are missing, by what is known of each object."""
    known = list(found)
    steps = []
    if any(each["hidden"] for each in known):
        steps.append("Give the connection's user one of the permission sets that are named, or his profile the field")
    if any(each["unknown"] for each in known):
        steps.append("Check how the fields are spelt: custom ones end with __c")
    if any(each["unknown"] and not each["grants_visible"] for each in known):
        steps.append("To see who grants a hidden one, the user needs 'View Setup and Configuration'")
    return ". ".join(steps)


def _reasons(file: BinaryIO) -> dict[str, int]:
    """The reasons for which rows were refused, and how often each."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    found: dict[str, int] = {}
    for row in csv.DictReader(text):
        found[row["sf__Error"]] = found.get(row["sf__Error"], 0) + 1
    text.detach()
    return found
