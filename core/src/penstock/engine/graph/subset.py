"""Runs that have only some tasks of their DAG: which these are, and how they depend on each other."""

from collections.abc import Collection, Iterable, Sequence

from msgspec.structs import replace

from penstock.engine.graph.guards import reachable
from penstock.model.dag import DagSpec, TaskSpec


def tasks_of(dag: DagSpec, subset: Collection[str]) -> tuple[TaskSpec, ...]:
    """The tasks of a run that has only those of a subset; all of the DAG if it is empty.

    What stands between two of them is left out, and the lower one then waits for the upper one directly. A task over whose
    value another is mapped belongs to it, whatever the subset says: without it nobody knows how many instances there are.
    """
    if not subset:
        return dag.tasks
    kept = _with_sources(dag, subset)
    above: dict[str, set[str]] = {}
    for task in dag.tasks:  # in topological order
        above[task.task_id] = {found for up in task.upstream for found in ([up] if up in kept else above[up])}
    return tuple(
        replace(task, upstream=tuple(sorted(above[task.task_id]))) for task in dag.tasks if task.task_id in kept
    )


def chosen_tasks(dag: DagSpec, named: Iterable[str], *, upstream: bool, downstream: bool) -> list[str]:
    """Ids of named tasks with what belongs to them, in the DAG's order.

    Args:
        dag: The DAG, which has them.
        named: Ids of tasks.
        upstream: Whether all that is upstream of them belongs to them.
        downstream: Whether all that is downstream of them does.

    Returns:
        These, with the setups of work that is among them, and the teardowns of those.
    """
    index = {task.task_id: number for number, task in enumerate(dag.tasks)}
    ups = [[index[up] for up in task.upstream] for task in dag.tasks]
    downs: list[list[int]] = [[] for _ in ups]
    for number, above in enumerate(ups):
        for up in above:
            downs[up].append(number)
    start = {index[task_id] for task_id in named}
    found = start | (reachable(start, ups) if upstream else set()) | (reachable(start, downs) if downstream else set())
    setups = {
        number
        for number in reachable(found, ups)
        if dag.tasks[number].setup and _serves(dag, number, found, ups, downs)
    }
    teardowns = {down for number in setups | found if dag.tasks[number].setup for down in downs[number]}
    found |= setups | {number for number in teardowns if dag.tasks[number].teardown}
    return [task.task_id for number, task in enumerate(dag.tasks) if number in found]


def missing_inputs(dag: DagSpec, subset: Collection[str]) -> list[tuple[str, str]]:
    """Each task of a subset that takes the value of one that is not in it, with that one."""
    return [
        (task.task_id, ref.task_id)
        for task in dag.tasks
        if task.task_id in subset
        for ref in (*task.inputs, *(source for mapping in task.mapped for source in mapping.sources()))
        if ref.task_id not in subset
    ]


def _serves(dag: DagSpec, setup: int, chosen: set[int], ups: Sequence[list[int]], downs: Sequence[list[int]]) -> bool:
    """Whether a setup makes what chosen work needs: that stands below it, and above one of its teardowns if it has some."""
    below = reachable(downs[setup], downs) & chosen
    teardowns = [down for down in downs[setup] if dag.tasks[down].teardown]
    return bool(below & reachable(teardowns, ups) if teardowns else below)


def _with_sources(dag: DagSpec, subset: Collection[str]) -> set[str]:
    kept = set(subset)
    for task in reversed(dag.tasks):
        if task.task_id in kept:
            kept |= {source.task_id for mapping in task.mapped for source in mapping.sources()}
    return kept
