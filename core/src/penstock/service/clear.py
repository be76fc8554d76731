"""Clears: what would run again and with which version of the DAG, and the request for it."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from penstock.engine.graph.subset import chosen_tasks, tasks_of
from penstock.errors import NotFoundError, RequestError, as_sentence
from penstock.model.history.audit import NOBODY, AskedBy, AuditAction
from penstock.model.request import ClearTasks
from penstock.model.run import Run
from penstock.service.asked.asked import Asked, ask
from penstock.service.installation import Installation
from penstock.service.names import find_present_tasks, find_run, known_tasks
from penstock.service.reasons.preview import preview_changes
from penstock.store import DagState, Store


class Code(StrEnum):
    """With which version of its DAG a run goes on: the DAG's present one, or that which it has."""

    NEWEST = "newest"
    SAME = "same"


class Clear(msgspec.Struct, frozen=True):
    """What a clear does.

    Attributes:
        run: The run as it was before.
        tasks: Keys of the task instances that run again, as tables show them.
        version: The version that the run goes on with.
        note: Why that is not what the DAGs folder holds; "" if it is, or if that was asked for.
        wanted: The request.
        keeping: Those of the tasks that keep the steps that they have done, and their other checkpoints.
    """

    run: Run
    tasks: list[str]
    version: str
    note: str
    wanted: ClearTasks
    keeping: list[str]

    @property
    def moves(self) -> bool:
        """Whether the run gets another version."""
        return self.version != self.run.version

    @property
    def changes(self) -> bool:
        """Whether there is anything to ask for."""
        return bool(self.tasks) or self.moves


def preview_clear(  # noqa: PLR0913 - one argument an option
    installation: Installation,
    dag_id: str,
    run_id: str,
    *,
    tasks: Sequence[str] = (),
    map_index: int | None = None,
    upstream: bool = False,
    downstream: bool = True,
    only_failed: bool = False,
    code: Code | None = None,
    keep_steps: bool = False,
) -> Clear:
    """Tell what would run again, by an engine of its own; nothing is changed.

    Args:
        installation: The installation.
        dag_id: The DAG.
        run_id: The run; the newest of the DAG if it is empty.
        tasks: Ids of the tasks; all of the run if there is none.
        map_index: One instance of the mapped tasks; all unless given.
        upstream: Whether everything upstream runs again, too.
        downstream: Whether everything downstream does.
        only_failed: Whether instances that did not fail are left alone.
        code: The version of the DAG to go on with; None for the newest unless a try of the run lives.
        keep_steps: Whether the task instances keep the steps that they have done, and their other checkpoints.

    Raises:
        NotFoundError: There is no such DAG, run, task or instance.
        RequestError: The newest version was asked for, and a try of the run lives; that version does not have a task; or what is upstream
            of one instance was asked for.
        StoreError: The database failed.
    """
    store = installation.store
    run = find_run(store, dag_id, run_id)
    _check_tasks(store, run, tasks, map_index, code)
    version, note = version_to_run(store, run, code)
    _check_in_version(store, run, tasks, version)
    named = _with_upstream(store, run, tasks, map_index, version) if upstream and tasks else tuple(tasks)
    wanted = ClearTasks(run.run, named, downstream, only_failed, map_index, version, keep_steps)
    changes = preview_changes(installation, wanted)
    forgotten = set(changes.forgotten)
    keeping = [str(key) for key in changes.cleared if key not in forgotten]
    return Clear(run, list(map(str, changes.cleared)), version or run.version, note, wanted, keeping)


def clear_tasks(installation: Installation, *found: Clear, by: AskedBy = NOBODY) -> Asked:
    """Ask the scheduler for what was previewed, of one run or of several together; raises StoreError."""
    now = installation.now()
    audit = [
        by.entry(now, AuditAction.CLEAR, each.run.dag_id, each.run.run_id, ", ".join(each.tasks)) for each in found
    ]
    return ask(installation, tuple(each.wanted for each in found), *audit)


def version_to_run(store: Store, run: Run, code: Code | None) -> tuple[str, str]:
    """The version that a run is to be given, "" for none; and why it then runs other code than the DAGs folder holds, if nobody said so.

    Raises:
        RequestError: The newest version was asked for, and a try of the run lives.
    """
    state = store.dags.state(run.dag_id)
    if code is Code.SAME or state is None:
        return "", ""
    newest = state.version if state.version != run.version else ""
    live = sorted({past.attempt.task_id for past in store.runs.tries(run.run) if past.attempt.outcome is None})
    if not (newest and live):
        return newest, _behind(store, state)
    why = f"run {run.run_id!r} keeps its version {run.version[:12]}, because a try of {live[0]} has not ended"
    if code is Code.NEWEST:
        raise RequestError(f"{as_sentence(why)} Wait for its end or cancel the run, and ask again.")
    return "", f"{why}; the DAG's present version is {newest[:12]}"


def _behind(store: Store, state: DagState) -> str:
    if not state.active:
        return f"no file defines DAG {state.dag_id!r} any more: its last version counts"
    broken = any(found.problems for file, found in store.dags.problems().items() if file == state.file)
    return f"{state.file} cannot be imported as it is now: its last good version counts" if broken else ""


def _check_tasks(store: Store, run: Run, tasks: Sequence[str], map_index: int | None, code: Code | None) -> None:
    known = set(known_tasks(store, run))
    state = store.dags.state(run.dag_id)
    if code is not Code.SAME and state is not None and (spec := store.versions.spec(state.version)) is not None:
        known |= {task.task_id for task in spec.tasks}
    for task_id in tasks:
        if task_id not in known:
            raise NotFoundError(f"task of DAG {run.dag_id!r}", task_id, known)
        if map_index is not None:
            find_present_tasks(store, run, task_id, map_index)


def _check_in_version(store: Store, run: Run, tasks: Sequence[str], version: str) -> None:
    spec = store.versions.spec(version) if version else None
    gone = set(tasks) - {task.task_id for task in spec.tasks} if spec is not None else set()
    if gone:
        raise RequestError(
            f"the DAG's present version {version[:12]} has no task {min(gone)!r}. "
            f"To run it again with the version that run {run.run_id!r} has: --code same"
        )


def _with_upstream(
    store: Store, run: Run, tasks: Sequence[str], map_index: int | None, version: str
) -> tuple[str, ...]:
    """Tasks with all that is upstream of them, of those that the run has or gets."""
    if map_index is not None:
        raise RequestError(
            f"index {map_index} of {tasks[0]} has nothing upstream by itself. Clear the whole task with what is upstream of it, "
            "or the one instance without that."
        )
    spec = store.versions.spec(version or run.version)
    if spec is None:  # retention was faster
        return tuple(tasks)
    kept = {task.task_id for task in tasks_of(spec, run.subset)}
    return tuple(each for each in chosen_tasks(spec, tasks, upstream=True, downstream=False) if each in kept)
