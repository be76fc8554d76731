"""What a database's errors mean for a person: one sentence each, with what to do."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from penstock.errors import DataRefusedError, InternalError, StoreError, StoreUnavailableError, as_sentence

_SQLITE = {
    "BUSY": "another process has kept it locked for longer than {wait:g} s. Find it with `fuser`, or try again.",
    "LOCKED": "another process has kept it locked for longer than {wait:g} s. Find it with `fuser`, or try again.",
    "READONLY": "the file or its folder is read-only for this user. Make both writable: the journal is beside it.",
    "CANTOPEN": "the file cannot be opened. Check that its folder exists and that this user may read and write both.",
    "PERM": "this user may not open the file. Check its owner and mode.",
    "FULL": "the disk is full. Nothing of the last transaction was kept; free some space and start again.",
    "IOERR": "the disk refused to read or write: full, over a quota or size limit, or failing ({detail}). "
    "Nothing of the last transaction was kept.",
    "CORRUPT": "the file is damaged ({detail}). Restore a backup, or save what is left with `sqlite3 FILE .recover`.",
    "NOTADB": "the file is no SQLite database, or a damaged one. Restore a backup, or name another file.",
    "PROTOCOL": "its locks do not work, as on some network file systems. Put the file on a local disk.",
}
_POSTGRES = {
    "28": "the server refused the login: {detail}. Check user and password in the database URL.",
    "3D000": "{detail}. Create the database, or name another one in the URL.",
    "42501": "{detail}. Grant this role the right to use the tables, or name another one in the URL.",
    "53100": "the server's disk is full. Nothing of the last transaction was kept; free some space there.",
    "53": "the server is short of a resource: {detail}.",
    "25006": "the server is read-only, as a standby is. Name the primary in the database URL.",
    "55P03": "a lock was not granted in time: {detail}. Try again.",
    "57": "the server ended the session: {detail}. Try again when it is back.",
    "40": "the server gave up a transaction in favour of another: {detail}. Try again.",
    "08": "the server cannot be reached: {detail}. Check host and port in the database URL.",
    "XX": "the server reports an internal fault: {detail}. See its log.",
}


_PASSING_SQLITE = ("BUSY", "LOCKED", "READONLY", "CANTOPEN", "FULL", "IOERR")
_PASSING_POSTGRES = ("08", "53", "57", "40", "55P03", "25006")
"""Errors that may be over when the same call is made again; by the classes of PostgreSQL's appendix A."""


@contextmanager
def translate_errors(where: str, wait_s: float) -> Iterator[None]:
    """Turn a driver's error into a `StoreError` about the database ``where``; our own fault into an `InternalError`.

    Raises:
        DataRefusedError: The database refuses the data of a statement.
    """
    try:
        yield
    except UnicodeEncodeError as error:
        raise DataRefusedError(first_line(error)) from error
    except exc.StatementError as error:
        if refuses_data(error):
            raise DataRefusedError(first_line(error.orig)) from error
        if not isinstance(error, exc.DBAPIError):
            raise _our_fault(error) from error
        raise translated(error.orig, where, wait_s) from error
    except sqlite3.Error as error:
        raise translated(error, where, wait_s) from error
    except exc.SQLAlchemyError as error:
        raise _our_fault(error) from error


def refuses_data(error: BaseException) -> bool:
    """Whether an error says that the database or its driver refuses a value, rather than a statement or a session.

    A driver refuses some values itself: text that UTF-8 does not know, NUL in text, a number that is too large.
    """
    cause = error.orig if isinstance(error, exc.StatementError) else error
    return isinstance(error, exc.DataError) or isinstance(cause, ValueError | OverflowError)


def translated(error: BaseException | None, where: str, wait_s: float) -> StoreError | InternalError:
    """The error to raise for a driver's ``error`` at the database ``where``."""
    detail = first_line(error)
    if isinstance(error, sqlite3.Error):
        return _translated_sqlite(error, where, detail, wait_s)
    state = getattr(error, "sqlstate", None)
    if state in ("42P01", "42703"):
        return StoreError(f"database {where}: its tables do not fit ({detail}). Run `penstock db upgrade`.")
    if state is None:
        sentence = (
            f"database {where}: the server cannot be reached: {as_sentence(detail)} "
            "Check host, port, user, password and database in the URL."
        )
        return StoreUnavailableError(sentence)
    for prefix, text in _POSTGRES.items():
        if state.startswith(prefix):
            kind = StoreUnavailableError if prefix in _PASSING_POSTGRES else StoreError
            return kind(f"database {where}: {text.format(detail=detail.rstrip('.'))}")
    return InternalError(f"database {where} refused a statement of the store ({state}): {detail}")


def _translated_sqlite(error: sqlite3.Error, where: str, detail: str, wait_s: float) -> StoreError | InternalError:
    code = getattr(error, "sqlite_errorname", "").removeprefix("SQLITE_")
    text = _SQLITE.get(code.partition("_")[0])
    if text is not None:
        kind = StoreUnavailableError if code.startswith(_PASSING_SQLITE) else StoreError
        return kind(f"database {where}: {text.format(detail=detail, wait=wait_s)}")
    if "no such table" in detail or "no such column" in detail:
        return StoreError(f"database {where}: its tables do not fit ({detail}). Run `penstock db upgrade`.")
    return InternalError(f"database {where} refused a statement of the store ({code or 'no code'}): {detail}")


def _our_fault(error: exc.SQLAlchemyError) -> InternalError:
    return InternalError(f"the store made a request that is wrong in itself: {first_line(error)}")


def first_line(error: BaseException | None) -> str:
    """What an error says, without the statement and the values that drivers add below."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
