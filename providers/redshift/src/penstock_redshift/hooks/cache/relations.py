"""Making and dropping views and tables of the cache."""

# ruff: noqa: S608 - statements are built from names that are quoted and queries of the author's; values are parameters

from collections.abc import Sequence
from typing import Any

from penstock.errors import ErrorKind, ProviderError
from penstock_redshift.hooks.cache.columns import Column
from penstock_redshift.hooks.cache.refresh import RefreshRequest, renew
from penstock_redshift.hooks.cache.registry import Definition, hold, look_up, record
from penstock_redshift.hooks.cache.rights import require_rights
from penstock_redshift.hooks.postgres import PostgresHook
from penstock_redshift.hooks.quoting import quoted
from penstock_redshift.hooks.redshift import RedshiftHook
from penstock_redshift.hooks.session import Session

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('penstock_cache.relations'), hashtext(%s))"


def create(
    postgres: PostgresHook,
    redshift: RedshiftHook,
    definition: Definition,
    *,
    readers: dict[str, str],
    replace: bool,
    request: RefreshRequest | None,
) -> dict[str, Any]:
    """Make a relation and fill it, all or nothing; one that is there in the same shape is left as it is.

    Args:
        postgres: Where the cache is.
        redshift: The warehouse.
        definition: What is made.
        readers: Roles that may read it, and the user of the warehouse whose rights each must have.
        replace: Whether one of another shape is dropped for it, in the same transaction.
        request: How it is filled; None to leave it empty until the first refresh.

    Raises:
        penstock.errors.ProviderError: Of kind ``conflict``: there is one of another shape. Of kind ``permission``: a reader has fewer
            rights in the warehouse. Of kind ``invalid``: keys that are no columns.
    """
    _check(definition)
    require_rights(redshift, definition.reads, readers)

    def work(session: Session) -> dict[str, Any]:
        session.run(_LOCK, [definition.name])
        before = look_up(session, definition.name)
        done = {"name": definition.name, "created": before != definition}
        if before is not None and before != definition:
            if not replace:
                raise ProviderError(
                    f"{definition.name} is in the cache in another shape", service="postgres", operation="CacheCreate",
                    kind=ErrorKind.CONFLICT, hint="Give it replace=True, or drop it first; grants and views on it go with it",
                )  # fmt: skip
            _drop(session, before)
        if before != definition:
            _make(session, definition)
            record(session, definition)
        for role in readers:
            session.run(f"GRANT SELECT ON {definition.sql_name} TO {quoted(role)}")
        if before == definition or request is None:
            return done
        filled = renew(postgres, redshift, session, *hold(session, definition.name), request)
        return done | filled

    return postgres.transaction(work, operation="CacheCreate", repeatable=True)


def drop(postgres: PostgresHook, name: str) -> bool:
    """Drop a relation of the cache; False if there is none. One that others depend on is refused by the server."""

    def work(session: Session) -> bool:
        session.run(_LOCK, [name])
        found = look_up(session, name)
        if found is not None:
            _drop(session, found)
        return found is not None

    return postgres.transaction(work, operation="CacheDrop", repeatable=True)


def with_types(columns: Sequence[Column], types: dict[str, str]) -> list[Column]:
    """The columns with other types where some are named; raises ValueError for names that are none."""
    unknown = types.keys() - {each.name for each in columns}
    if unknown:
        raise ValueError(f"column_types names {', '.join(sorted(unknown))}, which the query does not have")
    return [Column(each.name, types.get(each.name, each.type)) for each in columns]


def _check(definition: Definition) -> None:
    named = {each.name: each for each in definition.columns}
    problems = [f"the key {each} is no column of it" for each in definition.keys if each not in named]
    age = definition.incremental_key
    if age and age not in named:
        problems.append(f"the incremental_key {age} is no column of it")
    elif age and not named[age].is_ordered:
        problems.append(
            f"the incremental_key {age} is of type {named[age].type}, and must be a number, a date or a timestamp"
        )
    if problems:
        raise ProviderError(
            f"{definition.name}: {'; '.join(problems)}", service="postgres", operation="CacheCreate",
            kind=ErrorKind.INVALID, hint=f"It has the columns {', '.join(named)}",
        )  # fmt: skip


def _make(session: Session, definition: Definition) -> None:
    keys = ", ".join(map(quoted, definition.keys))
    if definition.kind == "table":
        primary = f", PRIMARY KEY ({keys})" if keys else ""
        session.run(f"CREATE TABLE {definition.sql_name} ({definition.typed}{primary})")
        return
    query = f"SELECT * FROM {definition.remote(definition.query, session)}"
    session.run(f"CREATE MATERIALIZED VIEW {definition.sql_name} AS {query} WITH NO DATA")
    if keys:
        session.run(f"CREATE UNIQUE INDEX ON {definition.sql_name} ({keys})")


def _drop(session: Session, definition: Definition) -> None:
    hold(session, definition.name)  # not while it is refreshed
    kind = {"view": "MATERIALIZED VIEW", "table": "TABLE"}[definition.kind]
    session.run(f"DROP {kind} IF EXISTS {definition.sql_name}")
    session.run("DELETE FROM penstock_cache.relations WHERE name = %s", [definition.name])
