"""What goes with a clear: the checkpoints of its task instances, unless they are to keep them.

A job that a task instance has started elsewhere may run on, and nobody but its checkpoint knows of it. So that one is not
deleted: it moves to another key, by which the next try finds the job and ends it. An instance that keeps its steps has a job of
its own all the same: the job is what is done again.
"""

from collections.abc import Sequence

from sqlalchemy import Dialect

from penstock.model.names import JOB, LEFT_JOB
from penstock.model.run import TaskKey
from penstock.store.sql import tables
from penstock.store.sql.bulk import BulkStatement, given_rows
from penstock.store.sql.pipeline import Pipeline

_KEY = TaskKey._fields
_MARKS = " AND ".join(f"checkpoint.{name} = ?" for name in _KEY)
_JOINS = " AND ".join(f"checkpoint.{name} = given.{name}" for name in _KEY)
_SAME = " AND ".join(f"o.{name} = checkpoint.{name}" for name in _KEY)
_FORGOTTEN = f"checkpoint.key NOT IN ('{JOB}', '{LEFT_JOB}')"
# An older job's place is taken only by a newer one: an instance may be cleared twice before its next try.
_REPLACED = f"checkpoint.key = '{LEFT_JOB}' AND EXISTS (SELECT 1 FROM checkpoint o WHERE {_SAME} AND o.key = '{JOB}')"
_MOVED = f"checkpoint.key = '{JOB}'"


class ForgetCheckpoints:
    """Forgets the checkpoints of task instances; the statements are made once for a dialect."""

    def __init__(self, dialect: Dialect) -> None:
        table, given = tables.checkpoint, given_rows(dialect, tables.checkpoint, _KEY)
        self._forget, self._replace = (
            BulkStatement(
                dialect,
                table,
                _KEY,
                f"DELETE FROM checkpoint WHERE {_MARKS} AND {chosen}",
                f"DELETE FROM checkpoint USING {given} WHERE {_JOINS} AND {chosen}",
            )
            for chosen in (_FORGOTTEN, _REPLACED)
        )
        self._move = BulkStatement(
            dialect,
            table,
            _KEY,
            f"UPDATE checkpoint SET key = '{LEFT_JOB}' WHERE {_MARKS} AND {_MOVED}",
            f"UPDATE checkpoint SET key = '{LEFT_JOB}' FROM {given} WHERE {_JOINS} AND {_MOVED}",
        )

    def add(self, pipeline: Pipeline, cleared: Sequence[TaskKey], forgotten: Sequence[TaskKey]) -> None:
        """Forget those of some of the task instances that are cleared, and move the jobs of all."""
        pipeline.add(self._forget, forgotten)
        pipeline.add(self._replace, cleared)
        pipeline.add(self._move, cleared)
