"""Operations on runs: list, show, cancel, clear."""

from collections.abc import Sequence

import msgspec

from penstock.errors import NotFoundError, RequestError
from penstock.model.request import CancelRun, ClearTasks
from penstock.model.run import Run
from penstock.model.state import RunState, TaskState
from penstock.service.installation import Installation
from penstock.service.names import find_dag, find_run, known_tasks


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
    installation: Installation,
    *,
    dag_id: str = "",
    state: RunState | None = None,
    before: int | None = None,
    limit: int = 50,
) -> RunPage:
    """List a page of runs of a DAG, or of all if ``dag_id`` is empty, newest first.

    Raises:
        NotFoundError: There is no such DAG.
        StoreError: The database failed.
    """
    store = installation.store
    if dag_id:
        find_dag(store, dag_id)
    found = store.runs.page(dag_id=dag_id, state=state, before=before, limit=limit + 1)
    more = len(found) > limit
    return RunPage(found[:limit], found[limit - 1].run if more else None)


def show_run(installation: Installation, dag_id: str, run_id: str = "") -> RunDetails:
    """Show a run, or the newest of the DAG if ``run_id`` is empty; raises NotFoundError, RequestError or StoreError."""
    store = installation.store
    run = find_run(store, dag_id, run_id)
    counts: dict[TaskState, int] = {}
    for task in store.runs.tasks(run.run):
        counts[task.state] = counts.get(task.state, 0) + 1
    return RunDetails(run, counts)


def cancel_run(installation: Installation, dag_id: str, run_id: str, *, by: str = "") -> Run:
    """Ask the scheduler to end a run and kill what runs of it.

    Raises:
        NotFoundError: There is no such DAG or run.
        RequestError: The run has finished.
        StoreError: The database failed.
    """
    store = installation.store
    run = find_run(store, dag_id, run_id)
    if run.state.finished:
        raise RequestError(f"run {run.run_id!r} of DAG {dag_id!r} has already ended as {run.state.value}.")
    store.requests.submit(CancelRun(run.run, by), installation.now())
    return run


def clear_tasks(
    installation: Installation,
    dag_id: str,
    run_id: str,
    *,
    tasks: Sequence[str] = (),
    downstream: bool = True,
    only_failed: bool = False,
) -> Run:
    """Ask the scheduler to run task instances again, all of the run if ``tasks`` is empty.

    Raises:
        NotFoundError: There is no such DAG, run or task.
        StoreError: The database failed.
    """
    store = installation.store
    run = find_run(store, dag_id, run_id)
    known = known_tasks(store, run)
    for task_id in tasks:
        if task_id not in known:
            raise NotFoundError(f"task of DAG {dag_id!r}", task_id, known)
    store.requests.submit(ClearTasks(run.run, tuple(tasks), downstream, only_failed), installation.now())
    return run
