"""What is cached: a row for each view or table in a table of the cache's own database, which is also what its refreshes wait for."""

# ruff: noqa: S608 - statements are built from names that are quoted and queries of the author's; values are parameters

import json
from datetime import datetime
from typing import Any, NamedTuple

from penstock.errors import ErrorKind, ProviderError
from penstock_redshift.hooks.cache.columns import Column
from penstock_redshift.hooks.quoting import quoted
from penstock_redshift.hooks.session import Session

REGISTRY = (
    "CREATE SCHEMA IF NOT EXISTS penstock_cache",
    """CREATE TABLE IF NOT EXISTS penstock_cache.relations (
      name text PRIMARY KEY, kind text NOT NULL, server text NOT NULL, query text NOT NULL, columns jsonb NOT NULL,
      keys text[] NOT NULL, incremental_key text NOT NULL, reads text[] NOT NULL,
      watermark text, as_of timestamptz, mode text, row_count bigint, seconds double precision, refreshes bigint NOT NULL DEFAULT 0)""",
    """CREATE OR REPLACE VIEW penstock_cache.staleness AS
      SELECT name, kind, mode, as_of, EXTRACT(epoch FROM clock_timestamp() - as_of)::double precision AS staleness_s,
             row_count, seconds, refreshes FROM penstock_cache.relations""",
)
_FIELDS = "name, kind, server, query, columns, keys, incremental_key, reads"


class Definition(NamedTuple):
    """What a view or table of the cache is.

    Attributes:
        name: ``schema.relation``.
        kind: ``view`` for a materialized view, ``table`` for a table.
        server: The foreign server by which PostgreSQL reaches the warehouse.
        query: What is asked there.
        columns: What it answers.
        keys: Columns that tell rows apart.
        incremental_key: Column that grows with each change of a row; "" if there is none.
        reads: Tables of the warehouse that the query reads, as far as they were named.
    """

    name: str
    kind: str
    server: str
    query: str
    columns: list[Column]
    keys: list[str]
    incremental_key: str
    reads: list[str]

    @property
    def sql_name(self) -> str:
        """The name as it is written in SQL."""
        return quoted(*self.name.split("."))

    @property
    def listed(self) -> str:
        """The columns' names, as they are written in SQL."""
        return ", ".join(quoted(each.name) for each in self.columns)

    @property
    def typed(self) -> str:
        """The columns with their types."""
        return ", ".join(map(str, self.columns))

    def remote(self, query: str, session: Session) -> str:
        """The query as a table of PostgreSQL."""
        from psycopg import sql  # noqa: PLC0415 - on first use

        literals = [sql.Literal(each).as_string(session.connection) for each in (self.server, query)]
        return f"dblink({', '.join(literals)}) AS answer ({self.typed})"


class State(NamedTuple):
    """How a relation of the cache is.

    Attributes:
        as_of: When the last refresh began to read, by PostgreSQL's clock; None before the first.
        watermark: The greatest value of the incremental key so far, as text; None before the first.
        rows: How many rows it had then.
    """

    as_of: datetime | None
    watermark: str | None
    rows: int | None


def full_name(name: str) -> str:
    """The name with its schema; raises ValueError if it has other than one or two parts."""
    parts = name.split(".")
    if not all(parts) or len(parts) > 2:
        raise ValueError(f"name is {name!r}; write relation or schema.relation")
    return name if len(parts) == 2 else f"public.{name}"


def look_up(session: Session, name: str) -> Definition | None:
    """The definition of a relation; None if there is none."""
    rows = session.rows(f"SELECT {_FIELDS} FROM penstock_cache.relations WHERE name = %s", [name])
    return _definition(rows[0]) if rows else None


def hold(session: Session, name: str) -> tuple[Definition, State]:
    """The relation's definition and state, locked until the transaction ends: whoever else wants to change it waits.

    Raises:
        penstock.errors.ProviderError: Of kind ``not_found``: there is no such relation.
    """
    fields = f"{_FIELDS}, as_of, watermark, row_count"
    rows = session.rows(f"SELECT {fields} FROM penstock_cache.relations WHERE name = %s FOR UPDATE", [name])
    if not rows:
        raise ProviderError(
            f"there is no {name} in the cache", service="postgres", operation="Cache", kind=ErrorKind.NOT_FOUND,
            hint="Make it with RedshiftCacheCreateOperator",
        )  # fmt: skip
    return _definition(rows[0][:8]), State(*rows[0][8:])


def record(session: Session, definition: Definition) -> None:
    """Write the definition of a new relation."""
    columns = json.dumps(definition.columns)
    session.run(
        f"INSERT INTO penstock_cache.relations ({_FIELDS}) VALUES (%s, %s, %s, %s, %s, %s::text[], %s, %s::text[])",
        (*definition[:4], columns, *definition[5:]),
    )


def _definition(row: tuple[Any, ...]) -> Definition:
    name, kind, server, query, columns, keys, incremental_key, reads = row
    return Definition(name, kind, server, query, [Column(*each) for each in columns], keys, incremental_key, reads)
