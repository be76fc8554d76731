"""Finds what is stored by the names that users write, with the nearest names when there is nothing."""

import re

from penstock.engine.graph.subset import tasks_of
from penstock.errors import NotFoundError, RequestError
from penstock.model.access.permission import Permission
from penstock.model.dag import TaskSpec
from penstock.model.names import map_key_of
from penstock.model.run import UNMAPPED, Run, TaskInstance
from penstock.model.state import TaskState
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation
from penstock.store import DagRow, DagState, Store

_NUMBER = re.compile(r"[0-9]{1,9}")

_RECENT_RUNS = 200
_ALL_DAGS = "`penstock dags list` shows all of them."


def find_dag(store: Store, dag_id: str) -> DagRow:
    """A DAG, retired or not; raises NotFoundError."""
    row = store.dags.row(dag_id)
    if row is None:
        raise NotFoundError("DAG", dag_id, store.dags.ids(), hint=_ALL_DAGS)
    return row


def find_dag_state(store: Store, dag_id: str) -> DagState:
    """A DAG, retired or not, without its structure, which may be large and is rarely needed; raises NotFoundError."""
    found = store.dags.state(dag_id)
    if found is None:
        raise NotFoundError("DAG", dag_id, store.dags.ids(), hint=_ALL_DAGS)
    return found


def find_run(store: Store, dag_id: str, run_id: str = "") -> Run:
    """A run by DAG and run id, or the newest run of the DAG if ``run_id`` is empty; raises NotFoundError.

    Raises:
        RequestError: The DAG has no run yet.
    """
    found = store.runs.find(dag_id, run_id) if run_id else next(iter(store.runs.page(dag_id=dag_id, limit=1)), None)
    if found is not None:
        return found
    find_dag_state(store, dag_id)
    if not run_id:
        raise RequestError(f"DAG {dag_id!r} has no run yet. Start one with: penstock dags trigger {dag_id}")
    recent = store.runs.page(dag_id=dag_id, limit=_RECENT_RUNS)
    raise NotFoundError(
        f"run of DAG {dag_id!r}", run_id, [r.run_id for r in recent], hint=f"See: penstock runs list {dag_id}"
    )


def find_tasks(store: Store, run: Run, task_id: str, map_index: int | None = None) -> list[TaskInstance]:
    """The instances of a task in a run, all or the one of an index; raises NotFoundError.

    Raises:
        RequestError: There is no such instance yet.
    """
    if found := tasks_so_far(store, run, task_id, map_index):
        return found
    if store.runs.tasks(run.run, task_id):
        raise RequestError(f"task {task_id!r} of run {run.run_id!r} has not been expanded, so it has no index yet.")
    raise RequestError(f"run {run.run_id!r} has not started, so task {task_id!r} has no instance yet.")


def tasks_so_far(store: Store, run: Run, task_id: str, map_index: int | None = None) -> list[TaskInstance]:
    """The instances of a task in a run, all or the one of an index; none as long as what makes them is still to come.

    That is the start of the run, and for an index the expansion of its task.

    Raises:
        NotFoundError: There is no such task, or it has no such index and gets none.
    """
    found = store.runs.tasks(run.run, task_id)
    chosen = [task for task in found if map_index is None or task.map_index == map_index]
    if chosen:
        return chosen
    known = {task.task_id: task for task in _tasks_of_run(store, run)}
    if not found:
        if task_id not in known:
            raise NotFoundError(f"task of DAG {run.dag_id!r}", task_id, list(known))
        return []
    if found[0].map_index != UNMAPPED:
        has = f"It has {found[0].map_index} to {found[-1].map_index}."
    elif task_id not in known or not known[task_id].mapped:
        has = "It is not mapped: name no index."
    elif found[0].state.finished:
        has = f"It ended as {found[0].state} before it was expanded: name no index."
    else:
        return []
    raise NotFoundError(f"index of task {task_id!r} of run {run.run_id!r}", str(map_index), hint=has)


def index_of(
    installation: Installation, dag_id: str, task_id: str, named: int | str | None, *, run_id: str = ""
) -> int | None:
    """The map index of an instance that is named by it or by its key; None if none is named.

    Args:
        installation: The installation.
        dag_id: The DAG.
        task_id: The task.
        named: The index, or a text that may be an index or a key.
        run_id: The run; the newest of the DAG if it is empty.

    Raises:
        NotFoundError: There is no such DAG, run, task or key.
        RequestError: Two instances are named so, or the run has not started.
        StoreError: The database failed.
    """
    if named is None or isinstance(named, int):
        return named
    return find_index(installation, dag_id, task_id, named, run_id=run_id)


@operation("GET", "/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/index", needs=Permission.DAGS_READ)
def find_index(installation: Installation, dag_id: str, task_id: str, named: str, *, run_id: str = "") -> int:
    """Find the map index of an instance by what a person wrote, an index or a key.

    Raises:
        NotFoundError: There is no such DAG, run, task or key.
        RequestError: Two instances are named so, or the run has not started.
        StoreError: The database failed.
    """
    store = installation.store
    run = find_run(store, dag_id, run_id)
    found = store.runs.tasks(run.run, task_id)
    keyed = [task for task in found if task.map_key and task.map_key == map_key_of(named)]
    keyed = [task for task in keyed if task.state is not TaskState.REMOVED] or keyed
    if _NUMBER.fullmatch(named):
        numbered = next((task for task in found if task.map_index == int(named)), None)
        other = next((task for task in keyed if task.map_index != int(named)), None)
        if numbered is not None and other is not None:
            raise RequestError(
                f"{named!r} is the index of {numbered.label} and the key of {other.label} in run {run.run_id!r}. "
                f"Say which: --index {named} or --index {other.map_index}."
            )
        if numbered is not None or not keyed:
            return int(named)
    if len(keyed) > 1:
        which = f"{keyed[0].key} and {keyed[1].key}" + (", among others" if len(keyed) > 2 else "")
        raise RequestError(f"two instances of run {run.run_id!r} have the key {named!r}: {which}. Name one by --index.")
    if not keyed:
        keys = [task.map_key for task in find_tasks(store, run, task_id) if task.map_key]
        hint = "" if keys else "No instance of it has a key: name it by its index."
        raise NotFoundError(f"instance of task {task_id!r} of run {run.run_id!r}", named, keys, hint=hint)
    return keyed[0].map_index


def find_present_tasks(store: Store, run: Run, task_id: str, map_index: int | None = None) -> list[TaskInstance]:
    """The instances that a task has now, without those that were removed; raises NotFoundError.

    Raises:
        RequestError: There is no such instance, or the one of that index was removed.
    """
    found = find_tasks(store, run, task_id, map_index)
    present = [task for task in found if task.state is not TaskState.REMOVED]
    if not present:
        raise RequestError(
            f"{found[0].key} of run {run.run_id!r} was removed: {found[0].reason}. Name one that is there, or the whole task."
        )
    return present


def known_tasks(store: Store, run: Run) -> list[str]:
    """Ids of the tasks that a run has of the version that it is pinned to."""
    return [task.task_id for task in _tasks_of_run(store, run)]


def _tasks_of_run(store: Store, run: Run) -> list[TaskSpec]:
    spec = store.versions.spec(run.version) if run.version else find_dag(store, run.dag_id).spec
    return list(tasks_of(spec, run.subset)) if spec else []
