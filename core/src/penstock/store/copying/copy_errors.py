"""What the errors of a driver mean for who copies one database into another."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from penstock.errors import StoreError
from penstock.store.sql.driver_errors import first_line, translated

_OF_DATA = ("22", "23", "54")
"""Data, constraints and limits, by the classes of PostgreSQL's appendix A."""


@contextmanager
def naming_table(table: str, name: str) -> Iterator[None]:
    """Raise what a driver raises about a table of a database as a StoreError that names both."""
    try:
        yield
    except StoreError:
        raise
    except Exception as found:
        error = found.orig if isinstance(found, DBAPIError) else found
        if sentence := _about_rows(error):
            raise StoreError(
                f"database {name}, table {table}: a row cannot be copied: {sentence} Correct or delete it in the database that is copied; "
                "nothing was changed there."
            ) from found
        if isinstance(error, sqlite3.Error) or hasattr(error, "sqlstate"):
            raise translated(error, name, 0.0) from found
        raise


def _about_rows(error: BaseException | None) -> str:
    state, detail = getattr(error, "sqlstate", None) or "", first_line(error).rstrip(".")
    if state.startswith(_OF_DATA):
        diagnosis = getattr(error, "diag", None)
        more = [each for each in (getattr(diagnosis, "message_detail", ""), getattr(diagnosis, "context", "")) if each]
        return f"{detail} ({'; '.join(each.rstrip('.') for each in more)})." if more else f"{detail}."
    undecoded = isinstance(error, sqlite3.OperationalError) and detail.startswith("Could not decode")
    return f"{detail}." if undecoded or isinstance(error, sqlite3.IntegrityError) else ""
