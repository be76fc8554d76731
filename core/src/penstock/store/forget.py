"""What goes with a clear: the checkpoints of its task instances, for a cleared instance begins anew.

A job that a task instance has started elsewhere may run on, and nobody but its checkpoint knows of it. So that one is not
deleted: it moves to another key, by which the next try finds the job and ends it.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, Dialect

from penstock.model.names import JOB, LEFT_JOB
from penstock.model.run import TaskKey
from penstock.store.sql import tables
from penstock.store.sql.bulk import BulkStatement, given_rows

_KEY = TaskKey._fields
_MARKS = " AND ".join(f"checkpoint.{name} = ?" for name in _KEY)
_JOINS = " AND ".join(f"checkpoint.{name} = given.{name}" for name in _KEY)
_SAME = " AND ".join(f"o.{name} = checkpoint.{name}" for name in _KEY)
# An older job's place is taken only by a newer one: an instance may be cleared twice before its next try.
_FORGOTTEN = (
    f"(checkpoint.key NOT IN ('{JOB}', '{LEFT_JOB}') OR (checkpoint.key = '{LEFT_JOB}' "
    f"AND EXISTS (SELECT 1 FROM checkpoint o WHERE {_SAME} AND o.key = '{JOB}')))"
)
_MOVED = f"checkpoint.key = '{JOB}'"


class ForgetCheckpoints:
    """Forgets the checkpoints of task instances; the statements are made once for a dialect."""

    def __init__(self, dialect: Dialect) -> None:
        table, given = tables.checkpoint, given_rows(dialect, tables.checkpoint, _KEY)
        self._delete = BulkStatement(
            dialect,
            table,
            _KEY,
            f"DELETE FROM checkpoint WHERE {_MARKS} AND {_FORGOTTEN}",
            f"DELETE FROM checkpoint USING {given} WHERE {_JOINS} AND {_FORGOTTEN}",
        )
        self._move = BulkStatement(
            dialect,
            table,
            _KEY,
            f"UPDATE checkpoint SET key = '{LEFT_JOB}' WHERE {_MARKS} AND {_MOVED}",
            f"UPDATE checkpoint SET key = '{LEFT_JOB}' FROM {given} WHERE {_JOINS} AND {_MOVED}",
        )

    def run(self, connection: Connection, keys: Sequence[TaskKey]) -> None:
        """Forget those of these task instances."""
        self._delete.run(connection, keys)
        self._move.run(connection, keys)
