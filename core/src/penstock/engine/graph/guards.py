"""What a task waits for besides its direct upstream, whatever its trigger rule: setups, and work that is not done.

Source of the meanings: Apache Airflow's documentation, "Setup and Teardown", and the setup constraint of its ``TriggerRuleDep``.
"""

from collections.abc import Iterable, Sequence

from penstock.model.dag import TaskSpec
from penstock.model.state import TriggerRule

_OWN_WAY = frozenset({TriggerRule.ALWAYS, TriggerRule.ALL_DONE_SETUP_SUCCESS})


def guards_of(
    tasks: Sequence[TaskSpec], upstream: Sequence[list[int]], downstream: Sequence[list[int]]
) -> list[list[int]]:
    """For each task number, the numbers of its guards.

    Work is guarded by the setups above it, direct or not, unless all that a setup made is torn down before it; a teardown by the
    work between its setups and it; and what stands directly below a mapped branch or short circuit by that, as it is decided only
    when its last instance is.
    """
    guards: list[set[int]] = [set() for _ in tasks]
    for number, task in enumerate(tasks):
        if task.setup:
            below = reachable(downstream[number], downstream)
            teardowns = [down for down in downstream[number] if tasks[down].teardown]
            needing = below & reachable(teardowns, upstream) if teardowns else below
            for down in needing:
                if not tasks[down].teardown and tasks[down].trigger_rule not in _OWN_WAY:
                    guards[down].add(number)
            for teardown in teardowns:
                guards[teardown] |= needing & reachable(upstream[teardown], upstream) - {*upstream[teardown], teardown}
        if task.decides and task.mapped:
            # Inside a mapped group an instance is decided by the one instance of its own index.
            outside = [down for down in downstream[number] if not task.group or tasks[down].group != task.group]
            for down in outside:
                guards[down].add(number)
    return [sorted(each) for each in guards]


def reachable(start: Iterable[int], edges: Sequence[list[int]]) -> set[int]:
    """The given numbers and everything that edges lead to from them."""
    seen = set(start)
    stack = list(seen)
    while stack:
        for number in edges[stack.pop()]:
            if number not in seen:
                seen.add(number)
                stack.append(number)
    return seen
