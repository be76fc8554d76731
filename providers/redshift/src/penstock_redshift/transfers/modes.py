"""The ways in which new rows meet those that are there, as SQL within one transaction."""

# ruff: noqa: S608 - statements are built from names that are quoted; values are parameters

import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from penstock.errors import ErrorKind, ProviderError
from penstock_redshift.hooks import Session
from penstock_redshift.hooks.quoting import escaped, quoted

_STAGE, _CHOSEN = quoted("penstock_stage"), quoted("penstock_chosen")
_QUOTED = re.compile(r"'(?:[^'\\]|''|\\.)*'", re.DOTALL)


class Rows(Protocol):
    """Rows that are about to be loaded."""

    @property
    def service(self) -> str:
        """Whose table it is, for messages."""

    @property
    def table(self) -> str:
        """The target, quoted."""

    @property
    def columns(self) -> Sequence[str]:
        """Their columns, in order."""

    @property
    def is_empty(self) -> bool:
        """Whether it is known that there are none."""

    def run(self, session: Session, into: str = "") -> int:
        """Load them, into another table of the same columns if one is named; returns how many they are."""


class Copy(NamedTuple):
    """What a COPY does.

    Attributes:
        table: The target, quoted.
        columns: The columns that the files hold, in their order; empty for all of the table.
        manifest: URL of the manifest; "" if there is nothing to load.
        iam_role: ``default`` or one or more ARNs, joined by commas.
        options: Further options, as they are written in SQL.
    """

    table: str
    columns: Sequence[str]
    manifest: str
    iam_role: str
    options: Sequence[str]

    @property
    def service(self) -> str:
        """Whose table it is, for messages."""
        return "redshift"

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to load."""
        return not self.manifest

    def run(self, session: Session, into: str = "") -> int:
        """Run it, into another table of the same columns if one is named; returns the rows that were loaded."""
        if self.is_empty:
            return 0
        names = f" ({', '.join(map(quoted, self.columns))})" if self.columns else ""
        default = self.iam_role.lower() == "default"
        role = "default" if default else "%s"
        options = " ".join(escaped(each) for each in self.options)
        session.run(
            f"COPY {escaped(into or self.table)}{escaped(names)} FROM %s IAM_ROLE {role} MANIFEST {options}".rstrip(),
            (self.manifest,) if default else (self.manifest, self.iam_role),
        )
        return int(session.value("SELECT pg_last_copy_count()") or 0)


def option_words(options: Sequence[str]) -> set[str]:
    """The words of options of COPY outside of their texts, in upper case."""
    return set(re.findall(r"\w+", " ".join(_QUOTED.sub(" ", each) for each in options).upper()))


def append(session: Session, copy: Rows) -> int:
    """Add the rows."""
    return copy.run(session)


def replace(session: Session, copy: Rows) -> int:
    """Put the rows in place of all that are there. DELETE and not TRUNCATE, which would commit at once."""
    session.run(f"DELETE FROM {copy.table}")
    return copy.run(session)


def truncate(session: Session, copy: Rows) -> int:
    """Empty the table, which is committed at once, and load; to be repeated as a whole."""
    session.run(f"TRUNCATE {copy.table}")
    return copy.run(session)


def columns_of(session: Session, schema: str, table: str) -> list[str]:
    """Columns that COPY loads unless told otherwise: all but those whose values the table makes by itself.

    To be asked before the transaction, because it fixes the snapshot. Source: "Column list" of the COPY command and
    "SVV_COLUMNS", Amazon Redshift Database Developer Guide; the default of an identity column names it.
    """
    rows = session.rows_apart(
        "SELECT column_name, column_default FROM svv_columns WHERE table_schema = %s AND table_name = %s "
        "ORDER BY ordinal_position",
        (schema.lower(), table.lower()),
    )
    if not rows:  # the user may not see the table there, or it is not there, which this tells
        return [each.name for each in session.run(f"SELECT * FROM {quoted(schema, table)} LIMIT 0").description or ()]
    return [str(name) for name, default in rows if not re.match(r'"?(default_)?identity"?\(', str(default))]


def upsert(session: Session, copy: Rows, keys: Sequence[str], incremental_key: str) -> int:
    """Replace rows of equal keys and add the others; the newest row of a key wins, among the new and against the old.

    A row without a value in ``incremental_key`` is older than any with one. Columns that are not loaded get their
    defaults.

    Args:
        session: The transaction.
        copy: What is loaded; its columns are named.
        keys: Columns that tell rows apart; none may be NULL.
        incremental_key: Column that tells which of two rows is newer; "" if a key comes once in a load.

    Returns:
        The rows that were written.
    """
    if copy.is_empty:
        return 0
    _stage(session, copy, keys, incremental_key)
    names = ", ".join(map(quoted, copy.columns))
    session.run(f"DELETE FROM {copy.table} USING {_CHOSEN} WHERE {_same(copy, keys)}")
    written = session.run(f"INSERT INTO {copy.table} ({names}) SELECT {names} FROM {_CHOSEN}").rowcount
    return _unstaged(session, written)


def merge(session: Session, copy: Rows, keys: Sequence[str], incremental_key: str) -> int:
    """Change rows of equal keys and add the others, by MERGE: what is not loaded of a changed row stays.

    Which rows win is as with `upsert`. Source: "MERGE" of the Amazon Redshift Database Developer Guide: both clauses are
    needed, the source is a table, and each of its rows may match one row of the target.

    Args:
        session: The transaction.
        copy: What is loaded; its columns are named.
        keys: As with `upsert`.
        incremental_key: As with `upsert`.

    Returns:
        The rows that were written.
    """
    if copy.is_empty:
        return 0
    _stage(session, copy, keys, incremental_key)
    known = {each.lower() for each in keys}
    # there must be something to set: of a table of keys alone, a key as it is
    changed = [each for each in copy.columns if each.lower() not in known] or copy.columns[:1]
    session.run(
        f"MERGE INTO {copy.table} USING {_CHOSEN} ON {_same(copy, keys)} WHEN MATCHED THEN UPDATE SET "
        + ", ".join(f"{quoted(each)} = {_CHOSEN}.{quoted(each)}" for each in changed)
        + f" WHEN NOT MATCHED THEN INSERT ({', '.join(map(quoted, copy.columns))}) VALUES "
        + f"({', '.join(f'{_CHOSEN}.{quoted(each)}' for each in copy.columns)})"
    )
    # not the cursor's: what the server counts for a MERGE is written nowhere
    return _unstaged(session, int(session.value(f"SELECT count(*) FROM {_CHOSEN}")))


def _stage(session: Session, copy: Rows, keys: Sequence[str], incremental_key: str) -> None:
    """Load beside the table, and choose the row of each key that is to be written."""
    names = ", ".join(map(quoted, copy.columns))
    # not LIKE, which would take over NOT NULL, also of columns that the files lack
    session.run(f"CREATE TEMP TABLE {_STAGE} AS SELECT {names} FROM {copy.table} WHERE false")
    copy.run(session, _STAGE)
    _refuse_nulls(session, copy.service, keys)
    _choose(session, copy, keys, incremental_key)
    if incremental_key:
        new, old = (f"{table}.{quoted(incremental_key)}" for table in (_CHOSEN, copy.table))
        older = f"({new} < {old} OR ({new} IS NULL AND {old} IS NOT NULL))"
        session.run(f"DELETE FROM {_CHOSEN} USING {copy.table} WHERE {_same(copy, keys)} AND {older}")


def _unstaged(session: Session, written: int) -> int:
    session.run(f"DROP TABLE {_STAGE}")
    session.run(f"DROP TABLE {_CHOSEN}")
    return written


def _same(copy: Rows, keys: Sequence[str]) -> str:
    return " AND ".join(f"{copy.table}.{quoted(key)} = {_CHOSEN}.{quoted(key)}" for key in keys)


def _choose(session: Session, copy: Rows, keys: Sequence[str], incremental_key: str) -> None:
    """The newest row of each key; rows that are equal are one, and among others as new as it none can be chosen."""
    by, names = ", ".join(map(quoted, keys)), ", ".join(map(quoted, copy.columns))
    newest = f"SELECT {names} FROM {_STAGE}"
    if incremental_key:
        rank = quoted("penstock_rank")
        while rank in names:
            rank = quoted(rank.strip('"') + "_")
        order = f"RANK() OVER (PARTITION BY {by} ORDER BY {quoted(incremental_key)} DESC NULLS LAST) AS {rank}"
        newest = f"SELECT {names} FROM (SELECT {names}, {order} FROM {_STAGE}) AS ranked WHERE {rank} = 1"
    session.run(f"CREATE TEMP TABLE {_CHOSEN} AS SELECT DISTINCT {names} FROM ({newest}) AS newest")
    doubled = f"SELECT {by} FROM {_CHOSEN} GROUP BY {by} HAVING count(*) > 1"
    count = int(session.value(f"SELECT count(*) FROM ({doubled}) AS doubled"))
    if count:
        equally = f" and are equally new by {incremental_key}" if incremental_key else ""
        raise _refused(
            copy.service,
            f"{count} keys ({', '.join(keys)}) have several rows in this load that differ{equally}",
            "Name a column that tells which is newer as incremental_key",
        )


def _refuse_nulls(session: Session, service: str, keys: Sequence[str]) -> None:
    missing = " OR ".join(f"{quoted(key)} IS NULL" for key in keys)
    count = int(session.value(f"SELECT count(*) FROM {_STAGE} WHERE {missing}"))
    if count:
        raise _refused(
            service, f"{count} rows have NULL in a key ({', '.join(keys)}), which equals nothing", "Correct the data"
        )


def _refused(service: str, detail: str, hint: str) -> ProviderError:
    return ProviderError(detail, service=service, operation="COPY", kind=ErrorKind.INVALID, hint=hint)
