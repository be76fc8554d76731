"""From an object store into Redshift, exactly once."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from penstock import Operator
from penstock.errors import ErrorKind, PenstockError, ProviderError, SkipTask
from penstock_redshift.hooks import RedshiftHook, Session
from penstock_redshift.hooks.quoting import quoted
from penstock_redshift.transfers import modes
from penstock_redshift.transfers.files import Files, find_files, refuse_changed, write_manifest
from penstock_redshift.transfers.ledger import LONGEST_KEY, Entry, Ledger
from penstock_redshift.transfers.report import describe, load_errors
from penstock_redshift.transfers.swap import swap

METHODS = ("append", "replace", "truncate", "swap", "upsert", "merge")
IDEMPOTENCY = ("auto", "ledger", "none")
IF_MISSING = ("fail", "skip")
_WRITERS = {"append": modes.append, "replace": modes.replace, "truncate": modes.truncate}
_BY_KEYS = {"upsert": modes.upsert, "merge": modes.merge}
_WHOLE = ("replace", "swap")  # what is loaded is all that the table then holds


class S3ToRedshiftOperator(Operator):
    """Loads files of S3 into a table of Redshift by COPY.

    The files are listed once and named by a manifest in which each is mandatory: exactly these are loaded, or none.
    With the ledger, a load is written down in the transaction that does it, so that it counts once however often the
    task is retried or its process killed. Access keys never stand in SQL: the cluster reads S3 by an IAM role.
    Manifests are no data: those in a prefix are left out. Files that are empty count as files and load nothing.

    Args:
        table: The table, which exists (see ``create_sql``).
        schema: Its schema.
        s3_key: URL or key of a file, or of a prefix whose files are loaded (names that begin with ``_`` or ``.`` and
            manifests are not), or a list of these.
        s3_bucket: The bucket, unless ``s3_key`` is a URL.
        column_list: Columns that the files hold, in their order; all of the table unless given.
        copy_options: Options of COPY, such as ``["CSV", "IGNOREHEADER 1"]``; MANIFEST is not among them.
        method: ``append``; ``replace`` all rows in one transaction; ``truncate`` first, which is fast, but leaves an empty
            table if the load then fails; ``swap``: a new table takes the old one's place; ``upsert`` by keys: rows are put in the
            place of old ones; ``merge`` by keys: old rows are changed, and keep what the files lack.
        upsert_keys: Columns that tell rows apart, for ``upsert`` and ``merge``.
        incremental_key: Column that tells which of two rows is newer, for ``upsert`` and ``merge``.
        iam_role: ``default``, or ARNs of the roles by which the cluster reads the files.
        idempotency: ``ledger`` loads once for each load key; ``none`` does not; ``auto`` is the ledger for ``append``,
            whose repetition would double rows, and none for the others.
        load_key: What the load is called in the ledger, such as ``{{ data_interval_start }}``. Unless given, each file
            counts for itself, by its name and ETag: those that were loaded before are left out; for ``replace`` and ``swap``,
            all files together count as one.
        ledger: The ledger's table, in the same schema. Loads that share one are done one after the other.
        if_missing: Where ``s3_key`` names no file: ``fail``, or ``skip`` the task.
        create_sql: Statements that run before, such as ``CREATE TABLE IF NOT EXISTS ...``, each for itself and at each try
            anew, so that they must bear it.
        manifest_prefix: URL of the folder for manifests; ``_penstock/manifests/`` in the files' bucket unless given.
        store_conn_id: Connection by which the files are listed and the manifest written; the store's default.
        redshift_conn_id: The connection to the warehouse.
        query_group: Routes to a queue of the workload management; the connection's own unless given.
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
        if_missing: str = "fail",
        create_sql: str = "",
        manifest_prefix: str = "",
        store_conn_id: str | None = None,
        redshift_conn_id: str = "redshift_default",
        query_group: str = "",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        self.table, self.schema, self.s3_key, self.s3_bucket = table, schema, s3_key, s3_bucket
        self.column_list, self.copy_options = column_list, copy_options
        self.method, self.upsert_keys, self.incremental_key = method.lower(), upsert_keys, incremental_key
        self.iam_role, self.idempotency, self.load_key, self.ledger = iam_role, idempotency, load_key, ledger
        self.if_missing, self.create_sql, self.manifest_prefix = if_missing, create_sql, manifest_prefix
        self.store_conn_id, self.redshift_conn_id = store_conn_id, redshift_conn_id
        self.query_group = query_group
        problems = self._problems()
        if problems:
            raise ValueError("; ".join(problems))

    def _problems(self) -> list[str]:
        found = []
        if not self.s3_key:
            found.append("s3_key names no file")
        if self.method not in METHODS:
            found.append(f"method is {self.method!r}; write one of {', '.join(METHODS)}")
        if self.idempotency not in IDEMPOTENCY:
            found.append(f"idempotency is {self.idempotency!r}; write one of {', '.join(IDEMPOTENCY)}")
        if self.if_missing not in IF_MISSING:
            found.append(f"if_missing is {self.if_missing!r}; write one of {', '.join(IF_MISSING)}")
        if (self.method in _BY_KEYS) != bool(self.upsert_keys):
            found.append("upsert_keys and the methods 'upsert' and 'merge' belong together")
        if self.incremental_key and self.method not in _BY_KEYS:
            found.append("incremental_key belongs to the methods 'upsert' and 'merge'")
        if self.method == "truncate" and self.idempotency == "ledger":
            found.append("method 'truncate' cannot be idempotent by the ledger, because TRUNCATE commits by itself")
        return found + list(self._option_problems())

    def _option_problems(self) -> Iterator[str]:
        lists: dict[str, object] = {
            "copy_options": self.copy_options,
            "column_list": self.column_list,
            "upsert_keys": self.upsert_keys,
        }
        wrong = [name for name, given in lists.items() if not isinstance(given or [], list | tuple)]
        if wrong:  # a text would be taken letter by letter
            yield from (f"{name} is no list; write a list of texts" for name in wrong)
            return
        words = modes.option_words(self.copy_options or ())
        if "MANIFEST" in words:
            yield (
                "copy_options has MANIFEST, and s3_key would be read as data; give the files that the manifest names, or "
                "their prefix: this operator writes a manifest of its own"
            )
        if self.method in _BY_KEYS and "EXPLICIT_IDS" in words:
            yield f"method {self.method!r} inserts rows, and an INSERT cannot set an identity column: leave EXPLICIT_IDS out"
        named = {each.lower() for each in self.column_list or ()}
        needed = [*(self.upsert_keys or ()), *([self.incremental_key] if self.incremental_key else [])]
        for column in needed if named else ():
            if column.lower() not in named:
                yield f"column_list lacks {column!r}, by which method {self.method!r} compares rows"

    def execute(self, context: Any) -> dict[str, Any]:  # noqa: ANN401 - the spec's signature
        """Load; returns ``rows``, ``files``, ``bytes``, ``load_key`` and whether it was ``loaded`` now or before."""
        problems = self._problems()  # once more, of what templates have made of the arguments
        if problems:
            raise _invalid("; ".join(problems), "Correct the task's arguments")
        hook = RedshiftHook(self.redshift_conn_id, query_group=self.query_group)
        files = self.files()
        if self.create_sql:
            hook.run(self.create_sql, autocommit=True, repeatable=True)
        ledger = self._ledger(hook)
        load = _Load(self, files, ledger, _who(context))
        try:
            return hook.transaction(load.run, operation="COPY", repeatable=ledger is not None or self._is_repeatable)
        except ProviderError as error:
            raise load.explained(hook, error) from error
        finally:
            load.warn(hook)

    @property
    def _is_repeatable(self) -> bool:
        """Whether loading twice gives what loading once does, whatever the ledger says."""
        return self.method != "append"

    def _ledger(self, hook: RedshiftHook) -> Ledger | None:
        if self.idempotency == "none" or (self.idempotency == "auto" and self._is_repeatable):
            return None
        if str(self.load_key).endswith(" "):
            raise _invalid(
                f"the load_key {str(self.load_key)!r} ends in a blank, by which Redshift tells no two texts apart",
                "Give one without",
            )
        length = len(str(self.load_key).encode())
        if length > LONGEST_KEY:
            raise _invalid(f"the load_key has {length} bytes, the ledger holds {LONGEST_KEY}", "Give a shorter one")
        ledger = Ledger(self.schema, self.ledger, f"{self.schema}.{self.table}".lower())
        ledger.prepare(hook)
        return ledger

    def columns(self, session: Session) -> Sequence[str]:
        """The columns that are loaded, empty for all if the method need not know them."""
        if self.column_list or self.method not in _BY_KEYS:
            return self.column_list or ()
        return modes.columns_of(session, self.schema, self.table)

    def write(self, session: Session, files: Files, columns: Sequence[str]) -> int:
        """Load files in the way of the method; returns the rows that were written."""
        copy = modes.Copy(
            quoted(self.schema, self.table),
            columns,
            write_manifest(files, self.manifest_prefix, self.store_conn_id) if files.objects else "",
            self.iam_role,
            self.copy_options or (),
        )
        if self.method in _BY_KEYS:
            return _BY_KEYS[self.method](session, copy, self.upsert_keys or (), self.incremental_key)
        if self.method == "swap":
            return swap(session, copy, self.schema, self.table)
        return _WRITERS[self.method](session, copy)

    def files(self) -> Files:
        """The files that are there now; raises SkipTask if there may be none and are none."""
        found = find_files(self.sources(), self.store_conn_id, required=self.if_missing == "fail")
        if not found.every:
            raise SkipTask(f"{', '.join(self.sources())}: there is no file to load")
        return found

    def sources(self) -> list[str]:
        """URLs of the files and prefixes."""
        keys = [self.s3_key] if isinstance(self.s3_key, str) else list(self.s3_key)
        return [key if "://" in key else f"s3://{self.s3_bucket}/{key}" for key in keys]


class _Load:
    """One load while it is tried."""

    def __init__(self, task: S3ToRedshiftOperator, files: Files, ledger: Ledger | None, who: Mapping[str, str]) -> None:
        self._task, self._files, self._ledger, self._who = task, files, ledger, who
        self._table = quoted(task.schema, task.table)
        self._session: tuple[int, datetime] | None = None

    def run(self, session: Session) -> dict[str, Any]:
        """The transaction."""
        if self._session is not None:  # an earlier attempt failed, perhaps because files were replaced
            self._files = self._task.files()
        self._session = session.rows_apart("SELECT pg_backend_pid(), getdate()")[0]
        columns = self._task.columns(session)
        load_key = str(self._task.load_key) or self._files.fingerprint
        left, lines = self._left(session, load_key)
        if lines and not left.every:
            return self._done_before(lines, load_key)
        rows = self._task.write(session, left, columns)
        if self._ledger is not None:
            refuse_changed(left, self._task.sources(), self._task.store_conn_id)
            key = str(self._task.load_key) or left.fingerprint
            self._ledger.write(session, key, left.every, rows=rows, who=self._who)
        print(f"{self._table}: {rows} rows of {len(left.objects)} files ({left.size} bytes)")  # noqa: T201 - the task's log
        return {"rows": rows, "files": len(left.objects), "bytes": left.size, "load_key": load_key, "loaded": True}

    def _left(self, session: Session, load_key: str) -> tuple[Files, list[Entry]]:
        """What is to be loaded, and the lines of the ledger by which the rest is not."""
        if self._ledger is None:
            return self._files, []
        self._ledger.lock(session)
        # what a table was replaced by is one load: without some of its files it would be another table
        if self._task.load_key or self._task.method in _WHOLE:
            lines = self._ledger.of_key(session, load_key)
            return Files((), ()) if lines else self._files, lines
        lines = self._ledger.of_files(session, self._files.every)
        left = self._files.without((each.url, each.etag) for each in lines)
        if lines and left.every:
            before = len(self._files.every) - len(left.every)
            print(f"{self._table}: {before} files were loaded before and are left out")  # noqa: T201 - the task's log
        return left, lines

    def _done_before(self, lines: list[Entry], load_key: str) -> dict[str, Any]:
        loads = {each.load_key: each.load_rows for each in lines}
        rows = sum(loads.values())
        again = self._ledger.how_to_forget(loads) if self._ledger else ""
        done = f"the load {load_key!r} was done at {lines[0].loaded_at} with {rows} rows; nothing is loaded"
        print(f"{self._table}: {done}. To load it again: {again}")  # noqa: T201 - the task's log
        found = {"files": len(self._files.objects), "bytes": self._files.size, "load_key": load_key}
        return {"rows": rows, **found, "loaded": False}

    def explained(self, hook: RedshiftHook, error: ProviderError) -> ProviderError:
        """The error with the report on the refused rows, if rows were refused."""
        if error.kind is not ErrorKind.INVALID or self._session is None:
            return error
        try:
            errors = load_errors(hook, *self._session)
        except PenstockError as unreadable:
            print(f"which rows were refused cannot be told: {unreadable}")  # noqa: T201 - the task's log
            return error
        if not errors:
            return error
        return ProviderError(
            f"{self._table}: {describe(errors)}",
            service="redshift", operation="COPY", kind=ErrorKind.INVALID, code=error.code,
            hint="Nothing was loaded. Correct the files or the table, or allow some bad rows by the option MAXERROR",
        )  # fmt: skip

    def warn(self, hook: RedshiftHook) -> None:
        """Print what rows were passed over by MAXERROR."""
        if self._session is None or not any("MAXERROR" in each.upper() for each in self._task.copy_options or ()):
            return
        try:
            errors = load_errors(hook, *self._session)
        except PenstockError as error:
            print(f"which rows were passed over cannot be told: {error}")  # noqa: T201 - the task's log
            return
        if errors:
            print(f"{self._table}: {describe(errors)}")  # noqa: T201 - the task's log


def _invalid(detail: str, hint: str) -> ProviderError:
    return ProviderError(detail, service="redshift", operation="COPY", kind=ErrorKind.INVALID, hint=hint)


def _who(context: Any) -> dict[str, str]:  # noqa: ANN401 - the context, or a test's empty one
    facts = getattr(context, "facts", None)
    return {"dag": facts.dag_id, "run_id": facts.run_id, "task": facts.task_id} if facts else {}
