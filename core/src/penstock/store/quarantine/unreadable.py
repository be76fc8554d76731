"""Makes the rows of a run readable: each value that its column cannot hold is replaced by one that it can."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Integer, LargeBinary, Table, delete, func, select, type_coerce, update
from sqlalchemy.types import NullType

from penstock.errors import DataUnreadableError
from penstock.model.run import RunKind, TaskKey
from penstock.model.state import RunState, TaskState
from penstock.store.sql import tables
from penstock.store.sql.column_types import Enumerated, Instant, Json
from penstock.store.transaction import Transaction

_MEMBERS = {RunKind: RunKind.MANUAL, RunState: RunState.FAILED, TaskState: TaskState.CANCELLED}


def make_readable(tx: Transaction, run: int, at: datetime) -> None:
    """Replace what cannot be read in the rows of a run; a row whose key cannot be read is deleted.

    Args:
        tx: The transaction.
        run: Number of the run.
        at: The instant that stands for any that has to be there.
    """
    for table in (tables.run, tables.attempt, tables.task_instance):
        # As the driver gives them, or reading them would end here.
        plain = select(*(type_coerce(column, NullType()).label(column.name) for column in table.c))
        for row in tx.execute(plain.where(table.c.run == run)).mappings().all():
            _repair(tx, table, {column: row[column.name] for column in table.c}, at)


def _repair(tx: Transaction, table: Table, row: dict[Column[Any], Any], at: datetime) -> None:
    odd = [column for column, value in row.items() if not _readable(tx, column, value)]
    if not odd:
        return
    this = [type_coerce(column, NullType()) == row[column] for column in table.primary_key]
    if any(column.primary_key for column in odd):
        tx.execute(delete(table).where(*this))
    else:
        tx.execute(update(table).where(*this).values({column.name: _substitute(column, at) for column in odd}))
    if tables.task_instance.c.epoch in odd:
        # Whatever is sent out again must have an epoch that no try had.
        keys = [tables.attempt.c[name] == row[tables.task_instance.c[name]] for name in TaskKey._fields]
        spent = select(func.coalesce(func.max(tables.attempt.c.epoch), 0)).where(*keys).scalar_subquery()
        tx.execute(update(table).where(*this).values(epoch=spent))


def _readable(tx: Transaction, column: Column[Any], value: Any) -> bool:  # noqa: ANN401 - whatever is stored
    if value is None:
        return bool(column.nullable)
    match column.type:
        case Instant() | Enumerated() | Json():
            try:
                column.type.result_processor(tx.dialect, None)(value)
            except DataUnreadableError:
                return False
            return True
        case Integer():
            return isinstance(value, int)
        case LargeBinary():
            return isinstance(value, bytes)
        case _:
            return isinstance(value, str)


def _substitute(column: Column[Any], at: datetime) -> Any:  # noqa: ANN401 - of the column's type
    if column.nullable:
        return None
    match column.type:
        case Instant():
            return at
        case Enumerated(members=members):
            return _MEMBERS[members]
        case Json():
            return {}
        case Integer():
            return 0
        case _:
            return ""
