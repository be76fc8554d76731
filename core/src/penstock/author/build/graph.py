"""The order of a DAG's tasks: topological, or a circle if there is one."""

import heapq
from collections.abc import Iterable


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
