"""The edges of a DAG between single tasks: those that were drawn from and to task groups resolved."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from penstock.author.graph.task_group import TaskGroup

if TYPE_CHECKING:
    from penstock.author.abstract_operator import AbstractOperator
    from penstock.author.graph.edges import Node


class TaskGraph:
    """Every edge between tasks of a DAG.

    An edge of a group joins its first or last tasks. Which these are follows from the edges inside the group, so edges are
    resolved from the innermost group outwards, in whatever order they were drawn. A group without tasks, or with teardowns
    and their setups alone, stands in the graph itself, and passes the order on: what runs after it runs after what it runs after.

    Args:
        tasks: The tasks, with the edges that were drawn between two of them.
        groups: The task groups.
        group_edges: The edges of which at least one end is a group, as upstream and downstream.
    """

    def __init__(
        self,
        tasks: "Iterable[AbstractOperator]",
        groups: Iterable[TaskGroup],
        group_edges: "Iterable[tuple[Node, Node]]",
    ) -> None:
        self._up: defaultdict[Node, dict[Node, None]] = defaultdict(dict)
        self._down: defaultdict[Node, dict[Node, None]] = defaultdict(dict)
        self._tasks: dict[TaskGroup, dict[AbstractOperator, None]] = {group: {} for group in groups}
        self._inner: defaultdict[TaskGroup, list[TaskGroup]] = defaultdict(list)
        for group in self._tasks:
            if group.parent is not None:
                self._inner[group.parent].append(group)
        for task in tasks:
            for group in _around(task):
                self._tasks.setdefault(group, {})[task] = None
            for before in task.upstream_list:
                self._join(before, task)
        for upper, lower in sorted(group_edges, key=_depth, reverse=True):
            for one in self._lasts(upper):
                for other in self._firsts(lower):
                    self._join(one, other)

    def edges(self) -> "Iterator[tuple[AbstractOperator, AbstractOperator]]":
        """List every edge, as upstream and downstream."""
        for upper in self._down.copy():
            if not isinstance(upper, TaskGroup):
                for lower in self.downstream(upper):
                    yield upper, lower

    def downstream(self, task: "Node") -> "list[AbstractOperator]":
        """List the tasks directly downstream of one."""
        return [lower for lower in self._down[task] if not isinstance(lower, TaskGroup)]

    def first_tasks(self, group: TaskGroup) -> "list[AbstractOperator]":
        """List the tasks that begin where a group begins: its first ones; of a group without tasks those that follow it."""
        found: list[AbstractOperator] = []
        for node in self._firsts(group):
            found += self.downstream(node) if isinstance(node, TaskGroup) else [node]
        return found

    def _join(self, upper: "Node", lower: "Node") -> None:
        if lower in self._down[upper]:
            return
        self._down[upper][lower] = self._up[lower][upper] = None
        if isinstance(lower, TaskGroup):
            for after in list(self._down[lower]):
                self._join(upper, after)
        if isinstance(upper, TaskGroup):
            for before in list(self._up[upper]):
                self._join(before, lower)

    def _firsts(self, node: "Node") -> "list[Node]":
        """List what runs after no other task of a group; with the group itself if the order must pass it for want of work in it."""
        if not isinstance(node, TaskGroup):
            return [node]
        own = self._tasks[node]
        firsts: list[Node] = [task for task in own if own.keys().isdisjoint(self._up[task])]
        return firsts if self._work_last(node) else [*firsts, *self._empty(node)]

    def _lasts(self, node: "Node") -> "list[Node]":
        """List the work of a group after which no other runs; the group itself if there is no work in it."""
        if not isinstance(node, TaskGroup):
            return [node]
        return self._work_last(node) or self._empty(node)

    def _work_last(self, group: TaskGroup) -> "list[Node]":
        """List the last tasks of a group; in place of a teardown the work before it."""
        own = self._tasks[group]
        found: dict[Node, None] = {}
        for task in own:
            if own.keys().isdisjoint(self._down[task]):
                found |= dict.fromkeys(self._work_before(task, group) if task.is_teardown else [task])
        return list(found)

    def _work_before(self, teardown: "AbstractOperator", group: TaskGroup) -> "Iterator[Node]":
        """List the last tasks of a group before a teardown, through other teardowns and not along its own setups."""
        own = self._tasks[group]
        for upper in self._up[teardown]:
            if upper not in own or isinstance(upper, TaskGroup):
                continue
            if upper.is_teardown:
                yield from self._work_before(upper, group)
            elif not upper.is_setup and not self._work_after(upper, group):
                yield upper

    def _work_after(self, task: "AbstractOperator", group: TaskGroup) -> bool:
        """Whether a task of a group that is no teardown runs directly after one."""
        own = self._tasks[group]
        return any(lower in own and not lower.is_teardown for lower in self.downstream(task))

    def _empty(self, group: TaskGroup) -> "list[Node]":
        """List the groups that stand for a group without work: itself, or those in it if it holds groups alone."""
        inner = [] if self._tasks[group] else self._inner[group]
        return [each for one in inner for each in self._empty(one)] or [group]


def _around(node: "Node") -> Iterator[TaskGroup]:
    """List the groups around a task or a group, the innermost first."""
    group = node.parent if isinstance(node, TaskGroup) else node.task_group
    while group is not None:
        yield group
        group = group.parent


def _depth(edge: "tuple[Node, Node]") -> int:
    """Count the groups that both ends of an edge stand in."""
    upper, lower = edge
    return len(set(_around(upper)) & set(_around(lower)))
