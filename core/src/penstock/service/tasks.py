"""What people ask of task instances: list, why, logs, mark."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from penstock.errors import RequestError
from penstock.model.request import MarkTask
from penstock.model.run import UNMAPPED, Run, TaskInstance
from penstock.model.state import RunState, TaskState
from penstock.service.explain import Explainer
from penstock.service.names import find_dag, find_run, find_tasks, known_tasks
from penstock.store import PastTry, Store
from penstock.tries.paths import log_path

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


class Log(msgspec.Struct, frozen=True):
    """Where a try's log is; the file may not exist yet, or no more."""

    task: TaskInstance
    epoch: int
    try_number: int
    live: bool
    path: Path


def list_tasks(store: Store, dag_id: str, run_id: str = "") -> tuple[Run, list[TaskInstance]]:
    """The task instances of a run, or of the DAG's newest if ``run_id`` is empty; raises NotFoundError."""
    run = find_run(store, dag_id, run_id)
    return run, store.runs.tasks(run.run)


def why(
    store: Store,
    dag_id: str,
    task_id: str,
    now: datetime,
    places: Mapping[str, int],
    *,
    run_id: str = "",
    map_index: int | None = None,
) -> list[Why]:
    """Why the instances of a task are in their states.

    Args:
        store: The open store.
        dag_id: Of the DAG.
        task_id: Of the task.
        now: The present, aware UTC.
        places: Tries that each executor holds at once, by name.
        run_id: The run; the newest of the DAG if it is empty.
        map_index: One instance of a mapped task; all unless given.

    Raises:
        NotFoundError: There is no such DAG, run or task.
        RequestError: There is no such instance.
    """
    run = find_run(store, dag_id, run_id)
    if run.state is RunState.QUEUED and task_id in known_tasks(store, run) and not store.runs.tasks(run.run, task_id):
        task = TaskInstance(run.run, task_id, UNMAPPED, TaskState.NONE)
        return [Why(run, task, f"its run has not started: {_why_queued(store, run)}", {}, [])]
    tries = store.runs.tries(run.run, task_id)
    found = find_tasks(store, run, task_id, map_index)
    upstream = _upstream(store, run, task_id)
    ready = any(task.state is TaskState.SCHEDULED for task in found)
    explainer = Explainer(store, now, places) if ready else None
    return [
        Why(
            run=run,
            task=task,
            reason=explainer.why(task.key)
            if explainer and task.state is TaskState.SCHEDULED
            else _reason(store, run, task, upstream),
            upstream=upstream,
            tries=[each for each in tries if each.attempt.map_index == task.map_index],
        )
        for task in found
    ]


def task_logs(
    store: Store,
    logs_folder: Path,
    dag_id: str,
    task_id: str,
    *,
    run_id: str = "",
    map_index: int | None = None,
) -> list[Log]:
    """Logs of every try of a task's instances, oldest first for each; raises NotFoundError or RequestError."""
    run = find_run(store, dag_id, run_id)
    instances = {task.map_index: task for task in find_tasks(store, run, task_id, map_index)}
    return [
        Log(
            task=instances[attempt.map_index],
            epoch=attempt.epoch,
            try_number=attempt.try_number,
            live=attempt.outcome is None,
            path=log_path(logs_folder, dag_id, run.run_id, instances[attempt.map_index].key, attempt.epoch),
        )
        for attempt in (past.attempt for past in store.runs.tries(run.run, task_id))
        if attempt.map_index in instances
    ]


def mark_task(
    store: Store,
    dag_id: str,
    task_id: str,
    state: str,
    now: datetime,
    *,
    run_id: str = "",
    map_index: int | None = None,
) -> list[TaskInstance]:
    """Ask the scheduler to set instances of a task to ``success``, ``failed`` or ``skipped``; raises RequestError."""
    if state not in _MARKS:
        raise RequestError(f"a task cannot be marked {state!r}. Choose one of: {', '.join(s.value for s in _MARKS)}.")
    run = find_run(store, dag_id, run_id)
    found = find_tasks(store, run, task_id, map_index)
    store.requests.submit_all([MarkTask(run.run, task_id, task.map_index, state) for task in found], now)
    return found


def _why_queued(store: Store, run: Run) -> str:
    """Why a run waits, in the words of `penstock.engine.why`, from what the database tells."""
    if find_dag(store, run.dag_id).paused:
        return f"DAG {run.dag_id!r} is paused. Unpause it with: penstock dags unpause {run.dag_id}"
    spec = store.versions.spec(run.version)
    limit = spec.max_active_runs if spec else 0
    active = len(store.runs.page(dag_id=run.dag_id, state=RunState.RUNNING, limit=limit or 1))
    if limit and active >= limit:
        return f"DAG {run.dag_id!r} has {active} of {limit} active runs (max_active_runs)"
    return "the scheduler has not taken it up yet; is `penstock up` running?"


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
        return f"DAG {run.dag_id!r} is paused. Unpause it with: penstock dags unpause {run.dag_id}"
    waiting = [name for name, states in upstream.items() if not all(state.finished for state in states)]
    if task.state is TaskState.NONE and waiting:
        return f"it waits for {', '.join(waiting)}"
    return run.reason or f"it is {task.state.value}"
