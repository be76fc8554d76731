"""The finished graph of a DAG: edges with task groups expanded, a topological order, a circle if there is one."""

import heapq
from collections.abc import Iterable
from typing import TYPE_CHECKING

from penstock.author.group import TaskGroup

if TYPE_CHECKING:
    from penstock.author.dag import DAG
    from penstock.author.edges import Node
    from penstock.author.operator import Operator

Edge = tuple["Operator", "Operator"]


def edges_of(dag: "DAG") -> set[Edge]:
    """Every edge between tasks; one drawn to or from a group joins its first or last tasks."""
    edges = {(upper, lower) for lower in dag.tasks for upper in lower.upstream}
    for upper, lower in dag.group_edges:
        edges |= {(one, other) for one in _lasts(upper) for other in _firsts(lower)}
    return edges


def _firsts(node: "Node") -> "list[Operator]":
    return node.roots() if isinstance(node, TaskGroup) else [node]


def _lasts(node: "Node") -> "list[Operator]":
    return node.leaves() if isinstance(node, TaskGroup) else [node]


def in_order(names: Iterable[str], upstream: dict[str, set[str]]) -> tuple[list[str], list[str]]:
    """The names in topological order, equals by name, and what is left over because it lies on or behind a circle."""
    waiting = {name: len(upstream[name]) for name in names}
    downstream: dict[str, list[str]] = {name: [] for name in waiting}
    for name, uppers in upstream.items():
        for upper in uppers:
            downstream[upper].append(name)
    ready = [name for name, count in waiting.items() if not count]
    heapq.heapify(ready)
    order = []
    while ready:
        name = heapq.heappop(ready)
        order.append(name)
        del waiting[name]
        for lower in downstream[name]:
            waiting[lower] -= 1
            if not waiting[lower]:
                heapq.heappush(ready, lower)
    return order, sorted(waiting)


def circle(left: list[str], upstream: dict[str, set[str]]) -> list[str]:
    """One circle among the leftovers of `in_order`, downstream by downstream, its first name again at the end."""
    rest = set(left)
    # Every leftover has a leftover upstream, so that walking upstream must come back to where it has been.
    path: list[str] = [left[0]]
    while True:
        before = min(upstream[path[-1]] & rest)
        if before in path:
            found = [*path[path.index(before) :], before]
            return found[::-1]
        path.append(before)
