"""The states of runs and tasks of other DAGs at logical dates, for the sensors that wait for them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from penstock.errors import NotFoundError, RequestError
from penstock.model.run import Run
from penstock.model.state import TaskState
from penstock.store import Store, UnreadableRun
from penstock.tries.run_watch import Target

MOST_DATES = 1000
"""Logical dates that one question may name."""


def external_states(
    store: Store, dag_id: str, task_ids: Sequence[str], group_id: str, dates: Sequence[datetime]
) -> tuple[list[dict[str, Any]], list[Target]]:
    """Find what has become of a DAG's tasks, or of its runs, at some logical dates.

    Args:
        store: The store.
        dag_id: The DAG.
        task_ids: The tasks; of the run as a whole if neither these nor a group are named.
        group_id: The task group; "" for none.
        dates: The logical dates, aware.

    Returns:
        By date, the state of the newest run of it, None without one, and by task all states of its instances; and the targets where
        the next change is to be looked for.

    Raises:
        NotFoundError: A run of the date has no such task or group.
        RequestError: Too many dates are named.
    """
    if len(dates) > MOST_DATES:
        raise RequestError(
            f"external_states() of {len(dates):,} logical dates: at most {MOST_DATES:,} can be waited for."
        )
    found: list[dict[str, Any]] = []
    targets: list[Target] = []
    for date in dates:
        run = store.backfills.newest_run(dag_id, date)
        if run is None or isinstance(run, UnreadableRun):
            found.append({"date": date.isoformat(), "run": None, "tasks": {}})
            targets.append((dag_id, date))
            continue
        wanted = list(_tasks(store, run, task_ids, group_id))
        states: dict[str, list[str]] = {task_id: [] for task_id in wanted}
        for task in store.runs.tasks(run.run, wanted[0] if len(wanted) == 1 else "") if wanted else ():
            if task.task_id in states and task.state is not TaskState.REMOVED:
                states[task.task_id].append(task.state.value)
        distinct = {task_id: sorted({*each}) for task_id, each in states.items()}
        found.append({"date": date.isoformat(), "run": run.state.value, "tasks": distinct})
        # A run may be cleared, or begin, and then it is its tasks that end.
        targets += [(dag_id, date), (run.run,), *((run.run, task_id) for task_id in wanted)]
    return found, targets


def _tasks(store: Store, run: Run, task_ids: Sequence[str], group_id: str) -> Iterator[str]:
    spec = store.versions.spec(run.version) if run.version else None
    known = [] if spec is None else [task.task_id for task in spec.tasks]
    for task_id in task_ids if spec is not None else ():
        if task_id not in known:
            raise NotFoundError(f"task of DAG {run.dag_id!r}", task_id, known)
        yield task_id
    if group_id and spec is not None:
        inner = [task_id for task_id in known if task_id.startswith(f"{group_id}.")]
        if not inner:
            raise NotFoundError(f"task group of DAG {run.dag_id!r}", group_id, list(spec.groups))
        yield from inner
