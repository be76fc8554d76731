"""Notices: changes of states, kept until every listener has received them."""

from datetime import datetime

import msgspec


class TaskStateChanged(msgspec.Struct, frozen=True, tag="task"):
    """A task instance went from one state to another; states are the words of `penstock.model.state.TaskState`.

    Attributes:
        map_index: Index in a mapping; -1 if the task is not mapped.
        try_number: Tries begun so far, this one included.
        reason: Why it is in its new state, as a sentence; may be empty.
        at: When the scheduler decided it, aware UTC.
        run: Number of the run in this database.
        version: Content hash of the DAG that the run is pinned to.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    previous: str
    state: str
    reason: str
    at: datetime
    run: int = 0
    version: str = ""


class RunStateChanged(msgspec.Struct, frozen=True, tag="run"):
    """A DAG run went from one state to another; states are the words of `penstock.model.state.RunState`.

    Attributes:
        kind: What asked for the run, in the words of `penstock.model.run.RunKind`.
        reason: Why it is in its new state, as a sentence; may be empty.
        at: When the scheduler decided it, aware UTC.
        run: Number of the run in this database.
        version: Content hash of the DAG that the run is pinned to.
    """

    dag_id: str
    run_id: str
    kind: str
    previous: str
    state: str
    reason: str
    at: datetime
    run: int = 0
    version: str = ""


Notice = TaskStateChanged | RunStateChanged
