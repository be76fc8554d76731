"""How many instances a mapped task gets."""

from typing import NamedTuple

from penstock.engine.graph.trigger_rules import BROKEN
from penstock.engine.live import Node
from penstock.model.dag import Mapping
from penstock.model.state import TaskState

MAX_INSTANCES = 100_000


class NoInstance(NamedTuple):
    """The state of a mapped task that gets no instance, and why."""

    state: TaskState
    reason: str


def expansion(node: Node) -> int | NoInstance:
    """How many instances a mapped task gets: the product of its arguments' lengths, 1 or more; or why it gets none."""
    lengths = [_length(node, mapping) for mapping in node.task.mapped]
    # What nobody made is no wrong value: the task takes the state of its source, a failed one before a skipped one.
    for state in (TaskState.UPSTREAM_FAILED, TaskState.SKIPPED, TaskState.FAILED):
        for length in lengths:
            if isinstance(length, NoInstance) and length.state is state:
                return length
    total = 1
    for length in lengths:
        total *= length if isinstance(length, int) else 0
    if total > MAX_INSTANCES:
        reason = f"cannot expand into {total} instances: at most {MAX_INSTANCES} are allowed"
        return NoInstance(TaskState.FAILED, reason)
    return total or NoInstance(TaskState.SKIPPED, "it was mapped over nothing")


def _length(node: Node, mapping: Mapping) -> int | NoInstance:
    if mapping.source is None:
        return mapping.length or 0
    source, key = node.run.node(mapping.source.task_id), mapping.source.key
    if source is None:
        reason = f"cannot expand {mapping.argument!r}: there is no task {mapping.source.task_id!r}"
        return NoInstance(TaskState.FAILED, reason)
    states = {instance.state for instance in source.instances.values()}
    if TaskState.SUCCESS not in states:
        final = TaskState.UPSTREAM_FAILED if states & BROKEN else TaskState.SKIPPED
        what = "did not succeed" if states & BROKEN else "was skipped"
        return NoInstance(final, f"there is nothing to map over: task {source.task.task_id!r} {what}")
    if source.task.mapped or key in source.lengths:
        return source.lengths.get(key, 0)
    reason = (
        f"cannot expand {mapping.argument!r}: task {source.task.task_id!r} left no list or dict under {key!r}. "
        "Return one from it"
    )
    return NoInstance(TaskState.FAILED, reason)
