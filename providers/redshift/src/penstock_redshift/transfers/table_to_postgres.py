"""From the files of a table, which another provider's transfer left in an object store, into a table of PostgreSQL."""

from collections.abc import Sequence
from typing import Any, ClassVar

from penstock import Operator
from penstock.spec.object_store import ObjectStore, open_store
from penstock.spec.sql.table_files import TableFiles, read_table
from penstock_redshift.hooks import PostgresHook, Session
from penstock_redshift.hooks.quoting import quoted
from penstock_redshift.hooks.table_plan import ON_DRIFT, refuse_drift
from penstock_redshift.transfers import modes
from penstock_redshift.transfers.postgres_columns import plan_columns

_METHODS = ("merge", "replace")
_CHUNK = 1 << 18


class TableFilesToPostgresOperator(Operator):
    """Loads a table that a transfer left as CSV files with their ``schema.json`` (`penstock.spec.sql.table_files`).

    One transaction brings the table to its columns and loads the files: a missing table is created, columns are added, ``varchar`` and
    ``numeric`` made wider. A repetition changes nothing. Two loads of a table wait for each other. Needs PostgreSQL 15 for ``merge``.

    Args:
        folder: URL of the folder, in any store that is installed.
        table: The table.
        schema: Its schema.
        method: ``merge`` by keys: the newest row of a key wins, and old rows keep what the files lack; or ``replace`` all rows.
        upsert_keys: Columns that tell rows apart, for ``merge``; they are the primary key of a table that is created.
        incremental_key: Column that tells which of two rows is newer, for ``merge``.
        on_drift: ``report`` prints how the table differs beyond that; ``fail`` fails the task over it before anything is changed.
        store_conn_id: Connection by which the files are read; the store's default.
        postgres_conn_id: The connection to the database.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("folder", "table", "schema", "upsert_keys", "incremental_key")

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
        store_conn_id: str | None = None,
        postgres_conn_id: str = "postgres_default",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        for name, value, known in (("method", method, _METHODS), ("on_drift", on_drift, ON_DRIFT)):
            if value not in known:
                raise ValueError(f"{name} is {value!r}; write one of {', '.join(known)}")
        if (method == "merge") != bool(upsert_keys):
            raise ValueError("upsert_keys and method 'merge' belong together")
        self.folder, self.table, self.schema = folder, table, schema
        self.method, self.upsert_keys, self.incremental_key = method, upsert_keys, incremental_key
        self.on_drift, self.store_conn_id, self.postgres_conn_id = on_drift, store_conn_id, postgres_conn_id

    def execute(self, context: Any) -> dict[str, Any]:  # noqa: ANN401, ARG002 - the spec's signature
        """Bring the table to its columns and load; returns ``rows``, ``files``, ``bytes``, ``statements`` and ``drift``."""
        store = open_store(self.folder, self.store_conn_id)
        found = read_table(store, self.folder, "postgres")
        done = PostgresHook(self.postgres_conn_id).transaction(
            lambda session: self._load(session, store, found), operation="COPY", repeatable=True
        )
        print(f"{self.schema}.{self.table}: {done['rows']} rows of {done['files']} files")  # noqa: T201 - the task's log
        return done

    def _load(self, session: Session, store: ObjectStore, found: TableFiles) -> dict[str, Any]:
        keys = [each.lower() for each in self.upsert_keys or ()]
        name = quoted(self.schema, self.table)
        session.run("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"penstock {name}",))
        statements, drift = plan_columns(session, name, found.columns, keys)
        refuse_drift(f"{self.schema}.{self.table}", drift, self.on_drift, service="postgres")
        for each in statements:
            print(f"runs: {each}")  # noqa: T201 - the task's log
            session.run(each)
        rows = _FileRows(name, [each.lower() for each in found.header], store, [each.url for each in found.parts])
        done = {"files": len(found.parts), "bytes": sum(each.size for each in found.parts)}
        changes = {"statements": statements, "drift": drift}
        if self.method == "replace":
            return {"rows": modes.replace(session, rows), **done, **changes}
        return {"rows": modes.merge(session, rows, keys, self.incremental_key.lower()), **done, **changes}


class _FileRows:
    """Files of CSV as the rows of a load; see `modes.Rows`."""

    service = "postgres"

    def __init__(self, table: str, columns: Sequence[str], store: ObjectStore, urls: Sequence[str]) -> None:
        self.table, self.columns, self.is_empty = table, columns, not urls
        self._store, self._urls = store, urls

    def run(self, session: Session, into: str = "") -> int:
        """Send them over the connection, in constant memory; an empty value is NULL, quoted or not."""
        names, rows = ", ".join(map(quoted, self.columns)), 0
        statement = f"COPY {into or self.table} ({names}) FROM STDIN (FORMAT csv, HEADER true, FORCE_NULL ({names}))"
        for url in self._urls:
            with self._store.open(url) as file, session.connection.cursor() as cursor:
                with cursor.copy(statement) as copy:
                    while chunk := file.read(_CHUNK):
                        copy.write(chunk)
                rows += cursor.rowcount
        return rows
