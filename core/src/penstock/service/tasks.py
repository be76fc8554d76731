"""Operations on task instances: list, why, mark."""

import msgspec

from penstock.engine.waits import Wait
from penstock.errors import RequestError
from penstock.model.access.permission import Permission
from penstock.model.dag import DagSpec
from penstock.model.history.audit import NOBODY, AskedBy, AuditAction
from penstock.model.request import MarkTask
from penstock.model.run import UNMAPPED, Run, TaskInstance
from penstock.model.state import RunState, TaskState
from penstock.service.asked.asked import Asked, ask
from penstock.service.clear import Code, version_to_run
from penstock.service.installation import Installation
from penstock.service.names import find_present_tasks, find_run, find_tasks, known_tasks
from penstock.service.operations.operation import operation
from penstock.service.operations.page import Page, PagedList, PageSize
from penstock.service.reasons.preview import TaskChange, preview_marks
from penstock.store import PastTry, Store

_MARKS = (TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED)


class Why(msgspec.Struct, frozen=True):
    """Why a task instance is in its state.

    Attributes:
        reason: One sentence.
        upstream: States of the instances of each task directly upstream.
        tries: Its tries so far, oldest first.
        steps: How many steps it has done, which its next try does not do again.
        wait: The limit that it waits for, with who holds that; None if none holds it back.
    """

    run: Run
    task: TaskInstance
    reason: str
    upstream: dict[str, list[TaskState]]
    tries: list[PastTry]
    steps: int = 0
    wait: Wait | None = None


class RunTasks(Page[TaskInstance], frozen=True, kw_only=True):
    """A run with a page of its task instances, in the DAG's order."""

    run: Run


_TASKS = PagedList("tasks of a run", tuple[int, str, int])


class Mark(msgspec.Struct, frozen=True):
    """What a mark does; ``version`` and ``note`` as in `penstock.service.clear.Clear`.

    Attributes:
        changes: Which task instances have another state at once; what failed for their sake alone is judged anew.
        asked: What the scheduler was sent; None if nothing is changed.
    """

    run: Run
    tasks: list[str]
    version: str
    note: str
    changes: list[TaskChange]
    asked: Asked | None


@operation("GET", "/dags/{dag_id}/runs/{run_id}/tasks", needs=Permission.DAGS_READ, stored=True)
def list_tasks(
    installation: Installation, dag_id: str, run_id: str = "", *, after: str = "", limit: PageSize = 10_000
) -> RunTasks:
    """List a page of the task instances of a run in the DAG's order, or of the DAG's newest if ``run_id`` is empty.

    Raises:
        NotFoundError: There is no such DAG or run.
        RequestError: The DAG has no run yet.
        PageError: No page ended with ``after``.
        StoreError: The database failed.
    """
    store = installation.store
    run = find_run(store, dag_id, run_id)
    order = {task_id: number for number, task_id in enumerate(known_tasks(store, run))}

    def key(task: TaskInstance) -> tuple[int, str, int]:
        return order.get(task.task_id, len(order)), task.task_id, task.map_index

    page = _TASKS.page_of_all(store.runs.tasks(run.run), after, limit, key, run.run)
    return RunTasks(items=page.items, next=page.next, run=run)


@operation("GET", "/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/why", needs=Permission.DAGS_READ)
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
    from penstock.service.reasons.explain import Explainer, Reasons  # noqa: PLC0415 - they need the engine, and other commands do not

    store = installation.store
    run = find_run(store, dag_id, run_id)
    never_began = run.state in (RunState.QUEUED, RunState.SKIPPED) and not store.runs.tasks(run.run, task_id)
    if never_began and task_id in known_tasks(store, run):
        task = TaskInstance(run.run, task_id, UNMAPPED, TaskState.NONE)
        if run.state is RunState.SKIPPED:
            return [Why(run, task, f"its run was skipped: {run.reason}", {}, [])]
        return [Why(run, task, Explainer(installation).why(task.key, dag_id), {}, [])]
    tries = store.runs.tries(run.run, task_id)
    found = find_tasks(store, run, task_id, map_index)
    spec = store.versions.spec(run.version)
    reasons = Reasons(installation, run, spec, task_id, [t.attempt for t in tries if t.attempt.outcome is None])
    upstream, steps = _upstream(store, run, spec, task_id), store.checkpoints.steps_done(run.run, task_id)
    past: dict[int, list[PastTry]] = {}
    for each in tries:
        past.setdefault(each.attempt.map_index, []).append(each)
    return [
        Why(
            run=run,
            task=task,
            reason=reasons.of(task),
            upstream=upstream,
            tries=past.get(task.map_index, []),
            steps=steps.get(task.map_index, 0),
            wait=reasons.wait_of(task),
        )
        for task in found
    ]


@operation("POST", "/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/mark", needs=Permission.RUNS_WRITE)
def mark_task(  # noqa: PLR0913 - one argument an option
    installation: Installation,
    dag_id: str,
    task_id: str,
    state: str,
    *,
    run_id: str = "",
    map_index: int | None = None,
    code: Code | None = Code.SAME,
    dry_run: bool = False,
    by: AskedBy = NOBODY,
) -> Mark:
    """Ask the scheduler to set instances of a task to ``success``, ``failed`` or ``skipped``.

    Args:
        installation: The installation.
        dag_id: The DAG.
        task_id: The task.
        state: One of these three.
        run_id: The run; the newest of the DAG if it is empty.
        map_index: One instance of a mapped task; all unless given.
        code: The version of the DAG that the run goes on with; None for the newest unless a try of the run lives.
        dry_run: Whether to tell what would change, and change nothing.
        by: Who asks, for the audit.

    Raises:
        NotFoundError: There is no such DAG, run or task.
        RequestError: There is no such instance, the state is another one, or the newest version was asked for and a try lives.
        StoreError: The database failed.
    """
    if state not in _MARKS:
        raise RequestError(f"a task cannot be marked {state!r}. Choose one of: {', '.join(s.value for s in _MARKS)}.")
    store = installation.store
    run = find_run(store, dag_id, run_id)
    found = find_present_tasks(store, run, task_id, map_index)
    version, note = version_to_run(store, run, code)
    marks = tuple(MarkTask(run.run, task_id, task.map_index, state, version) for task in found)
    changes = preview_marks(installation, run, *marks)
    now, keys = installation.now(), [str(task.key) for task in found]
    subject = f"{state}: {', '.join(keys)}"
    audit = by.entry(now, AuditAction.MARK, dag_id, run.run_id, subject)
    asked = None if dry_run else ask(installation, marks, audit)
    return Mark(run, keys, version or run.version, note, changes, asked)


def _upstream(store: Store, run: Run, spec: DagSpec | None, task_id: str) -> dict[str, list[TaskState]]:
    known = () if spec is None else next((task.upstream for task in spec.tasks if task.task_id == task_id), ())
    found = {name: [task.state for task in store.runs.tasks(run.run, name)] for name in known}
    return {name: [state for state in states if state is not TaskState.REMOVED] for name, states in found.items()}
