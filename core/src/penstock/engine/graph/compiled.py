"""A DAG compiled for the engine: tasks by number, edges in both directions; shared by all runs of one version."""

from collections.abc import Iterable

from penstock.engine.graph.guards import guards_of, reachable
from penstock.model.dag import DagSpec


class CompiledDag:
    """The structure of one DAG version; immutable after construction.

    Attributes:
        alerting: Whether anybody is to be told of anything that happens in it.
        downstream: For each task number, the numbers directly downstream of it.
        guards: For each task number, the numbers that it waits for whatever its trigger rule says.
        guarded: The same in the other direction.
        leaf: Whether the task decides the run's state: it has no downstream that is no teardown, and is none itself. In a
            DAG of teardowns alone the last ones do.
    """

    __slots__ = ("alerting", "dag", "downstream", "guarded", "guards", "index", "leaf", "tasks", "upstream", "version")

    def __init__(self, dag: DagSpec, version: str) -> None:
        self.dag, self.version, self.tasks = dag, version, dag.tasks
        self.alerting = dag.alerting
        self.index = {task.task_id: number for number, task in enumerate(dag.tasks)}
        self.upstream = [[self.index[up] for up in task.upstream] for task in dag.tasks]
        self.downstream = _reversed(self.upstream)
        self.guards = guards_of(dag.tasks, self.upstream, self.downstream)
        self.guarded = _reversed(self.guards)
        self.leaf = [
            not task.teardown and all(dag.tasks[down].teardown for down in self.downstream[number])
            for number, task in enumerate(dag.tasks)
        ]
        if not any(self.leaf):
            self.leaf = [not downs for downs in self.downstream]

    def reachable(self, start: Iterable[int]) -> set[int]:
        """The given tasks and everything downstream of them."""
        return reachable(start, self.downstream)


def _reversed(edges: list[list[int]]) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in edges]
    for number, others in enumerate(edges):
        for other in others:
            found[other].append(number)
    return found
