"""What people do with Redshift from the command line: ``penstock redshift NAME``."""

import json
import sys
from typing import Literal

from penstock.errors import RequestError
from penstock_redshift.hooks.database import split
from penstock_redshift.hooks.query_history import MEASURES, query_groups, table
from penstock_redshift.hooks.redshift import RedshiftHook
from penstock_redshift.hooks.tags import read_tags


def queries(
    *,
    by: list[str] | None = None,
    minutes: int = 60,
    top: int = 20,
    order: str = "seconds",
    tables: Literal["sys", "stl"] = "sys",
    redshift_conn_id: str = "redshift_default",
) -> int:
    """Print what the queries of the last minutes cost, a line a group.

    Args:
        by: What they are grouped by: ``user``, ``label``, ``queue``, ``type``, or names of tags; by user unless given.
        minutes: How far back it looks.
        top: How many groups are printed.
        order: The measure by which they are ordered.
        tables: ``sys``, or ``stl`` for clusters.
        redshift_conn_id: The connection.

    Raises:
        penstock.errors.RequestError: There is no such measure.
        penstock.errors.ProviderError: The tables cannot be read.
    """
    if order not in MEASURES:
        raise RequestError(f"{order!r} is no measure of queries. They are {', '.join(MEASURES)}.")
    groups = query_groups(RedshiftHook(redshift_conn_id), by or ["user"], minutes=minutes, order=order, tables=tables)
    print(table(groups[:top]))  # noqa: T201 - what the command is for
    return 0


def tags(*, statement: str = "") -> int:
    """Print the tags of statements as JSON, a line a statement; the exit code is 1 if none has any.

    Args:
        statement: A statement, or several with semicolons; those of the standard input unless given.
    """
    found = [read_tags(each) for each in split(statement or sys.stdin.read())]
    for each in found:
        print(json.dumps(each, ensure_ascii=False, sort_keys=True))  # noqa: T201 - what the command is for
    return 0 if any(found) else 1
