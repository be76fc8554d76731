"""From Salesforce to any object store that is installed."""

import json
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from penstock import Operator, Variable
from penstock.spec.object_store import open_store
from penstock_salesforce.errors import invalid
from penstock_salesforce.hooks import SalesforceHook
from penstock_salesforce.hooks.base import Field
from penstock_salesforce.hooks.parquet import check_parquet
from penstock_salesforce.transfers.extraction import Extraction, Target
from penstock_salesforce.transfers.plan import DELETED, Plan, plan_of_object, plan_of_text
from penstock_salesforce.transfers.progress import Progress
from penstock_salesforce.transfers.window import instant_before, window_of_all, window_of_changes

_KEPT, _KEPT_OF_DELETED = "extraction", "deleted"


class SalesforceToObjectStoreOperator(Operator):
    """Writes records of Salesforce into files of an object store: ``part-00000.csv`` and so on, a page each.

    A later try goes on at the page where an earlier one ended; a repetition writes the same names, and deletes what is left
    behind the last. With `sobject`, ``schema.json`` beside them has the columns and their types in Redshift and PostgreSQL, and a
    query that is too much at once (``QUERY_TIMEOUT``, a job that was retried too often) is divided by time, as often as it takes.

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
        deletes: What becomes of deleted records, which Salesforce keeps for 15 days: ``ignore``; ``mark``, they are read like others, as
            archived ones are, and ``IsDeleted`` tells; ``tombstones``, their ids go into ``deleted-00000.csv`` and so on: delete
            these before you load the others.
        file_format: ``csv``; ``ndjson``, a record a line; ``parquet``, which needs the extra of this name.
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
        deletes: Literal["ignore", "mark", "tombstones"] = "ignore",
        file_format: Literal["csv", "ndjson", "parquet"] = "csv",
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
        self.watermark, self.lag_s, self.deletes = watermark, lag_s, deletes
        self.file_format, self.method = file_format, method
        self.bulk_above, self.page_rows = bulk_above, page_rows
        self.object_store_conn_id, self.salesforce_conn_id = object_store_conn_id, salesforce_conn_id
        self._check()
        self._running: Extraction | None = None

    def execute(self, context: Any) -> dict[str, Any]:  # noqa: ANN401 - the spec's signature
        """Write the files; returns where they are, how many, of how many rows, and where the watermark may move."""
        if self.file_format == "parquet":
            check_parquet()
        kept, hook = context["checkpoints"], SalesforceHook(self.salesforce_conn_id)
        until = (kept.get(_KEPT_OF_DELETED) or kept.get(_KEPT) or {}).get("until", "")
        described = self._described(hook) if self.sobject else []
        if self.watermark:
            until = until or instant_before(hook.server_date, self.lag_s)
        # Deleted ones first: one that is brought back in between is among the others, which are loaded behind.
        deleted = Progress("")
        if self.deletes == "tombstones":
            deleted = self._extracted(hook, kept, _KEPT_OF_DELETED, self._plan_of_deleted(described, until), until)
        plan = self._plan(described, until) if self.sobject else plan_of_text(self.query)
        done = self._extracted(hook, kept, _KEPT, plan._replace(every=self.deletes == "mark"), until)
        if plan.columns:
            schema = {"sobject": self.sobject, "columns": [each._asdict() for each in plan.columns]}
            self._target("part").store.write(f"{self._folder}schema.json", json.dumps(schema).encode())
        print(f"{done.rows} rows in {done.files} files by {done.method} at {self._folder}")  # noqa: T201 - the task's log
        return {
            "destination": self._folder,
            "files": done.files,
            "rows": done.rows,
            "deleted_files": deleted.files,
            "deleted_rows": deleted.rows,
            "method": done.method,
            "watermark": self.watermark,
            "until": until if self.watermark else "",
        }

    def on_kill(self) -> None:
        """Abort the query job; the next try starts another."""
        if self._running is not None and self._running.progress.job and not self._running.progress.done:
            SalesforceHook(self.salesforce_conn_id).abort_query(self._running.progress.job)

    @property
    def _folder(self) -> str:
        return self.destination if self.destination.endswith("/") else self.destination + "/"

    def _target(self, prefix: str) -> Target:
        return Target(open_store(self._folder, self.object_store_conn_id), self._folder, self.file_format, prefix)

    def _extracted(self, hook: SalesforceHook, kept: Any, key: str, plan: Plan, until: str) -> Progress:  # noqa: ANN401 - checkpoints
        earlier = Progress(**(kept.get(key) or {"query": ""}))
        fresh = Progress(plan.digest, until, plan.window.low, plan.window.high)
        self._running = Extraction(
            hook,
            plan=plan,
            target=self._target("deleted" if key == _KEPT_OF_DELETED else "part"),
            progress=earlier if earlier.query == plan.digest else fresh,
            keep=lambda each: kept.set(key, each._asdict()),
            method=self.method,
            bulk_above=self.bulk_above,
            page_rows=self.page_rows,
        )
        return self._running.run()

    def _check(self) -> None:
        if bool(self.sobject) == bool(self.query):
            raise ValueError("give one of the two: sobject or query")
        if self.query and (self.fields or self.exclude_fields or self.where or self.watermark):
            raise ValueError("fields, exclude_fields, where and watermark belong to sobject; a query says these itself")
        if self.query and (self.file_format == "parquet" or self.deletes == "tombstones"):
            raise ValueError("parquet and tombstones belong to sobject; a query has no types and no window")
        if self.query and self.file_format == "ndjson" and self.method != "rest":
            raise ValueError("ndjson of a query needs method='rest': a query job gives texts without types")

    def _described(self, hook: SalesforceHook) -> list[Field]:
        described = hook.describe(self.sobject)
        names = {each.name for each in described}
        if not described:
            raise invalid(f"{self.sobject} has no field for the connection's user", "Plan")
        if self.deletes != "ignore" and DELETED not in names:
            raise invalid(
                f"{self.sobject} has no {DELETED}, so nothing tells what is deleted", "Plan", "Use deletes='ignore'"
            )
        return described

    def _plan(self, described: list[Field], until: str) -> Plan:
        fields, exclude = list(self.fields or ()), list(self.exclude_fields or ())
        if self.deletes == "mark":
            exclude = [each for each in exclude if each.lower() != DELETED.lower()]
            fields += [DELETED] if fields and DELETED.lower() not in map(str.lower, fields) else []
        plan = plan_of_object(self.sobject, described, fields=fields, exclude=exclude)
        names = [each.name for each in described]
        window = window_of_all(names)
        if self.watermark:
            window = window_of_changes(names, Variable.get(self.watermark, ""), until)
        return plan._replace(conditions=(self.where,) if self.where else (), window=window)

    def _plan_of_deleted(self, described: list[Field], until: str) -> Plan:
        whole = self._plan(described, until)
        stamp = [whole.window.field] if whole.window.field else []
        plan = plan_of_object(self.sobject, described, fields=["Id", *stamp])
        # Without `where`: a record that was deleted since may no longer be what it asks for.
        return plan._replace(conditions=(f"{DELETED} = true",), window=whole.window, every=True)
