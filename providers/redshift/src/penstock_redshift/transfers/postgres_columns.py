"""What brings a table of PostgreSQL to the columns that it should have, by what loses nothing.

Both sides are told in the server's own words: the wanted columns are those of a temporary table. Source: "ALTER TABLE" and "System
Information Functions" (format_type, to_regclass) of PostgreSQL's documentation.
"""

import re
from collections.abc import Mapping, Sequence

from penstock.errors import ErrorKind, ProviderError
from penstock_redshift.hooks import Session
from penstock_redshift.hooks.quoting import quoted

_WANTED = "penstock_wanted"
_TYPES = (
    "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
    "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
)
_TYPE = re.compile(r"[a-z][a-z ]*(\(\d+(, ?\d+)?\))?( with(out)? time zone)?", re.IGNORECASE)
_SIZED = re.compile(r"([a-z ]+)\((\d+)(?:,(\d+))?\)")
_VARYING = "character varying"


def plan_columns(
    session: Session, table: str, columns: Mapping[str, str], keys: Sequence[str]
) -> tuple[list[str], list[str]]:
    """The statements that are to be run, and what differs and is left alone, in sentences.

    Args:
        session: The transaction.
        table: The table, quoted.
        columns: The types by name, in order; names become lower case.
        keys: The primary key of a table that is missing.

    Raises:
        penstock.errors.ProviderError: Of kind ``invalid``: a type is none.
    """
    listed = ", ".join(f"{quoted(name.lower())} {_checked(kind)}" for name, kind in columns.items())
    session.run(f"CREATE TEMP TABLE {_WANTED} ({listed})")
    wanted = {str(name): str(kind) for name, kind in session.rows(_TYPES, (f"pg_temp.{_WANTED}",))}
    session.run(f"DROP TABLE pg_temp.{_WANTED}")
    found = {str(name): str(kind) for name, kind in session.rows(_TYPES, (table,))}
    if not found:
        primary = f", PRIMARY KEY ({', '.join(map(quoted, keys))})" if keys else ""
        return [
            f"CREATE TABLE {table} ({', '.join(f'{quoted(each)} {kind}' for each, kind in wanted.items())}{primary})"
        ], []
    statements, drift = (
        [],
        [f"column {each} is in the table and not among the wanted" for each in found if each not in wanted],
    )
    for each, kind in wanted.items():
        if each not in found:
            statements.append(f"ALTER TABLE {table} ADD COLUMN {quoted(each)} {kind}")
        elif found[each] != kind and _holds(kind, found[each]):
            statements.append(f"ALTER TABLE {table} ALTER COLUMN {quoted(each)} TYPE {kind}")
        elif found[each] != kind and not _holds(found[each], kind):
            drift.append(f"column {each} is {found[each]}, not {kind}")
    return statements, drift


def _holds(kind: str, other: str) -> bool:
    """Whether a type holds all that another one does, and more."""
    texts = (_VARYING, "text")
    sized, less = _SIZED.fullmatch(kind), _SIZED.fullmatch(other)
    if less and not sized:
        return (less[1] == _VARYING and kind in texts) or (less[1] == kind == "numeric")
    if {kind, other} == {*texts}:
        return kind == "text"
    return bool(sized and less and sized[1] == less[1] and sized[3] == less[3] and int(sized[2]) > int(less[2]))


def _checked(kind: str) -> str:
    if not _TYPE.fullmatch(kind):
        raise ProviderError(f"{kind!r} is no type", service="postgres", operation="Schema", kind=ErrorKind.INVALID)
    return kind
