"""What a run's past is: the run before it by logical date, as it is stored."""

from datetime import datetime

import msgspec

from penstock.model.state import TaskState

ENDED_WELL = frozenset({TaskState.SUCCESS, TaskState.SKIPPED, TaskState.REMOVED})
"""States in which a task instance holds no later run."""


class PastRun(msgspec.Struct, frozen=True):
    """The run before another.

    Attributes:
        version: The version of its DAG that it has.
        open: By task, the first of its instances that did not end well, with the state of that; those that all did are absent.
    """

    run: int
    run_id: str
    logical_date: datetime
    version: str = ""
    open: dict[str, tuple[str, str]] = {}
