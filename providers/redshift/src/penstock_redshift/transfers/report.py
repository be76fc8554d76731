"""What was wrong with the data of a COPY: causes grouped, with file, line, column and reason."""

from collections import Counter
from datetime import datetime
from typing import Any, NamedTuple

from penstock.errors import ProviderError
from penstock_redshift.hooks import RedshiftHook

_MOST_ROWS = 1000
_SAMPLES = 5


class LoadError(NamedTuple):
    """A refused row, as the system tables tell it."""

    file: str
    line: int
    column: str
    type: str
    length: str
    code: int
    reason: str


_TABLES = (
    # covers concurrency scaling; clusters of old versions lack it
    (
        "SELECT file_name, line_number, column_name, column_type, column_length, error_code, error_message "
        "FROM sys_load_error_detail WHERE session_id = %s AND start_time >= %s "
        "ORDER BY start_time, line_number LIMIT %s"
    ),
    (
        "SELECT filename, line_number, colname, type, col_length, err_code, err_reason "
        "FROM stl_load_errors WHERE session = %s AND starttime >= %s ORDER BY starttime, line_number LIMIT %s"
    ),
)


def load_errors(hook: RedshiftHook, session_id: int, since: datetime) -> list[LoadError]:
    """Rows that the COPYs of a session refused since an instant of the server's clock, at most a thousand.

    They are read in a transaction of its own: the failed one is gone, and a SELECT on system tables would fix the
    snapshot of a running one. Users see only their own rows.
    """
    for number, query in enumerate(_TABLES, start=1):
        try:
            with hook.session("SELECT") as session:
                return [_error(row) for row in session.rows(query, (session_id, since, _MOST_ROWS))]
        except ProviderError:
            if number == len(_TABLES):
                raise
    return []


def describe(errors: list[LoadError], *, refused: int = 0) -> str:
    """The report: the causes, most frequent first, each with samples; then what can be done.

    Args:
        errors: What was found.
        refused: How many rows the server refused, if it tells and that is more.
    """
    causes = Counter((each.column, each.code) for each in errors)
    total = max(refused, len(errors))
    lines = [f"{total}{'+' if len(errors) == _MOST_ROWS else ''} rows were refused:"]
    for (column, code), count in causes.most_common(5):
        alike = [each for each in errors if (each.column, each.code) == (column, code)]
        lines.append(f"  {count} x column {column or '(none)'} {_type(alike[0])}: {alike[0].reason} [{code}]")
        lines += [f"    {each.file} line {each.line}" for each in alike[:_SAMPLES]]
        hint = _hint(alike[0])
        if hint:
            lines.append(f"    {hint}")
    if len(causes) > 5:
        lines.append(f"  and {len(causes) - 5} causes more")
    return "\n".join(lines)


def _error(row: tuple[Any, ...]) -> LoadError:
    file, line, column, kind, length, code, reason = row
    texts = [str(each if each is not None else "").strip() for each in (file, column, kind, length, reason)]
    return LoadError(texts[0], int(line or 0), texts[1], texts[2], texts[3], int(code or 0), texts[4])


def _type(error: LoadError) -> str:
    return f"({error.type}{f'({error.length})' if error.length not in ('', '0') else ''})" if error.type else ""


def _hint(error: LoadError) -> str:
    """What to do about a cause. Codes: "Load error reference", Amazon Redshift Database Developer Guide."""
    if error.type == "char" and error.code == 1220:
        return "A CHAR column holds single bytes: make it a VARCHAR."
    return {
        1202: "Rows have more fields than the table: check DELIMITER and quotes, or give column_list.",
        1203: "A quote is not closed: check QUOTE, or add the option ESCAPE or CSV.",
        1204: "Widen the column, or add the copy option TRUNCATECOLUMNS.",
        1205: "Add the copy option DATEFORMAT 'auto', or the format of the data.",
        1206: "Add the copy option TIMEFORMAT 'auto', or the format of the data.",
        1207: "A header line is skipped by the copy option IGNOREHEADER 1.",
        1213: "The column takes no NULL: correct the data, or give column_list.",
        1220: "Add the copy option ACCEPTINVCHARS.",
        1224: "Add the copy option ACCEPTINVCHARS.",
    }.get(error.code, "")
