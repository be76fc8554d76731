"""A DAG compiled for the engine: tasks by number, edges in both directions; shared by all runs of one version."""

from collections.abc import Iterable

from penstock.model.dag import DagSpec


class CompiledDag:
    """The structure of one DAG version; immutable after construction.

    Attributes:
        downstream: For each task number, the numbers directly downstream of it.
        leaf: Whether the task decides the run's state: it has no downstream that is no teardown, and is none itself.
    """

    __slots__ = ("dag", "downstream", "index", "leaf", "tasks", "upstream", "version")

    def __init__(self, dag: DagSpec, version: str) -> None:
        self.dag, self.version, self.tasks = dag, version, dag.tasks
        self.index = {task.task_id: number for number, task in enumerate(dag.tasks)}
        self.upstream = [[self.index[up] for up in task.upstream] for task in dag.tasks]
        self.downstream: list[list[int]] = [[] for _ in dag.tasks]
        for number, ups in enumerate(self.upstream):
            for up in ups:
                self.downstream[up].append(number)
        self.leaf = [
            not task.teardown and all(dag.tasks[down].teardown for down in self.downstream[number])
            for number, task in enumerate(dag.tasks)
        ]

    def reachable(self, start: Iterable[int]) -> set[int]:
        """The given tasks and everything downstream of them."""
        seen = set(start)
        stack = list(seen)
        while stack:
            for down in self.downstream[stack.pop()]:
                if down not in seen:
                    seen.add(down)
                    stack.append(down)
        return seen
