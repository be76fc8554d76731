"""A DAG compiled for the engine: tasks by number, edges in both directions; shared by all runs of one version."""

from collections.abc import Iterable, Sequence

from penstock.engine.graph.guards import guards_of, reachable
from penstock.engine.graph.subset import tasks_of
from penstock.model.dag import DagSpec, TaskSpec


class CompiledDag:
    """The structure of one DAG version; immutable after construction.

    Args:
        dag: The DAG.
        version: Its version.
        subset: Ids of the only tasks that the run has; empty for all.

    Attributes:
        dag: The whole DAG.
        tasks: Those that the run has.
        alerting: Whether anybody is to be told of anything that happens in it.
        downstream: For each task number, the numbers directly downstream of it.
        guards: For each task number, the numbers that it waits for whatever its trigger rule says.
        guarded: The same in the other direction.
        spread: For each task number, those of tasks that are mapped over what it leaves and are not directly downstream of it.
        past: For each task number, the ids of the tasks that it waits for in the run before: itself and what stands below it; () for none.
        past_of: By such an id, the numbers of the tasks that wait for it.
        looking_back: The numbers of the tasks that wait for any.
        groups: The numbers of tasks that are expanded together: those of a mapped task group, or one mapped task alone.
        leaf: Whether the task decides the run's state: it has no downstream that is no teardown, and is none itself; teardowns
            whose failure fails the run count as work. In a DAG of other teardowns alone the last ones do.
    """

    __slots__ = (
        "alerting", "dag", "downstream", "groups", "guarded", "guards", "index", "leaf", "looking_back", "past", "past_of",
        "spread", "tasks", "upstream", "version",
    )  # fmt: skip

    def __init__(self, dag: DagSpec, version: str, subset: Sequence[str] = ()) -> None:
        self.dag, self.version, self.tasks = dag, version, tasks_of(dag, subset)
        self.alerting = dag.alerting
        self.index = {task.task_id: number for number, task in enumerate(self.tasks)}
        self.upstream = [[self.index[up] for up in task.upstream] for task in self.tasks]
        self.downstream = _reversed(self.upstream)
        self.guards = guards_of(self.tasks, self.upstream, self.downstream)
        self.guarded = _reversed(self.guards)
        self.groups = _groups(self.tasks)
        sources = [{self.index[ref.task_id] for m in task.mapped for ref in m.sources()} for task in self.tasks]
        self.spread = _reversed(
            [sorted(above - {*direct}) for above, direct in zip(sources, self.upstream, strict=True)]
        )
        self.past = [
            (task.task_id, *(self.tasks[down].task_id for down in downs if task.wait_for_downstream))
            if (task.depends_on_past or task.wait_for_downstream) and not task.teardown
            else ()
            for task, downs in zip(self.tasks, self.downstream, strict=True)
        ]
        self.looking_back = [number for number, task_ids in enumerate(self.past) if task_ids]
        self.past_of: dict[str, list[int]] = {}
        for number in self.looking_back:
            for task_id in self.past[number]:
                self.past_of.setdefault(task_id, []).append(number)
        ignorable = [task.teardown and not task.fails_run for task in self.tasks]
        self.leaf = [
            not ignorable[number] and all(ignorable[down] for down in self.downstream[number])
            for number in range(len(self.tasks))
        ]
        if not any(self.leaf):
            self.leaf = [not downs for downs in self.downstream]

    def reachable(self, start: Iterable[int]) -> set[int]:
        """The given tasks and everything downstream of them."""
        return reachable(start, self.downstream)

    def reachable_from_index(self, start: Iterable[int]) -> tuple[set[int], set[int]]:
        """What is downstream of one index of the given tasks: tasks as a whole, and those of their groups by that index alone."""
        group_of = {number: place for place, members in enumerate(self.groups) for number in members}
        beside = [
            [d for d in down if n in group_of and group_of[n] == group_of.get(d)]
            for n, down in enumerate(self.downstream)
        ]
        by_index = reachable(start, beside)
        outside = {d for number in by_index for d in self.downstream[number]} - by_index
        whole = self.reachable(outside)
        return whole, by_index - whole


def _groups(tasks: Sequence[TaskSpec]) -> list[list[int]]:
    found: dict[str | int, list[int]] = {}
    for number, task in enumerate(tasks):
        if task.mapped:
            found.setdefault(task.group or number, []).append(number)
    return list(found.values())


def _reversed(edges: list[list[int]]) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in edges]
    for number, others in enumerate(edges):
        for other in others:
            found[other].append(number)
    return found
