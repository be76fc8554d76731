"""COPY: S3 objects into a table, within the caller's transaction.

Source: "COPY" and "Load operations" of the Amazon Redshift Database Developer Guide. Errors are written by a session of
the proxy's own, and so they outlive the rollback of the transaction that caused them.
"""

import asyncio
import contextlib
from dataclasses import dataclass

import psycopg

from penstock_testkit.redshift import wire
from penstock_testkit.redshift.alter import FixedColumns
from penstock_testkit.redshift.backend import Answer, Backend
from penstock_testkit.redshift.catalog import COLUMNS
from penstock_testkit.redshift.commands import Copy
from penstock_testkit.redshift.cursor import quoted
from penstock_testkit.redshift.errors import RedshiftError
from penstock_testkit.redshift.faults import Faults
from penstock_testkit.redshift.load import Loader, LoadError, TooManyErrorsError, table_columns
from penstock_testkit.redshift.objects import Objects, Source
from penstock_testkit.redshift.procedures import Procedures

_FACTS = (
    "SELECT nextval('pg_catalog.penstock_query_id'), pg_backend_pid(), txid_current(), "
    "(SELECT usesysid FROM pg_user WHERE usename = current_user), clock_timestamp()::timestamp"
)


@dataclass(frozen=True)
class Place:
    """What a command needs besides the connection.

    Attributes:
        objects: The S3 server.
        faults: What shall fail.
        superuser_url: The database, for the proxy's own session.
        fixed_columns: What was seen of its tables.
        procedures: What was seen of its procedures.
    """

    objects: Objects
    faults: Faults
    superuser_url: str
    fixed_columns: FixedColumns
    procedures: Procedures


def checked(answer: Answer) -> Answer:
    """Return an answer of PostgreSQL, or raise its error.

    Raises:
        RedshiftError: What PostgreSQL said.
    """
    if answer.error is not None:
        fields = wire.error_fields(answer.error)
        raise RedshiftError(fields.get("M", ""), fields.get("C", "XX000"), fields.get("D", ""))
    return answer


@dataclass
class _Load:
    copy: Copy
    loader: Loader
    sources: list[Source]
    table_id: str
    query: str
    session: str
    xid: str
    user: str
    started: str


async def run_copy(backend: Backend, copy: Copy, place: Place) -> bytes:
    """Run a COPY in the transaction the backend is in.

    Returns:
        The frames that tell the client of its success.

    Raises:
        RedshiftError: It failed.
        ConnectionCutError: A fault switch asked to cut the connection.
    """
    autocommit = backend.status == "I"
    found = checked(await backend.run(COLUMNS.format(table=copy.table.replace("'", "''"))))
    columns = table_columns(found.rows, copy)
    facts = [str(value) for value in checked(await backend.run(_FACTS)).rows[0]]
    sources = await asyncio.to_thread(place.objects.sources, copy)
    loader = Loader(copy, columns)
    table_id = str(found.rows[0][5]) if found.rows else "0"
    load = _Load(copy, loader, sources, table_id, *facts)
    try:
        if "NOLOAD" in copy.flags:
            await _validate(load, place)
        else:
            names = ", ".join(quoted(column.name) for column in columns)
            await _transfer(backend, load, place, f"COPY {copy.table} ({names}) FROM STDIN")
    except TooManyErrorsError:
        await asyncio.to_thread(_record_errors, load, place)
        if autocommit:
            await _remember(backend, load)
        text = f"Load into table '{copy.table_name}' failed.  Check 'sys_load_error_detail' system table for details."
        raise RedshiftError(text, "XX000") from None
    await asyncio.to_thread(_record_success, load, place)
    await _remember(backend, load)
    return _notices(load) + wire.command_complete("COPY")


async def _transfer(backend: Backend, load: _Load, place: Place, statement: str) -> None:
    inbox = await backend.start(statement)
    first = await backend.next(inbox)
    if first[0] != b"G":
        answer = await backend.rest(inbox)
        answer.messages.insert(0, first)
        checked(answer)
    blocks = load.loader.blocks(place.objects, load.sources)
    try:
        while inbox.empty() and (block := await asyncio.to_thread(next, blocks, b"")):
            await backend.copy_block(block)
            place.faults.during_copy()
    except (RedshiftError, TooManyErrorsError):
        await backend.copy_end("the load failed")
        await backend.rest(inbox)
        raise
    finally:
        blocks.close()
    await backend.copy_end()
    checked(await backend.rest(inbox))


async def _validate(load: _Load, place: Place) -> None:
    blocks = load.loader.blocks(place.objects, load.sources)
    while await asyncio.to_thread(next, blocks, b""):
        place.faults.during_copy()


async def _remember(backend: Backend, load: _Load) -> None:
    # The setting is rolled back with its transaction, exactly as pg_last_copy_id() is said to be.
    count = load.loader.rows
    await backend.run(
        f"SELECT set_config('penstock_redshift.last_copy_id', '{load.query}', false), "
        f"set_config('penstock_redshift.last_copy_count', '{count}', false)"
    )


def _notices(load: _Load) -> bytes:
    table = load.copy.table_name
    done = wire.notice(f"Load into table '{table}' completed, {load.loader.rows} record(s) loaded successfully.")
    if not load.loader.errors:
        return done
    failed = len(load.loader.errors)
    return done + wire.notice(
        f"Load into table '{table}' completed, {failed} record(s) could not be loaded.  "
        "Check 'sys_load_error_detail' system table for details."
    )


def _record_errors(load: _Load, place: Place) -> None:
    rows = [_error_row(load, error) for error in load.loader.errors]
    if not rows:
        return
    with contextlib.closing(psycopg.connect(place.superuser_url, autocommit=True)) as connection:
        marks = ", ".join(["%s"] * len(rows[0]))
        connection.cursor().executemany(f"INSERT INTO pg_catalog.penstock_load_error VALUES ({marks})", rows)  # noqa: S608


def _error_row(load: _Load, error: LoadError) -> tuple[object, ...]:
    column = error.column
    name, kind, length = (column.name, column.redshift_type, column.length) if column else ("", "", "0")
    position = max(error.raw_line.find(error.raw_value), 0) if error.raw_value else 0
    shown = [_printable(text)[:1024] for text in (error.raw_line, error.raw_value)]
    head = (load.user, load.query, load.xid, load.session, load.table_id, load.started)
    return (*head, error.file, error.line, name, kind, length, position, *shown, error.code, error.reason[:100])


def _printable(text: str) -> str:
    return text.replace("\0", "").encode(errors="replace").decode()


def _record_success(load: _Load, place: Place) -> None:
    _record_errors(load, place)
    loader = load.loader
    if "NOLOAD" in load.copy.flags:
        return
    row = (load.user, load.query, load.xid, load.session, load.copy.table_name, load.started)
    facts = (load.copy.source, loader.rows, loader.bytes, len(load.sources), len(loader.errors))
    file_format = load.copy.format.lower()
    with contextlib.closing(psycopg.connect(place.superuser_url, autocommit=True)) as connection:
        connection.execute(
            "INSERT INTO pg_catalog.penstock_load VALUES "
            "(%s, %s, %s, %s, %s, %s, clock_timestamp()::timestamp, %s, %s, %s, %s, %s, %s)",
            (*row, *facts, file_format),
        )
