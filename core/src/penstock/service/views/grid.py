"""Operations on the states of many runs at once: the last runs of DAGs, and the grid of runs by tasks."""

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from penstock.errors import RequestError
from penstock.model.access.permission import Permission
from penstock.model.dag import DagSpec
from penstock.model.state import TaskState
from penstock.service.installation import Installation
from penstock.service.names import find_dag
from penstock.service.operations.operation import operation
from penstock.service.operations.page import Page, PagedList, PageSize
from penstock.store import RunStates, ShortRun

MOST_DAGS = 200
"""DAGs whose last runs are asked for together at most."""
MOST_RUNS = 365
"""Runs of a page of the grid, and last runs of a DAG, at most."""

LETTERS: Mapping[str, TaskState] = {
    "f": TaskState.FAILED,
    "u": TaskState.UPSTREAM_FAILED,
    "r": TaskState.RUNNING,
    "y": TaskState.UP_FOR_RETRY,
    "d": TaskState.DEFERRED,
    "q": TaskState.QUEUED,
    "w": TaskState.SCHEDULED,
    "n": TaskState.NONE,
    "c": TaskState.CANCELLED,
    "s": TaskState.SUCCESS,
    "k": TaskState.SKIPPED,
    "x": TaskState.REMOVED,
}
"""The letter of each state in a grid, the most pressing first: a mapped task has that of the first that an instance is in."""
ABSENT = "."
"""The letter of a task of which a run has no instance."""

_LETTER_OF = {state: letter for letter, state in LETTERS.items()}
_RANK = {letter: rank for rank, letter in enumerate(LETTERS)}
_NOTHING = RunStates([], [])


class LatestRuns(msgspec.Struct, frozen=True):
    """The newest runs of DAGs.

    Attributes:
        runs: By DAG id, newest first; a DAG without a run is absent.
    """

    runs: dict[str, list[ShortRun]]


class GridTask(msgspec.Struct, frozen=True):
    """One row of a grid.

    Attributes:
        mapped: Whether it may have several instances in a run.
        present: Whether the DAG's present version has it.
    """

    task_id: str
    mapped: bool
    present: bool


class GridRun(msgspec.Struct, frozen=True):
    """One column of a grid.

    Attributes:
        states: A letter for each of the grid's tasks, in their order.
        mapped: Of each mapped task that has instances, how many are in which state.
    """

    run: ShortRun
    states: str
    mapped: dict[str, dict[TaskState, int]]


class Grid(Page[GridRun], frozen=True, kw_only=True):
    """The runs of a DAG by its tasks, newest first.

    Attributes:
        version: The DAG's present version, whose order the tasks have; those that only older runs have come last.
        letters: What the letters of the columns mean.
    """

    dag_id: str
    version: str
    tasks: list[GridTask]
    letters: dict[str, TaskState]


_COLUMNS = PagedList("runs of a grid", int)


@operation("GET", "/views/latest-runs", needs=Permission.DAGS_READ, subject="", stored=True)
def latest_runs(installation: Installation, dag_ids: list[str], count: PageSize = 14) -> LatestRuns:
    """Show the newest runs of each of some DAGs, for the bars of a list; those that may not be seen are left out.

    Args:
        installation: The installation.
        dag_ids: The DAGs.
        count: Runs of each at most.

    Raises:
        RequestError: More are asked for than are shown at once.
        StoreError: The database failed.
    """
    if len(dag_ids) > MOST_DAGS:
        raise RequestError(f"{len(dag_ids)} DAGs are named, and {MOST_DAGS} at most are shown at once. Ask in parts.")
    _check(count, "runs of each DAG")
    wanted = [dag_id for dag_id in dict.fromkeys(dag_ids) if installation.may(Permission.DAGS_READ, dag_id)]
    runs: dict[str, list[ShortRun]] = {}
    for run in installation.store.views.latest_runs(wanted, count):
        runs.setdefault(run.dag_id, []).append(run)
    return LatestRuns({dag_id: sorted(each, key=_newest_first) for dag_id, each in runs.items()})


@operation("GET", "/dags/{dag_id}/grid", needs=Permission.DAGS_READ, stored=True)
def show_grid(
    installation: Installation, dag_id: str, *, tasks: list[str] | None = None, after: str = "", limit: PageSize = 25
) -> Grid:
    """Show a page of the runs of a DAG by its tasks, newest first: one letter a cell.

    Args:
        installation: The installation.
        dag_id: The DAG.
        tasks: Only these tasks, in the DAG's order; all unless given.
        after: ``next`` of the page before; "" for the first page.
        limit: Runs of the page.

    Raises:
        NotFoundError: There is no such DAG.
        RequestError: More runs are asked for than are shown at once.
        PageError: No page ended with ``after``.
        StoreError: The database failed.
    """
    _check(limit, "runs")
    store = installation.store
    row = find_dag(store, dag_id)
    found = store.views.runs_of(dag_id, _COLUMNS.key(after, dag_id), limit + 1)
    page, end = _COLUMNS.cut(found, limit, lambda run: run.run, dag_id)
    only = set(tasks or ())
    states = store.views.states([run.run for run in page], only)
    rows = _rows(row.spec, only, states.values())
    columns = [_column(run, states.get(run.run, _NOTHING), rows) for run in page]
    return Grid(items=columns, next=end, dag_id=dag_id, version=row.version, tasks=rows, letters=dict(LETTERS))


def _check(count: int, what: str) -> None:
    if not 1 <= count <= MOST_RUNS:
        raise RequestError(f"{count} {what} cannot be shown. Choose 1 to {MOST_RUNS}.")


def _newest_first(run: ShortRun) -> int:
    return -run.run


def _rows(spec: DagSpec, only: set[str], columns: Iterable[RunStates]) -> list[GridTask]:
    """The rows: the tasks of the present version, then those that only older runs have."""
    rows = [
        GridTask(task.task_id, bool(task.mapped or task.group), present=True)
        for task in spec.tasks
        if not only or task.task_id in only
    ]
    known = {row.task_id for row in rows}
    gone: dict[str, bool] = {}
    for column in columns:
        for task_id in set(column.task_ids) - known:
            gone[task_id] = gone.get(task_id, False) or column.task_ids.count(task_id) > 1
    return rows + [GridTask(task_id, gone[task_id], present=False) for task_id in sorted(gone)]


def _column(run: ShortRun, found: RunStates, rows: list[GridTask]) -> GridRun:
    letter_of = {task_id: _LETTER_OF[state] for task_id, state in zip(found.task_ids, found.states, strict=True)}
    mapped: dict[str, dict[TaskState, int]] = {
        row.task_id: {} for row in rows if row.mapped and row.task_id in letter_of
    }
    if mapped or len(letter_of) < len(found.task_ids):
        for (task_id, state), number in Counter(zip(found.task_ids, found.states, strict=True)).items():
            letter_of[task_id] = min(letter_of[task_id], _LETTER_OF[state], key=_RANK.__getitem__)
            if task_id in mapped:
                mapped[task_id][state] = number
    return GridRun(run, "".join([letter_of.get(row.task_id, ABSENT) for row in rows]), mapped)
