"""Whether those who may read the cache may read in the warehouse what it was made of.

Source: "HAS_TABLE_PRIVILEGE" and "HAS_SCHEMA_PRIVILEGE" of the Amazon Redshift Database Developer Guide; the latter without the right
USAGE the former is of no use.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from penstock.errors import ErrorKind, ProviderError
from penstock_redshift.hooks.postgres import PostgresHook
from penstock_redshift.hooks.quoting import quoted
from penstock_redshift.hooks.redshift import RedshiftHook
from penstock_redshift.hooks.session import Session

# Who can log in, come to the relation and read it, by whatever way; superusers read everything anywhere, and are no news.
_READERS = """
SELECT r.rolname::text FROM pg_roles r, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = %s::regclass AND r.rolcanlogin AND NOT r.rolsuper AND r.oid <> c.relowner
  AND has_database_privilege(r.oid, current_database(), 'CONNECT') AND has_schema_privilege(r.oid, n.oid, 'USAGE')
  AND has_table_privilege(r.oid, c.oid, 'SELECT') ORDER BY 1"""


class Standing(NamedTuple):
    """How a relation of the cache stands.

    Attributes:
        name: The relation.
        as_of: When its last refresh began to read; None before the first.
        staleness_s: How long that is ago; None before the first refresh.
        rows: How many rows it had then.
        excess: Who reads here what the warehouse does not let him read, in sentences.
    """

    name: str
    as_of: datetime | None
    staleness_s: float | None
    rows: int | None
    excess: list[str]


def standings(
    postgres: PostgresHook, redshift: RedshiftHook | None, names: Sequence[str], users: Mapping[str, str]
) -> list[Standing]:
    """How relations of the cache stand.

    Args:
        postgres: Where the cache is.
        redshift: The warehouse, in which rights are looked up; None to leave them out.
        names: Which relations; all if there are none.
        users: The user of the warehouse for a role of PostgreSQL, where the names differ.

    Raises:
        penstock.errors.ProviderError: Of kind ``not_found``: a name is not in the cache.
    """
    with postgres.session("CacheCheck") as session:
        rows = session.rows(
            "SELECT r.name, r.as_of, s.staleness_s, r.row_count, r.reads FROM penstock_cache.relations r"
            " JOIN penstock_cache.staleness s USING (name) ORDER BY r.name"
        )
        missing = set(names) - {row[0] for row in rows}
        if missing:
            raise ProviderError(
                f"not in the cache: {', '.join(sorted(missing))}", service="postgres", operation="CacheCheck",
                kind=ErrorKind.NOT_FOUND, hint="Correct the names; the view penstock_cache.staleness lists all",
            )  # fmt: skip
        chosen = [row for row in rows if not names or row[0] in names]
        readers = {row[0]: _readers(session, row[0]) for row in chosen} if redshift else {}
    found = []
    for name, as_of, staleness_s, count, reads in chosen:
        roles = {role: users.get(role, role) for role in readers.get(name, ())}
        excess = list(_excess(redshift, reads, roles)) if redshift and roles else []
        found.append(Standing(name, as_of, staleness_s, count, excess))
    return found


def require_rights(redshift: RedshiftHook, reads: Sequence[str], readers: Mapping[str, str]) -> None:
    """Refuse readers who have fewer rights in the warehouse; raises `penstock.errors.ProviderError` of kind ``permission``."""
    excess = list(_excess(redshift, reads, readers)) if readers else []
    if excess:
        raise ProviderError(
            "; ".join(excess), service="redshift", operation="CacheCreate", kind=ErrorKind.PERMISSION,
            hint="Grant the right in the warehouse, or leave the reader out",
        )  # fmt: skip


def _readers(session: Session, name: str) -> list[str]:
    return [str(row[0]) for row in session.rows(_READERS, [quoted(*name.split("."))])]


def _excess(redshift: RedshiftHook, reads: Sequence[str], readers: Mapping[str, str]) -> Iterator[str]:
    if not reads:
        yield f"which tables the query reads is not known, and so not whether {', '.join(sorted(readers))} may; name them in reads"
        return
    with redshift.session("Rights") as session:
        known = {str(row[0]) for row in session.rows("SELECT usename FROM pg_user")}
        for role, user in sorted(readers.items()):
            if user not in known:
                yield f"the role {role} reads here, and the warehouse has no user {user}"
                continue
            for table in reads:
                schema = table.rpartition(".")[0] or "public"
                may = session.rows(
                    "SELECT has_schema_privilege(%s, %s, 'USAGE'), has_table_privilege(%s, %s, 'SELECT')",
                    (user, schema, user, table),
                )[0]
                if not all(may):
                    yield f"the role {role} reads here, and the user {user} may not read {table} in the warehouse"
