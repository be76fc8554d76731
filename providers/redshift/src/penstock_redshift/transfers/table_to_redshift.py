"""From the files of a table, which another provider's transfer left in S3, into a table of Redshift."""

from collections.abc import Sequence
from typing import Any, ClassVar

from penstock import Operator
from penstock.spec.object_store import open_store
from penstock.spec.sql.table_files import read_table
from penstock_redshift.hooks import RedshiftHook
from penstock_redshift.hooks.table_plan import ON_DRIFT, sync_columns
from penstock_redshift.transfers.files import Files
from penstock_redshift.transfers.load import S3ToRedshiftOperator

_METHODS = ("merge", "upsert", "replace", "swap")
_OPTIONS = ("CSV", "IGNOREHEADER 1", "EMPTYASNULL", "DATEFORMAT 'auto'", "TIMEFORMAT 'auto'")


class TableFilesToRedshiftOperator(Operator):
    """Loads a table that a transfer left in S3 as CSV files with their ``schema.json`` (`penstock.spec.sql.table_files`).

    First the table gets its columns: a missing table is created, columns are added and ``varchar`` made wider. Then the files are
    loaded in one transaction. A repetition changes nothing.

    Args:
        folder: ``s3://`` URL of the folder.
        table: The table.
        schema: Its schema.
        method: ``merge`` or ``upsert`` by keys, ``replace`` or ``swap`` all rows; see `S3ToRedshiftOperator`.
        upsert_keys: Columns that tell rows apart, for ``merge`` and ``upsert``.
        incremental_key: Column that tells which of two rows is newer, for ``merge`` and ``upsert``.
        on_drift: ``report`` prints how the table differs beyond that; ``fail`` fails the task over it before anything is changed.
        copy_options: Further options of COPY, such as ``["TRUNCATECOLUMNS"]``.
        iam_role: ``default``, or ARNs of the roles by which the cluster reads the files.
        manifest_prefix: URL of the folder for manifests; ``_penstock/manifests/`` in the files' bucket unless given.
        store_conn_id: Connection by which the files are read and the manifest written; the store's default.
        redshift_conn_id: The connection to the warehouse.
        query_group: Routes to a queue of the workload management; the connection's own unless given.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = (
        "folder", "table", "schema", "upsert_keys", "incremental_key", "iam_role", "manifest_prefix",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - the arguments of a task, each by name
        self,
        *,
        folder: str,
        table: str,
        schema: str = "public",
        method: str = "merge",
        upsert_keys: list[str] | None = None,
        incremental_key: str = "",
        on_drift: str = "report",
        copy_options: list[str] | None = None,
        iam_role: str = "default",
        manifest_prefix: str = "",
        store_conn_id: str | None = None,
        redshift_conn_id: str = "redshift_default",
        query_group: str = "",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        for name, value, known in (("method", method, _METHODS), ("on_drift", on_drift, ON_DRIFT)):
            if value not in known:
                raise ValueError(f"{name} is {value!r}; write one of {', '.join(known)}")
        if (method in ("merge", "upsert")) != bool(upsert_keys):
            raise ValueError("upsert_keys and the methods 'merge' and 'upsert' belong together")
        self.folder, self.table, self.schema = folder, table, schema
        self.method, self.upsert_keys, self.incremental_key = method, upsert_keys, incremental_key
        self.on_drift, self.copy_options, self.iam_role = on_drift, copy_options, iam_role
        self.manifest_prefix, self.store_conn_id = manifest_prefix, store_conn_id
        self.redshift_conn_id, self.query_group = redshift_conn_id, query_group

    def execute(self, context: Any) -> dict[str, Any]:  # noqa: ANN401 - the spec's signature
        """Bring the table to its columns and load; returns what `S3ToRedshiftOperator` does, ``statements`` and ``drift``."""
        found = read_table(open_store(self.folder, self.store_conn_id), self.folder, "redshift")
        hook = RedshiftHook(self.redshift_conn_id, query_group=self.query_group)
        plan = sync_columns(hook, self.schema, self.table, found.columns, on_drift=self.on_drift)
        changes = {"statements": plan.statements, "drift": plan.drift}
        load = self._load([each.url for each in found.parts] or [self.folder], list(found.header))
        if found.parts:
            return {**load.execute(context), **changes}
        # no row is a load, too: by replace, the table is empty then
        rows = hook.transaction(lambda session: load.write(session, Files(()), found.header), repeatable=True)
        return {"rows": rows, "files": 0, "bytes": 0, "load_key": "", "loaded": True, **changes}

    def _load(self, urls: list[str], columns: list[str]) -> S3ToRedshiftOperator:
        """The task that copies the files; made here, it stands in no DAG."""
        return S3ToRedshiftOperator(
            task_id="copy", table=self.table, schema=self.schema, s3_key=urls, column_list=columns,
            copy_options=[*_OPTIONS, *(self.copy_options or ())], method=self.method, upsert_keys=self.upsert_keys,
            incremental_key=self.incremental_key, iam_role=self.iam_role, idempotency="none",
            manifest_prefix=self.manifest_prefix, store_conn_id=self.store_conn_id,
            redshift_conn_id=self.redshift_conn_id, query_group=self.query_group,
        )  # fmt: skip
