"""Copies all that is in a database into an empty one.

The other database is marked first, so that nothing works on it, and then filled, compared and unmarked in one transaction: whatever ends
a copy early leaves a database that holds nothing and says why. The first one is only read, and nobody writes to it meanwhile.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, inspect, text

from penstock.errors import CommitUnknownError, RequestError, StoreError, StoreHeldError
from penstock.model.history.audit import AuditEntry
from penstock.processes.failpoint import failpoint
from penstock.store.copying.copy_errors import naming_table
from penstock.store.copying.in_use import alone, require_no_session, require_unused
from penstock.store.copying.sequences import number_given, set_number
from penstock.store.copying.table_rows import LEFT_TABLES, Checksum, Rows, TableRows
from penstock.store.sql import compatibility, scheduler_tables, schema
from penstock.store.sql.access import audit_table
from penstock.store.sql.database import Database

Progress = Callable[[str, str, int, int], None]
"""Is told what is done (``"copying"``, ``"comparing"``) to which table, and of how many rows how many are done."""

_STEP = 100_000


class TableCopy(NamedTuple):
    """What became of one table.

    Attributes:
        table: Its name.
        rows: How many there are in both databases.
        digest: What they add up to in both.
        made_visible: Characters are not what they were in so many cells, which PostgreSQL would not have taken.
    """

    table: str
    rows: int
    digest: str
    made_visible: int


class DatabaseCopy(NamedTuple):
    """A copy that is complete.

    Attributes:
        before: The database that was copied, for messages.
        after: The one that it is in.
        tables: Each that was copied.
    """

    before: str
    after: str
    tables: tuple[TableCopy, ...]


def copy_database(
    url: str, to_url: str, now: datetime, progress: Progress, audit: Callable[[str, str], AuditEntry]
) -> DatabaseCopy:
    """Copy all that is in a database into an empty one, whose tables are made if need be.

    Args:
        url: The database.
        to_url: The one that it gets into.
        now: The present.
        progress: Is told what is done.
        audit: Makes what the audit of the other one keeps of it, by the names of both.

    Raises:
        StoreError: One of them cannot serve, or is of another schema, or something works on it; the other one holds rows, or a row is not
            taken by it, or is not the same there.
        RequestError: Both are the same.
        ConfigError: A URL cannot be used.
    """
    first, other = Database(url), Database(to_url)
    try:
        if first.name == other.name or (first.path and other.path and first.path.resolve() == other.path.resolve()):
            raise RequestError(f"database {other.name}: it cannot be copied into itself. Name another one.")
        with alone(first, now), alone(other, now):
            _require_schema(first)
            _reserve(other)
            failpoint("store.reserve.after")
            with _naming_commit(other.name), _unchanging(first) as source, other.write() as target:
                done = _copied(source, target, (first.name, other.name), progress, audit)
            failpoint("store.copy.after")
            return done
    finally:
        first.close()
        other.close()


def _copied(
    source: Connection,
    target: Connection,
    names: tuple[str, str],
    progress: Progress,
    audit: Callable[[str, str], AuditEntry],
) -> DatabaseCopy:
    _prepare(target, names[1])
    tables = table_rowss()
    for table in tables:
        table.clear(target)
    digests = {}
    for table in tables:
        digests[table.name] = Checksum()
        with naming_table(table.name, names[0]):
            total, number = table.count(source), number_given(source, table)
        with naming_table(table.name, names[1]):
            rows = _reported(table.read(source), "copying", (table.name, names[0]), total, progress)
            table.write(target, rows, digests[table.name])
            set_number(target, table, number)
        failpoint("store.table.after")
    for table in tables:
        with naming_table(table.name, names[1]):
            _compare(target, table, digests[table.name], names[1], progress)
    target.execute(audit_table.audit.insert(), audit_table.row_of(audit(*names)))
    compatibility.set_floor(target, compatibility.floor_of(schema.HEAD))
    if target.dialect.name == "postgresql":
        target.execute(text(f"ANALYZE {_all_tables(target)}"))
    failpoint("store.copy.before")
    found = (TableCopy(each.name, digests[each.name].rows, digests[each.name].text, each.visible) for each in tables)
    return DatabaseCopy(*names, tuple(found))


def table_rowss() -> list[TableRows]:
    """Every table that is copied, those that others point to first."""
    everything = scheduler_tables.scheduler.metadata.sorted_tables
    return [TableRows(table) for table in everything if table.name not in LEFT_TABLES]


def _reported(
    some: Iterator[Rows], what: str, where: tuple[str, str], total: int, progress: Progress
) -> Iterator[Rows]:
    """Rows of a table of a database as they are read, with what is told of that."""
    done = reported = 0
    with naming_table(*where):
        for rows in some:
            yield rows
            done += len(rows)
            if done >= reported + _STEP:
                reported = done
                progress(what, where[0], done, total)
    if done > reported:
        progress(what, where[0], done, total)


def _compare(target: Connection, table: TableRows, given: Checksum, name: str, progress: Progress) -> None:
    found = Checksum()
    for rows in _reported(table.read(target), "comparing", (table.name, name), given.rows, progress):
        found.add(rows)
    if (found.rows, found.text) != (given.rows, given.text):
        raise StoreError(
            f"database {name}: table {table.name} has {found.rows} rows (digest {found.text}) after {given.rows} (digest {given.text}) "
            "were written to it. Something else writes to it, or changes what is written: a trigger, a rule. Name another database."
        )


def _require_schema(first: Database) -> None:
    """Refuse a database that is not of this code's schema."""
    if first.path is not None and not first.path.exists():
        raise StoreError(f"database {first.name}: there is no such file, so there is nothing to copy.")
    with first.read() as connection:
        found = schema.found_version(connection)
        if refused := schema.refused(connection, first.name):
            raise StoreError(refused)
        if found != schema.HEAD:
            raise StoreError(
                f"database {first.name}: its schema is {found}, newer than that of this Penstock ({schema.HEAD}), which does not know all "
                "that is in it. Copy it with the newer one."
            )
        require_unused(connection, first.name)


def _reserve(other: Database) -> None:
    """Make the tables of the other database if need be, and mark it; refuse one that holds anything, or on which somebody works."""

    def require_free(connection: Connection) -> None:
        _require_empty(connection, other.name)
        current = schema.found_version(connection) == schema.HEAD
        (require_unused if current else require_no_session)(connection, other.name)

    schema.reserve(other, require_free)
    try:
        with other.read() as connection:
            require_unused(connection, other.name)
    except StoreHeldError:
        schema.unreserve(other)
        raise


def _require_empty(connection: Connection, name: str) -> None:
    """Refuse a database that holds more than what one begins with, of whichever version."""
    present = set(inspect(connection).get_table_names())
    counted: dict[str, Any] = {}
    for table in scheduler_tables.scheduler.metadata.sorted_tables:
        if table.name in present - LEFT_TABLES.keys() - {"meta"}:
            counted[table.name] = connection.exec_driver_sql(f'SELECT count(*) FROM "{table.name}"').scalar_one()
    if counted.get("pool") == 1 and connection.execute(schema.SEEDED).first():
        del counted["pool"]
    held = [f"{table} ({rows})" for table, rows in counted.items() if rows]
    if held:
        raise StoreError(
            f"database {name}: it holds rows already: {', '.join(held)}. A copy needs an empty one: name another, or make this one anew."
        )


def _prepare(target: Connection, name: str) -> None:
    """Let nobody write to the other database meanwhile, and see that it is still the one that was marked."""
    if target.dialect.name == "postgresql":
        target.execute(text("SET LOCAL lock_timeout = '5s'"))
        target.execute(text("SET LOCAL statement_timeout = 0"))
        target.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        target.execute(text(f"LOCK TABLE {_all_tables(target)} IN EXCLUSIVE MODE"))
    if compatibility.found_floor(target) != compatibility.HALF_COPY:
        raise StoreError(f"database {name}: another copy into it has ended meanwhile. Look at what is in it.")


@contextmanager
def _unchanging(first: Database) -> Iterator[Connection]:
    """A view of the database to which nobody writes within the block; raises StoreError."""
    if first.sqlite:
        with first.write() as connection:
            yield connection
        return
    with first.read() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        connection.execute(text(f"LOCK TABLE {_all_tables(connection)} IN SHARE MODE"))
        yield connection


@contextmanager
def _naming_commit(name: str) -> Iterator[None]:
    try:
        yield
    except CommitUnknownError as error:
        raise StoreError(
            f"{error} The copy was complete, and it was being committed: `penstock db check` with database {name} says whether it is there."
        ) from error


def _all_tables(connection: Connection) -> str:
    quote = connection.dialect.identifier_preparer.quote
    return ", ".join(quote(table.name) for table in scheduler_tables.scheduler.metadata.sorted_tables)
