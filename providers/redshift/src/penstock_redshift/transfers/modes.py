"""The ways in which new rows meet those that are there, as SQL within one transaction."""

# ruff: noqa: S608 - statements are built from names that are quoted; values are parameters

from collections.abc import Sequence
from typing import NamedTuple

from penstock.errors import ErrorKind, ProviderError
from penstock_redshift.hooks import Session
from penstock_redshift.hooks.quoting import escaped, quoted

_STAGE, _CHOSEN = quoted("penstock_stage"), quoted("penstock_chosen")


class Copy(NamedTuple):
    """What a COPY does.

    Attributes:
        table: The target, quoted.
        columns: The columns that the files hold, in their order; empty for all of the table.
        manifest: URL of the manifest.
        iam_role: ``default`` or one or more ARNs, joined by commas.
        options: Further options, as they are written in SQL.
    """

    table: str
    columns: Sequence[str]
    manifest: str
    iam_role: str
    options: Sequence[str]

    def run(self, session: Session, into: str = "") -> int:
        """Run it, into another table of the same columns if one is named; returns the rows that were loaded."""
        names = f" ({', '.join(map(quoted, self.columns))})" if self.columns else ""
        default = self.iam_role.lower() == "default"
        role = "default" if default else "%s"
        options = " ".join(escaped(each) for each in self.options)
        session.run(
            f"COPY {escaped(into or self.table)}{escaped(names)} FROM %s IAM_ROLE {role} MANIFEST {options}".rstrip(),
            (self.manifest,) if default else (self.manifest, self.iam_role),
        )
        return int(session.value("SELECT pg_last_copy_count()") or 0)


def append(session: Session, copy: Copy) -> int:
    """Add the rows."""
    return copy.run(session)


def replace(session: Session, copy: Copy) -> int:
    """Put the rows in place of all that are there. DELETE and not TRUNCATE, which would commit at once."""
    session.run(f"DELETE FROM {copy.table}")
    return copy.run(session)


def upsert(session: Session, copy: Copy, keys: Sequence[str], incremental_key: str) -> int:
    """Replace rows of equal keys and add the others; the newest row of a key wins, among the new and against the old.

    Args:
        session: The transaction.
        copy: What is loaded.
        keys: Columns that tell rows apart; none may be NULL.
        incremental_key: Column that tells which of two rows is newer; "" if a key comes once in a load.

    Returns:
        The rows that were written.
    """
    columns = list(copy.columns) or [
        each.name for each in session.run(f"SELECT * FROM {copy.table} LIMIT 0").description or ()
    ]
    names = ", ".join(map(quoted, columns))
    session.run(f"CREATE TEMP TABLE {_STAGE} (LIKE {copy.table} INCLUDING DEFAULTS)")
    copy.run(session, _STAGE)
    _refuse_nulls(session, keys)
    _choose(session, names, keys, incremental_key)
    same = " AND ".join(f"{copy.table}.{quoted(key)} = {_CHOSEN}.{quoted(key)}" for key in keys)
    if incremental_key:
        newer = quoted(incremental_key)
        session.run(
            f"DELETE FROM {_CHOSEN} USING {copy.table} WHERE {same} AND {_CHOSEN}.{newer} < {copy.table}.{newer}"
        )
    session.run(f"DELETE FROM {copy.table} USING {_CHOSEN} WHERE {same}")
    written = session.run(f"INSERT INTO {copy.table} ({names}) SELECT {names} FROM {_CHOSEN}").rowcount
    session.run(f"DROP TABLE {_STAGE}")
    session.run(f"DROP TABLE {_CHOSEN}")
    return written


def _choose(session: Session, names: str, keys: Sequence[str], incremental_key: str) -> None:
    """One row a key: the newest. Without a column that tells, rows that differ are refused, equal ones are one."""
    by = ", ".join(map(quoted, keys))
    order = f"{quoted(incremental_key)} DESC" if incremental_key else by
    ranked = f"SELECT DISTINCT {names} FROM {_STAGE}"
    session.run(
        f"CREATE TEMP TABLE {_CHOSEN} AS SELECT {names} FROM (SELECT {names}, "
        f"ROW_NUMBER() OVER (PARTITION BY {by} ORDER BY {order}) AS penstock_rank FROM ({ranked}) AS every_row"
        ") AS ranked WHERE penstock_rank = 1"
    )
    if not incremental_key:
        doubled = int(session.value(f"SELECT count(*) FROM ({ranked}) AS every_row")) - int(
            session.value(f"SELECT count(*) FROM {_CHOSEN}")
        )
        if doubled:
            raise _refused(
                f"{doubled} rows have a key ({', '.join(keys)}) that another row of the load has with other values",
                "Name the column that tells which is newer as incremental_key",
            )


def _refuse_nulls(session: Session, keys: Sequence[str]) -> None:
    missing = " OR ".join(f"{quoted(key)} IS NULL" for key in keys)
    count = int(session.value(f"SELECT count(*) FROM {_STAGE} WHERE {missing}"))
    if count:
        raise _refused(f"{count} rows have NULL in a key ({', '.join(keys)}), which equals nothing", "Correct the data")


def _refused(detail: str, hint: str) -> ProviderError:
    return ProviderError(detail, service="redshift", operation="Upsert", kind=ErrorKind.INVALID, hint=hint)
