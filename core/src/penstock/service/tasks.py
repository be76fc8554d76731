"""Operations on task instances: list, why, mark."""

import msgspec

from penstock.engine.why import why_paused
from penstock.errors import RequestError
from penstock.model.request import MarkTask
from penstock.model.run import UNMAPPED, Run, TaskInstance
from penstock.model.state import RunState, TaskState
from penstock.service.explain import Explainer
from penstock.service.installation import Installation
from penstock.service.names import find_dag, find_run, find_tasks, known_tasks
from penstock.store import PastTry, Store

_MARKS = (TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED)


class Why(msgspec.Struct, frozen=True):
    """Why a task instance is in its state.

    Attributes:
        reason: One sentence.
        upstream: States of the instances of each task directly upstream.
        tries: Its tries so far, oldest first.
    """

    run: Run
    task: TaskInstance
    reason: str
    upstream: dict[str, list[TaskState]]
    tries: list[PastTry]


def list_tasks(installation: Installation, dag_id: str, run_id: str = "") -> tuple[Run, list[TaskInstance]]:
    """List the task instances of a run, or of the DAG's newest if ``run_id`` is empty.

    Raises:
        NotFoundError: There is no such DAG or run.
        RequestError: The DAG has no run yet.
        StoreError: The database failed.
    """
    store = installation.store
    run = find_run(store, dag_id, run_id)
    return run, store.runs.tasks(run.run)


def why(
    installation: Installation, dag_id: str, task_id: str, *, run_id: str = "", map_index: int | None = None
) -> list[Why]:
    """Explain why the instances of a task are in their states.

    Args:
        installation: The installation.
        dag_id: Of the DAG.
        task_id: Of the task.
        run_id: The run; the newest of the DAG if it is empty.
        map_index: One instance of a mapped task; all unless given.

    Raises:
        NotFoundError: There is no such DAG, run or task.
        RequestError: There is no such instance.
        StoreError: The database failed.
    """
    store = installation.store
    run = find_run(store, dag_id, run_id)
    if run.state is RunState.QUEUED and task_id in known_tasks(store, run) and not store.runs.tasks(run.run, task_id):
        task = TaskInstance(run.run, task_id, UNMAPPED, TaskState.NONE)
        return [Why(run, task, Explainer(installation).why(task.key, dag_id), {}, [])]
    tries = store.runs.tries(run.run, task_id)
    found = find_tasks(store, run, task_id, map_index)
    upstream = _upstream(store, run, task_id)
    ready = any(task.state is TaskState.SCHEDULED for task in found)
    explainer = Explainer(installation) if ready else None
    return [
        Why(
            run=run,
            task=task,
            reason=explainer.why(task.key, dag_id)
            if explainer and task.state is TaskState.SCHEDULED
            else _reason(store, run, task, upstream),
            upstream=upstream,
            tries=[each for each in tries if each.attempt.map_index == task.map_index],
        )
        for task in found
    ]


def mark_task(
    installation: Installation,
    dag_id: str,
    task_id: str,
    state: str,
    *,
    run_id: str = "",
    map_index: int | None = None,
) -> list[TaskInstance]:
    """Ask the scheduler to set instances of a task to ``success``, ``failed`` or ``skipped``.

    Raises:
        NotFoundError: There is no such DAG, run or task.
        RequestError: There is no such instance, or the state is another one.
        StoreError: The database failed.
    """
    if state not in _MARKS:
        raise RequestError(f"a task cannot be marked {state!r}. Choose one of: {', '.join(s.value for s in _MARKS)}.")
    store = installation.store
    run = find_run(store, dag_id, run_id)
    found = find_tasks(store, run, task_id, map_index)
    marks = [MarkTask(run.run, task_id, task.map_index, state) for task in found]
    store.requests.submit_all(marks, installation.now())
    return found


def _upstream(store: Store, run: Run, task_id: str) -> dict[str, list[TaskState]]:
    spec = store.versions.spec(run.version)
    if spec is None:
        return {}
    return {name: [task.state for task in store.runs.tasks(run.run, name)] for name in spec.task(task_id).upstream}


def _reason(store: Store, run: Run, task: TaskInstance, upstream: dict[str, list[TaskState]]) -> str:
    """The engine's own words if it left any, else what can be seen from outside."""
    if task.reason:
        return task.reason
    if run.state.finished or task.state.finished:
        return f"it ended as {task.state.value}"
    if find_dag(store, run.dag_id).paused:
        return why_paused(run.dag_id)
    waiting = [name for name, states in upstream.items() if not all(state.finished for state in states)]
    if task.state is TaskState.NONE and waiting:
        return f"it waits for {', '.join(waiting)}"
    return run.reason or f"it is {task.state.value}"
