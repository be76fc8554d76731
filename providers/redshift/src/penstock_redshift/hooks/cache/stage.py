"""Rows on their way into a table of the cache: first all into a table of the transaction's own, then what differs into the cache's."""

# ruff: noqa: S608 - statements are built from names that are quoted and queries of the author's; values are parameters

from typing import NamedTuple

from penstock.errors import ErrorKind, ProviderError
from penstock_redshift.hooks.cache.registry import Definition
from penstock_redshift.hooks.quoting import quoted
from penstock_redshift.hooks.session import Session

STAGE = "pg_temp.penstock_cache_stage"


class Changes(NamedTuple):
    """How many rows were added or changed, and how many removed."""

    written: int
    removed: int


def make_stage(session: Session, definition: Definition) -> None:
    """An empty stage, which goes when the transaction ends."""
    session.run(f"CREATE TEMP TABLE penstock_cache_stage ({definition.typed}) ON COMMIT DROP")


def mirror(session: Session, definition: Definition) -> Changes:
    """Make the table what the stage is; rows that are equal are left alone, and readers see all of it at once."""
    if not definition.keys:
        removed = session.run(f"DELETE FROM {definition.sql_name}").rowcount
        insert = f"INSERT INTO {definition.sql_name} ({definition.listed}) SELECT {definition.listed} FROM {STAGE}"
        return Changes(session.run(insert).rowcount, removed)
    _refuse_ambiguous(session, definition)
    same = " AND ".join(f"new.{quoted(each)} = old.{quoted(each)}" for each in definition.keys)
    delete = f"DELETE FROM {definition.sql_name} old WHERE NOT EXISTS (SELECT 1 FROM {STAGE} new WHERE {same})"
    removed = session.run(delete).rowcount
    return Changes(_upsert(session, definition, ""), removed)


def merge(session: Session, definition: Definition) -> Changes:
    """Add the stage's rows, and replace those of equal keys that are not newer."""
    _refuse_ambiguous(session, definition)
    age = quoted(definition.incremental_key)
    return Changes(_upsert(session, definition, f"(old.{age} IS NULL OR old.{age} <= EXCLUDED.{age}) AND "), 0)


def _upsert(session: Session, definition: Definition, condition: str) -> int:
    keys = ", ".join(map(quoted, definition.keys))
    others = [quoted(each.name) for each in definition.columns if each.name not in definition.keys]
    order = f"{keys}, {quoted(definition.incremental_key)} DESC NULLS LAST" if definition.incremental_key else keys
    newest = f"SELECT DISTINCT ON ({keys}) {definition.listed} FROM {STAGE} ORDER BY {order}"
    action = "NOTHING"
    if others:
        assigned = ", ".join(f"{each} = EXCLUDED.{each}" for each in others)
        before, after = (", ".join(f"{row}.{each}" for each in others) for row in ("old", "EXCLUDED"))
        action = f"UPDATE SET {assigned} WHERE {condition}ROW({before}) IS DISTINCT FROM ROW({after})"
    return session.run(
        f"INSERT INTO {definition.sql_name} AS old ({definition.listed}) {newest} ON CONFLICT ({keys}) DO {action}"
    ).rowcount


def _refuse_ambiguous(session: Session, definition: Definition) -> None:
    """Refuse rows of one key of which none is the newest: the warehouse enforces no key."""
    keys = ", ".join(map(quoted, definition.keys))
    age = quoted(definition.incremental_key) if definition.incremental_key else ""
    order = f" ORDER BY {age} DESC NULLS LAST" if age else ""
    ranked = f"SELECT DISTINCT {definition.listed} FROM {STAGE}"
    first = f"SELECT *, rank() OVER (PARTITION BY {keys}{order}) AS penstock_rank FROM ({ranked}) AS rows"
    rows = session.rows(
        f"SELECT {keys} FROM ({first}) AS ranked WHERE penstock_rank = 1 GROUP BY {keys} HAVING count(*) > 1 LIMIT 1"
    )
    if rows:
        which = ", ".join(f"{key} {value!r}" for key, value in zip(definition.keys, rows[0], strict=True))
        raise ProviderError(
            f"{definition.name}: rows of {which} differ, and none is the newest", service="postgres",
            operation="CacheRefresh", kind=ErrorKind.INVALID,
            hint="Name all columns that tell rows apart as keys, or leave one of the rows out in the query",
        )  # fmt: skip
