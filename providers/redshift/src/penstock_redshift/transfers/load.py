"""From an object store into Redshift, exactly once."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from penstock import Operator
from penstock.errors import ErrorKind, PenstockError, ProviderError
from penstock_redshift.hooks import RedshiftHook, Session
from penstock_redshift.hooks.quoting import quoted
from penstock_redshift.transfers import modes
from penstock_redshift.transfers.files import Files, find_files, write_manifest
from penstock_redshift.transfers.ledger import LONGEST_KEY, Ledger
from penstock_redshift.transfers.report import describe, load_errors

METHODS = ("append", "replace", "upsert", "truncate")
IDEMPOTENCY = ("auto", "ledger", "none")


class S3ToRedshiftOperator(Operator):
    """Loads files of S3 into a table of Redshift by COPY.

    The files are listed once and named by a manifest in which each is mandatory: exactly these are loaded, or none.
    With the ledger, a load is written down in the transaction that does it, so that it counts once however often the
    task is retried or its process killed. Access keys never stand in SQL: the cluster reads S3 by an IAM role.

    Args:
        table: The table, which exists (see ``create_sql``).
        schema: Its schema.
        s3_key: URL or key of a file, or of a prefix whose files are loaded (empty files and names that begin with ``_``
            or ``.`` are not), or a list of these.
        s3_bucket: The bucket, unless ``s3_key`` is a URL.
        column_list: Columns that the files hold, in their order; all of the table unless given.
        copy_options: Options of COPY, such as ``["CSV", "IGNOREHEADER 1"]``.
        method: ``append``; ``replace`` all rows in one transaction; ``upsert`` by keys; ``truncate`` first, which is
            fast, but leaves an empty table if the load then fails.
        upsert_keys: Columns that tell rows apart, for ``upsert``.
        incremental_key: Column that tells which of two rows is newer, for ``upsert``.
        iam_role: ``default``, or ARNs of the roles by which the cluster reads the files.
        idempotency: ``ledger`` loads once for each load key; ``none`` does not; ``auto`` is the ledger for ``append``,
            whose repetition would double rows, and none for the others.
        load_key: What the load is called in the ledger, such as ``{{ data_interval_start }}``; names, sizes and ETags
            of the files unless given.
        ledger: The ledger's table, in the same schema. Loads that share one are done one after the other.
        create_sql: Statements that run before, such as ``CREATE TABLE IF NOT EXISTS ...``, each for itself.
        manifest_prefix: URL of the folder for manifests; ``_penstock/manifests/`` in the files' bucket unless given.
        store_conn_id: Connection by which the files are listed and the manifest written; the store's default.
        redshift_conn_id: The connection to the warehouse.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = (
        "table", "schema", "s3_key", "s3_bucket", "column_list", "copy_options", "upsert_keys", "incremental_key",
        "iam_role", "load_key", "ledger", "create_sql", "manifest_prefix",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - the arguments of a task, each by name
        self,
        *,
        table: str,
        s3_key: str | list[str],
        schema: str = "public",
        s3_bucket: str = "",
        column_list: list[str] | None = None,
        copy_options: list[str] | None = None,
        method: str = "append",
        upsert_keys: list[str] | None = None,
        incremental_key: str = "",
        iam_role: str = "default",
        idempotency: str = "auto",
        load_key: str = "",
        ledger: str = "penstock_loads",
        create_sql: str = "",
        manifest_prefix: str = "",
        store_conn_id: str | None = None,
        redshift_conn_id: str = "redshift_default",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        self.table, self.schema, self.s3_key, self.s3_bucket = table, schema, s3_key, s3_bucket
        self.column_list, self.copy_options = column_list, copy_options
        self.method, self.upsert_keys, self.incremental_key = method.lower(), upsert_keys, incremental_key
        self.iam_role, self.idempotency, self.load_key, self.ledger = iam_role, idempotency, load_key, ledger
        self.create_sql, self.manifest_prefix = create_sql, manifest_prefix
        self.store_conn_id, self.redshift_conn_id = store_conn_id, redshift_conn_id
        problems = self._problems()
        if problems:
            raise ValueError("; ".join(problems))

    def _problems(self) -> list[str]:
        found = []
        if self.method not in METHODS:
            found.append(f"method is {self.method!r}; write one of {', '.join(METHODS)}")
        if self.idempotency not in IDEMPOTENCY:
            found.append(f"idempotency is {self.idempotency!r}; write one of {', '.join(IDEMPOTENCY)}")
        if (self.method == "upsert") != bool(self.upsert_keys):
            found.append("method 'upsert' and upsert_keys belong together")
        if self.incremental_key and self.method != "upsert":
            found.append("incremental_key belongs to method 'upsert'")
        if self.method == "truncate" and self.idempotency == "ledger":
            found.append("method 'truncate' cannot be idempotent by the ledger, because TRUNCATE commits by itself")
        return found

    def execute(self, context: Any) -> dict[str, Any]:  # noqa: ANN401 - the spec's signature
        """Load; returns ``rows``, ``files``, ``bytes``, ``load_key`` and whether it was ``loaded`` now or before."""
        hook = RedshiftHook(self.redshift_conn_id)
        files = find_files(self._sources(), self.store_conn_id)
        load_key = str(self.load_key) or files.fingerprint
        result = {"files": len(files.objects), "bytes": files.size, "load_key": load_key}
        if self.create_sql:
            hook.run(self.create_sql, autocommit=True, repeatable=True)
        ledger = self._ledger(hook, load_key)
        copy = modes.Copy(
            quoted(self.schema, self.table),
            self.column_list or (),
            write_manifest(files, self.manifest_prefix, self.store_conn_id),
            self.iam_role,
            self.copy_options or (),
        )
        if self.method == "truncate":
            hook.run(f"TRUNCATE {copy.table}", autocommit=True)
        load = _Load(self, copy, files, ledger, _who(context))
        try:
            return result | hook.transaction(
                load.run, operation="COPY", repeatable=ledger is not None or self._is_repeatable
            )
        except ProviderError as error:
            raise load.explained(hook, error) from error
        finally:
            load.warn(hook)

    @property
    def _is_repeatable(self) -> bool:
        """Whether loading twice gives what loading once does, whatever the ledger says."""
        return self.method != "append"

    def _ledger(self, hook: RedshiftHook, load_key: str) -> Ledger | None:
        if self.idempotency == "none" or (self.idempotency == "auto" and self._is_repeatable):
            return None
        if len(load_key.encode()) > LONGEST_KEY:
            raise ProviderError(
                f"the load_key has {len(load_key.encode())} bytes, the ledger holds {LONGEST_KEY}",
                service="redshift", operation="COPY", kind=ErrorKind.INVALID, hint="Give a shorter one",
            )  # fmt: skip
        ledger = Ledger(self.schema, self.ledger, f"{self.schema}.{self.table}".lower(), load_key)
        ledger.prepare(hook)
        return ledger

    def _sources(self) -> list[str]:
        keys = [self.s3_key] if isinstance(self.s3_key, str) else list(self.s3_key)
        return [key if "://" in key else f"s3://{self.s3_bucket}/{key}" for key in keys]


class _Load:
    """One load while it is tried."""

    def __init__(
        self, task: S3ToRedshiftOperator, copy: modes.Copy, files: Files, ledger: Ledger | None, who: Mapping[str, str]
    ) -> None:
        self._task, self._copy, self._files, self._ledger, self._who = task, copy, files, ledger, who
        self._session: tuple[int, datetime] | None = None

    def run(self, session: Session) -> dict[str, Any]:
        """The transaction."""
        self._session = session.rows_apart("SELECT pg_backend_pid(), getdate()")[0]
        if self._ledger is not None:
            entry = self._ledger.find(session)
            if entry is not None:
                print(  # noqa: T201 - the task's log
                    f"{self._copy.table}: the load {self._ledger.load_key!r} was done at {entry.loaded_at} with "
                    f"{entry.rows} rows; nothing is loaded. To load it again: {self._ledger.how_to_forget()}"
                )
                return {"rows": entry.rows, "loaded": False}
        rows = self._write(session)
        if self._ledger is not None:
            self._ledger.write(session, rows=rows, files=len(self._files.objects), size=self._files.size, who=self._who)
        print(f"{self._copy.table}: {rows} rows of {len(self._files.objects)} files ({self._files.size} bytes)")  # noqa: T201 - the task's log
        return {"rows": rows, "loaded": True}

    def _write(self, session: Session) -> int:
        if self._task.method == "upsert":
            return modes.upsert(session, self._copy, self._task.upsert_keys or (), self._task.incremental_key)
        return (modes.replace if self._task.method == "replace" else modes.append)(session, self._copy)

    def explained(self, hook: RedshiftHook, error: ProviderError) -> ProviderError:
        """The error with the report on the refused rows, if rows were refused."""
        if error.kind is not ErrorKind.INVALID or self._session is None:
            return error
        errors = load_errors(hook, *self._session)
        if not errors:
            return error
        return ProviderError(
            f"{self._copy.table}: {describe(errors)}",
            service="redshift", operation="COPY", kind=ErrorKind.INVALID, code=error.code,
            hint="Nothing was loaded. Correct the files or the table, or allow some bad rows by the option MAXERROR",
        )  # fmt: skip

    def warn(self, hook: RedshiftHook) -> None:
        """Print what rows were passed over by MAXERROR."""
        if self._session is None or not any("MAXERROR" in each.upper() for each in self._copy.options):
            return
        try:
            errors = load_errors(hook, *self._session)
        except PenstockError as error:
            print(f"which rows were passed over cannot be told: {error}")  # noqa: T201 - the task's log
            return
        if errors:
            print(f"{self._copy.table}: {describe(errors)}")  # noqa: T201 - the task's log


def _who(context: Any) -> dict[str, str]:  # noqa: ANN401 - the context, or a test's empty one
    facts = getattr(context, "facts", None)
    return {"dag": facts.dag_id, "run_id": facts.run_id, "task": facts.task_id} if facts else {}
