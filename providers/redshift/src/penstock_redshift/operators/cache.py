"""The cache of the warehouse in PostgreSQL: made, refreshed, checked and dropped."""

from collections.abc import Sequence
from typing import Any, ClassVar

from penstock import Operator
from penstock.errors import ErrorKind, ProviderError
from penstock_redshift.hooks import PostgresHook, RedshiftHook
from penstock_redshift.hooks.cache.columns import describe, single_query
from penstock_redshift.hooks.cache.link import WRAPPERS, set_up
from penstock_redshift.hooks.cache.refresh import MODES, RefreshRequest, refresh
from penstock_redshift.hooks.cache.registry import Definition, full_name
from penstock_redshift.hooks.cache.relations import create, drop, with_types
from penstock_redshift.hooks.cache.rights import standings
from penstock_redshift.hooks.cache.unloaded_files import UnloadFolder
from penstock_redshift.hooks.quoting import quoted

_KINDS = tuple(MODES)
_ALL_MODES = ("", *sorted({mode for modes in MODES.values() for mode in modes}))


class RedshiftCacheSetupOperator(Operator):
    """Makes or renews the way from a PostgreSQL to the warehouse: extensions, a foreign server, a login, and the list of what is cached.

    It first looks whether the database can be a cache, and ends with a query over the new way; if anything fails, nothing is changed.
    Run it again when the password, the address or anything else has changed.

    Args:
        server: What the foreign server is called.
        wrapper: ``dblink_fdw``; or ``postgres_fdw``, for foreign tables of your own on the same server.
        host: Address by which PostgreSQL reaches the warehouse; the connection's own unless given.
        port: Its port there; the connection's own unless given.
        sslmode: As libpq means it, in PostgreSQL; the connection's own unless given.
        sslrootcert: File of trusted certificates on the machine of PostgreSQL; with ``verify-full``, its system's unless given.
        redshift_conn_id: The warehouse, and its user of whom the cache has the rights.
        postgres_conn_id: The database of the cache.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("server", "host")

    def __init__(  # noqa: PLR0913 - the arguments of a task, each by name
        self,
        *,
        server: str = "redshift",
        wrapper: str = "dblink_fdw",
        host: str = "",
        port: int = 0,
        sslmode: str = "",
        sslrootcert: str = "",
        redshift_conn_id: str = "redshift_default",
        postgres_conn_id: str = "postgres_default",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        if wrapper not in WRAPPERS:
            raise ValueError(f"wrapper is {wrapper!r}; write one of {', '.join(WRAPPERS)}")
        self.server, self.wrapper, self.host, self.port = server, wrapper, host, port
        self.sslmode, self.sslrootcert = sslmode, sslrootcert
        self.redshift_conn_id, self.postgres_conn_id = redshift_conn_id, postgres_conn_id

    def execute(self, context: Any) -> dict[str, Any]:  # noqa: ANN401, ARG002 - the spec's signature
        """Set it up; returns the ``server``, and the ``user`` of the warehouse and whether it is a ``superuser``."""
        redshift = RedshiftHook(self.redshift_conn_id)
        fields = redshift.fields
        sslmode = self.sslmode or fields.sslmode
        options = {
            "host": self.host or fields.host, "port": str(self.port or fields.port), "dbname": fields.database,
            "sslmode": sslmode, "sslrootcert": self.sslrootcert or ("system" if sslmode == "verify-full" else ""),
            "connect_timeout": str(fields.connect_timeout_s), "keepalives_idle": "60",
            "application_name": f"{fields.application_name}-cache",
        }  # fmt: skip
        options = {name: value for name, value in options.items() if value}
        done = set_up(PostgresHook(self.postgres_conn_id), redshift, self.server, self.wrapper, options)
        self.log.info("%s: reached as %s by the foreign server %s", redshift.endpoint, done["user"], self.server)
        if done["superuser"]:
            self.log.warning("the cache reads as the superuser %s: give it a user that may only read", done["user"])
        return done


class RedshiftCacheCreateOperator(Operator):
    """Makes a materialized view or a table of the cache, with the columns that the warehouse names, and fills it.

    One that is there in the same shape is left as it is.

    Args:
        name: ``schema.relation`` in PostgreSQL; the schema ``public`` unless given.
        sql: The query that the warehouse is asked, or the name of a ``.sql`` file; all of ``table`` unless given.
        table: The table of the warehouse, ``schema.table``, if there is no query.
        kind: ``view`` is filled anew as a whole; ``table`` is changed row by row, takes the incremental mode and files.
        keys: Columns that tell rows apart; for the mode ``concurrent`` of a view, and the mode ``incremental`` of a table.
        incremental_key: Column that grows with each change of a row, for the mode ``incremental``.
        column_types: Types of PostgreSQL by column, where another one is wanted.
        reads: Tables that the query reads, ``schema.table``, by which the rights of readers are judged; ``table`` is among them.
        readers: Roles of PostgreSQL that may read it, and for each the user of the warehouse whose rights he must have.
        replace: Whether one of another shape is dropped for it.
        fill: Whether it is filled at once, or left empty until its first refresh.
        server: The foreign server.
        redshift_conn_id: The warehouse.
        postgres_conn_id: The database of the cache.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("name", "sql", "table")
    template_ext: ClassVar[Sequence[str]] = (".sql",)

    def __init__(  # noqa: PLR0913 - the arguments of a task, each by name
        self,
        *,
        name: str,
        sql: str = "",
        table: str = "",
        kind: str = "view",
        keys: list[str] | None = None,
        incremental_key: str = "",
        column_types: dict[str, str] | None = None,
        reads: list[str] | None = None,
        readers: dict[str, str] | None = None,
        replace: bool = False,
        fill: bool = True,
        server: str = "redshift",
        redshift_conn_id: str = "redshift_default",
        postgres_conn_id: str = "postgres_default",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        if bool(sql) == bool(table):
            raise ValueError("sql or table is needed, one of the two")
        if kind not in _KINDS:
            raise ValueError(f"kind is {kind!r}; write one of {', '.join(_KINDS)}")
        if incremental_key and (kind != "table" or not keys):
            raise ValueError("incremental_key belongs to a table with keys")
        self.name, self.sql, self.table, self.kind, self.keys = name, sql, table, kind, keys
        self.incremental_key, self.column_types, self.reads, self.readers = (
            incremental_key,
            column_types,
            reads,
            readers,
        )
        self.replace, self.fill, self.server = replace, fill, server
        self.redshift_conn_id, self.postgres_conn_id = redshift_conn_id, postgres_conn_id

    def execute(self, context: Any) -> dict[str, Any]:  # noqa: ANN401, ARG002 - the spec's signature
        """Make it; returns its ``name``, whether it was ``created``, and what its refresh returns if it was filled."""
        redshift = RedshiftHook(self.redshift_conn_id)
        query = single_query(self.sql or f"SELECT * FROM {self.table}")  # noqa: S608 - the author's own SQL
        columns = with_types(describe(redshift, query), self.column_types or {})
        # by their names: a column that is added to the table there must not break what is made here
        query = f"SELECT {', '.join(quoted(each.name) for each in columns)} FROM ({query}\n) AS answer"  # noqa: S608 - as above
        definition = Definition(
            full_name(self.name), self.kind, self.server, query, columns, list(self.keys or ()), self.incremental_key,
            [*([self.table] if self.table else []), *(self.reads or ())],
        )  # fmt: skip
        done = create(
            PostgresHook(self.postgres_conn_id), redshift, definition,
            readers=self.readers or {}, replace=self.replace, request=RefreshRequest() if self.fill else None,
        )  # fmt: skip
        how = f"created, {done.get('rows', 'no')} rows" if done["created"] else "is there already, in this shape"
        self.log.info("%s: %s", done["name"], how)
        return done


class RedshiftCacheRefreshOperator(Operator):
    """Refreshes a view or table of the cache; of many that ask at once, one refreshes and all are served.

    Put it into a DAG with a schedule for a periodic refresh, or behind the task that loads the warehouse. All of a refresh is one
    transaction: whatever is killed, the old content stays.

    Args:
        name: ``schema.relation``; the schema ``public`` unless given.
        mode: ``full`` or ``concurrent`` of a view, ``full`` or ``incremental`` of a table; the second if it has keys for it unless given.
        max_staleness_s: A refresh that began at most so long before this task asks is new enough, and nothing is done.
        overlap: How far below the greatest ``incremental_key`` so far the mode ``incremental`` begins, for rows that were committed late:
            seconds of a time, or the distance of a number.
        s3_url: ``s3://`` URL of a folder for files, which is the cache's alone: a table's rows go by UNLOAD and COPY.
        iam_role: ``default``, or ARNs of the roles by which the cluster writes the files.
        store_conn_id: Connection with which the files are read; that of the object store by default.
        redshift_conn_id: The warehouse.
        postgres_conn_id: The database of the cache.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("name", "mode", "s3_url", "iam_role")

    def __init__(  # noqa: PLR0913 - the arguments of a task, each by name
        self,
        *,
        name: str,
        mode: str = "",
        max_staleness_s: float = 0.0,
        overlap: float = 600.0,
        s3_url: str = "",
        iam_role: str = "default",
        store_conn_id: str | None = None,
        redshift_conn_id: str = "redshift_default",
        postgres_conn_id: str = "postgres_default",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        if "{" not in mode and mode not in _ALL_MODES:
            raise ValueError(f"mode is {mode!r}; write one of {', '.join(_ALL_MODES[1:])}")
        if max_staleness_s < 0 or overlap < 0:
            raise ValueError("max_staleness_s and overlap must be 0 or more")
        self.name, self.mode, self.max_staleness_s, self.overlap = name, mode, max_staleness_s, overlap
        self.s3_url, self.iam_role, self.store_conn_id = s3_url, iam_role, store_conn_id
        self.redshift_conn_id, self.postgres_conn_id = redshift_conn_id, postgres_conn_id

    def execute(self, context: Any) -> dict[str, Any]:  # noqa: ANN401, ARG002 - the spec's signature
        """Refresh it; returns whether it was ``refreshed``, ``as_of`` when its content is, its ``rows``, and what was done."""
        files = UnloadFolder(self.s3_url, self.iam_role, self.store_conn_id) if self.s3_url else None
        done = refresh(
            PostgresHook(self.postgres_conn_id), RedshiftHook(self.redshift_conn_id), full_name(self.name),
            RefreshRequest(self.mode, self.max_staleness_s, self.overlap, files),
        )  # fmt: skip
        how = f"refreshed ({done['mode']})" if done["refreshed"] else "new enough"
        self.log.info("%s: %s, %s rows as of %s", done["name"], how, done["rows"], done["as_of"])
        return done


class RedshiftCacheCheckOperator(Operator):
    """Fails if a relation of the cache is too old, or if someone may read in it what the warehouse does not let him read.

    Args:
        names: Which relations; all unless given.
        max_staleness_s: How old the content may be; not looked at unless given.
        users: The user of the warehouse for a role of PostgreSQL, where the names differ.
        check_rights: Whether the rights of those who can read a relation are held against the warehouse's.
        redshift_conn_id: The warehouse.
        postgres_conn_id: The database of the cache.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("names",)

    def __init__(
        self,
        *,
        names: list[str] | None = None,
        max_staleness_s: float | None = None,
        users: dict[str, str] | None = None,
        check_rights: bool = True,
        redshift_conn_id: str = "redshift_default",
        postgres_conn_id: str = "postgres_default",
        **kwargs: Any,  # noqa: ANN401 - an operator's own
    ) -> None:
        super().__init__(**kwargs)
        self.names, self.max_staleness_s, self.users, self.check_rights = names, max_staleness_s, users, check_rights
        self.redshift_conn_id, self.postgres_conn_id = redshift_conn_id, postgres_conn_id

    def execute(self, context: Any) -> dict[str, float | None]:  # noqa: ANN401, ARG002 - the spec's signature
        """Check; returns the staleness of each relation in seconds, None for one that was never filled.

        Raises:
            penstock.errors.ProviderError: Of kind ``permission`` if someone reads too much, else ``conflict`` if something is too old.
        """
        redshift = RedshiftHook(self.redshift_conn_id) if self.check_rights else None
        names = [full_name(each) for each in self.names or ()]
        found = standings(PostgresHook(self.postgres_conn_id), redshift, names, self.users or {})
        for each in found:
            self.log.info("%s: %s, %s rows", each.name, _age(each.staleness_s), each.rows)
        excess = [f"{each.name}: {sentence}" for each in found for sentence in each.excess]
        old = [f"{each.name} is {_age(each.staleness_s)}" for each in found if self._is_old(each.staleness_s)]
        if excess or old:
            kind = ErrorKind.PERMISSION if excess else ErrorKind.CONFLICT
            raise ProviderError(
                "; ".join(excess + old), service="postgres", operation="CacheCheck", kind=kind,
                hint="Revoke the rights here or grant them there; the argument users names the user of a role whose name "
                "differs. Refresh what is old",
            )  # fmt: skip
        return {each.name: each.staleness_s for each in found}

    def _is_old(self, staleness_s: float | None) -> bool:
        return self.max_staleness_s is not None and (staleness_s is None or staleness_s > self.max_staleness_s)


def _age(staleness_s: float | None) -> str:
    return "never filled" if staleness_s is None else f"{staleness_s:.0f} s old"


class RedshiftCacheDropOperator(Operator):
    """Drops a view or table of the cache; nothing is done if there is none.

    Args:
        name: ``schema.relation``; the schema ``public`` unless given.
        postgres_conn_id: The database of the cache.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("name",)

    def __init__(self, *, name: str, postgres_conn_id: str = "postgres_default", **kwargs: Any) -> None:  # noqa: ANN401 - an operator's own
        super().__init__(**kwargs)
        self.name, self.postgres_conn_id = name, postgres_conn_id

    def execute(self, context: Any) -> bool:  # noqa: ANN401, ARG002 - the spec's signature
        """Drop it; returns whether there was one."""
        name = full_name(self.name)
        there = drop(PostgresHook(self.postgres_conn_id), name)
        self.log.info("%s: %s", name, "dropped" if there else "is not in the cache")
        return there
