"""From Salesforce to any object store that is installed."""

import json
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from penstock import Operator, Variable
from penstock.spec.object_store import open_store
from penstock_salesforce.errors import invalid
from penstock_salesforce.hooks import SalesforceHook
from penstock_salesforce.transfers.extraction import Extraction, Progress, Target
from penstock_salesforce.transfers.plan import Plan, instant_before, plan_of_object, plan_of_text, window

_KEPT = "extraction"


class SalesforceToObjectStoreOperator(Operator):
    """Writes records of Salesforce into files of an object store: ``part-00000.csv`` and so on, a page each.

    A later try goes on at the page where an earlier one ended; a repetition writes the same names, and deletes what is left
    behind the last. With `sobject`, ``schema.json`` beside them has the columns and their types in Redshift and PostgreSQL.

    Args:
        destination: URL of a folder, such as ``s3://lake/account/{{ ds }}/``; only files of this task may be in it.
        sobject: The object whose records are wanted; or give ``query``.
        query: A query in SOQL.
        fields: Fields of the object; all that are columns unless given.
        exclude_fields: Fields that are never read, such as personal data.
        where: A condition of SOQL for the object's records.
        watermark: Name of a Variable: only what changed since the instant in it is read. `SalesforceCommitWatermarkOperator`
            moves it, once what was read is loaded.
        lag_s: Seconds before Salesforce's time at which a window ends, for changes that are not visible yet.
        include_deleted: Whether records that are deleted (15 days) or archived count; ``IsDeleted`` tells them apart.
        file_format: ``csv``, or ``ndjson``: a record a line.
        method: ``rest``, ``bulk`` (a query job), or ``auto``, which counts.
        bulk_above: Rows above which ``auto`` takes a query job.
        page_rows: Rows of a file that comes from a query job.
        object_store_conn_id: The store's connection; its default unless given.
        salesforce_conn_id: The connection of Salesforce.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("destination", "sobject", "query", "where", "watermark")

    def __init__(  # noqa: PLR0913 - each is named by the caller, none is positional
        self,
        *,
        destination: str,
        sobject: str = "",
        query: str = "",
        fields: Sequence[str] | None = None,
        exclude_fields: Sequence[str] | None = None,
        where: str = "",
        watermark: str = "",
        lag_s: float = 300.0,
        include_deleted: bool = False,
        file_format: Literal["csv", "ndjson"] = "csv",
        method: Literal["auto", "rest", "bulk"] = "auto",
        bulk_above: int = 2000,
        page_rows: int = 50000,
        object_store_conn_id: str | None = None,
        salesforce_conn_id: str = "salesforce_default",
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        self.destination, self.sobject, self.query, self.where = destination, sobject, query, where
        self.fields, self.exclude_fields = fields, exclude_fields
        self.watermark, self.lag_s, self.include_deleted = watermark, lag_s, include_deleted
        self.file_format, self.method = file_format, method
        self.bulk_above, self.page_rows = bulk_above, page_rows
        self.object_store_conn_id, self.salesforce_conn_id = object_store_conn_id, salesforce_conn_id
        self._check()
        self._running: Extraction | None = None

    def execute(self, context: Any) -> dict[str, Any]:  # noqa: ANN401 - the spec's signature
        """Write the files; returns where they are, how many, of how many rows, and where the watermark may move."""
        hook, kept = SalesforceHook(self.salesforce_conn_id), context["checkpoints"]
        earlier = Progress(**(kept.get(_KEPT) or {"query": ""}))
        plan, until = self._planned(hook, earlier.until)
        progress = earlier if earlier.query == plan.digest else Progress(plan.digest, until)
        folder = self.destination if self.destination.endswith("/") else self.destination + "/"
        target = Target(open_store(folder, self.object_store_conn_id), folder, self.file_format == "ndjson")
        self._running = Extraction(hook, plan, target, progress, lambda each: kept.set(_KEPT, each._asdict()))
        done = self._running.run(
            method=self.method,
            bulk_above=self.bulk_above,
            page_rows=self.page_rows,
            include_deleted=self.include_deleted,
        )
        if plan.columns:
            described = [each._asdict() for each in plan.columns]
            target.store.write(
                f"{folder}schema.json", json.dumps({"sobject": self.sobject, "columns": described}).encode()
            )
        print(f"{done.rows} rows in {done.files} files by {done.method} at {folder}")  # noqa: T201 - the task's log
        return {
            "destination": folder,
            "files": done.files,
            "rows": done.rows,
            "method": done.method,
            "watermark": self.watermark,
            "until": until,
        }

    def on_kill(self) -> None:
        """Abort the query job; the next try starts another."""
        if self._running is not None and self._running.progress.job and not self._running.progress.done:
            SalesforceHook(self.salesforce_conn_id).abort_query(self._running.progress.job)

    def _check(self) -> None:
        if bool(self.sobject) == bool(self.query):
            raise ValueError("give one of the two: sobject or query")
        if self.query and (self.fields or self.exclude_fields or self.where or self.watermark):
            raise ValueError("fields, exclude_fields, where and watermark belong to sobject; a query says these itself")
        if self.query and self.file_format == "ndjson" and self.method != "rest":
            raise ValueError("ndjson of a query needs method='rest': a query job gives texts without types")

    def _planned(self, hook: SalesforceHook, until: str) -> tuple[Plan, str]:
        if self.query:
            return plan_of_text(self.query), ""
        described = hook.describe(self.sobject)
        if not described:
            raise invalid(f"{self.sobject} has no field for the connection's user", "Plan")
        conditions = [self.where] if self.where else []
        if self.watermark:
            until = until or instant_before(hook.server_date, self.lag_s)
            conditions += window(described, Variable.get(self.watermark, ""), until)
        chosen = {"fields": self.fields or (), "exclude": self.exclude_fields or (), "conditions": conditions}
        return plan_of_object(self.sobject, described, **chosen), until if self.watermark else ""
