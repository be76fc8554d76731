"""Clears of tasks of other DAGs, which tasks that are cleared mark."""

from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from penstock.errors import NotFoundError, RequestError, as_sentence
from penstock.model.history.marked_task import MarkedTask
from penstock.model.run import Run
from penstock.service.clear import Clear, Code, preview_clear
from penstock.service.installation import Installation
from penstock.store import Store, UnreadableRun


class MarkedClears(msgspec.Struct, frozen=True):
    """Clears, and those of other DAGs that come with them.

    Attributes:
        clears: The clears, those that were asked for first.
        notes: What is marked and is not there, each as a sentence.
    """

    clears: list[Clear]
    notes: list[str]


class _Step(msgspec.Struct, frozen=True):
    """A clear, and how many marks led to it, of how many that may."""

    clear: Clear
    depth: int = 0
    most: int | None = None


def with_marked(
    installation: Installation, found: Sequence[Clear], *, code: Code | None = None, keep_steps: bool = False
) -> MarkedClears:
    """Add to clears those of the tasks of other DAGs that what they clear marks; nothing is changed.

    Args:
        installation: The installation.
        found: The clears.
        code: As in `preview_clear`, for the other DAGs' runs.
        keep_steps: As in `preview_clear`.

    Raises:
        RequestError: Marks lead on from DAG to DAG more often than the first of them allows.
        StoreError: The database failed.
    """
    clears, notes, seen = list(found), [], set()
    steps = deque(_Step(clear) for clear in found)
    while steps:
        step = steps.popleft()
        for task_id, marked in _marks(installation.store, step.clear):
            subject = f"task {task_id!r} of run {step.clear.run.run_id!r} of DAG {step.clear.run.dag_id!r}"
            target = _target(installation.store, step.clear.run, task_id, marked)
            if isinstance(target, str):
                notes.append(f"{subject} marks {target}")
                continue
            run, other = target
            if (run.run, other) in seen:
                continue
            seen.add((run.run, other))
            most = marked.depth if step.most is None else step.most
            if step.depth >= most:
                raise RequestError(
                    f"{subject} marks yet another DAG: {most} in a row are cleared at most (recursion_depth)."
                )
            try:
                clear = preview_clear(
                    installation, run.dag_id, run.run_id, tasks=(other,), code=code, keep_steps=keep_steps
                )
            except NotFoundError as error:
                notes.append(f"{subject} marks what is not there: {as_sentence(error)}")
                continue
            clears.append(clear)
            steps.append(_Step(clear, step.depth + 1, most))
    return MarkedClears(clears, notes)


def _marks(store: Store, clear: Clear) -> Iterator[tuple[str, MarkedTask]]:
    """The cleared tasks that mark another one."""
    spec = store.versions.spec(clear.version)
    cleared = {key.partition("[")[0] for key in clear.tasks}
    for task in () if spec is None else spec.tasks:
        if task.marks is not None and task.task_id in cleared:
            yield task.task_id, task.marks


def _target(store: Store, run: Run, task_id: str, marked: MarkedTask) -> tuple[Run, str] | str:
    """The run and the task that a task marks; a few words if there is no such run."""
    from penstock.tries.asks import read_instant  # noqa: PLC0415 - few tasks mark another

    rendered = store.runs.rendered(run.run, task_id)
    fields = rendered[-1].fields if rendered else {}
    dag_id = fields.get("external_dag_id", marked.dag_id)
    other = fields.get("external_task_id", marked.task_id)
    date: datetime | None = run.logical_date
    if marked.logical_date:
        try:
            date = read_instant(fields.get("logical_date", marked.logical_date))
        except RequestError:
            return f"task {other!r} of DAG {dag_id!r} by a template that no try of it has rendered"
    if date is None:
        return f"task {other!r} of DAG {dag_id!r}, and its run has no logical date by which to find the other"
    newest = store.backfills.newest_run(dag_id, date)
    if newest is None or isinstance(newest, UnreadableRun):
        return f"task {other!r} of DAG {dag_id!r}, which has no run of {date.isoformat()}"
    return newest, other
