"""What people ask of runs: list, show, cancel, clear."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from penstock.errors import NotFoundError, RequestError
from penstock.model.request import CancelRun, ClearTasks
from penstock.model.run import Run
from penstock.model.state import RunState, TaskState
from penstock.service.names import find_dag, find_run, known_tasks
from penstock.store import Store


class RunPage(msgspec.Struct, frozen=True):
    """A page of runs, newest first.

    Attributes:
        before: What to pass for the next page; None if this is the last.
    """

    runs: list[Run]
    before: int | None


class RunDetails(msgspec.Struct, frozen=True):
    """A run with the number of its task instances by state."""

    run: Run
    tasks: dict[TaskState, int]


def list_runs(
    store: Store, *, dag_id: str = "", state: RunState | None = None, before: int | None = None, limit: int = 50
) -> RunPage:
    """A page of runs of a DAG, or of all if ``dag_id`` is empty; raises NotFoundError for an unknown DAG."""
    if dag_id:
        find_dag(store, dag_id)
    found = store.runs.page(dag_id=dag_id, state=state, before=before, limit=limit + 1)
    more = len(found) > limit
    return RunPage(found[:limit], found[limit - 1].run if more else None)


def show_run(store: Store, dag_id: str, run_id: str = "") -> RunDetails:
    """A run, or the newest of the DAG if ``run_id`` is empty; raises NotFoundError."""
    run = find_run(store, dag_id, run_id)
    counts: dict[TaskState, int] = {}
    for task in store.runs.tasks(run.run):
        counts[task.state] = counts.get(task.state, 0) + 1
    return RunDetails(run, counts)


def cancel_run(store: Store, dag_id: str, run_id: str, now: datetime, *, by: str = "") -> Run:
    """Ask the scheduler to end a run and kill what runs of it; raises RequestError if it has finished."""
    run = find_run(store, dag_id, run_id)
    if run.state.finished:
        raise RequestError(f"run {run.run_id!r} of DAG {dag_id!r} has already ended as {run.state.value}.")
    store.requests.submit(CancelRun(run.run, by), now)
    return run


def clear_tasks(
    store: Store,
    dag_id: str,
    run_id: str,
    now: datetime,
    *,
    tasks: Sequence[str] = (),
    downstream: bool = True,
    only_failed: bool = False,
) -> Run:
    """Ask the scheduler to run task instances again, all of the run if ``tasks`` is empty; raises NotFoundError."""
    run = find_run(store, dag_id, run_id)
    known = known_tasks(store, run)
    for task_id in tasks:
        if task_id not in known:
            raise NotFoundError(f"task of DAG {dag_id!r}", task_id, known)
    store.requests.submit(ClearTasks(run.run, tuple(tasks), downstream, only_failed), now)
    return run
