"""How many instances a mapped task gets."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from penstock.engine.graph.trigger_rules import BROKEN
from penstock.engine.live import Node
from penstock.model.dag import Mapping
from penstock.model.mapped.indexes import joined_length
from penstock.model.state import TaskState

MAX_INSTANCES = 100_000


class NoInstance(NamedTuple):
    """The state of a mapped task that gets no instance, and why."""

    state: TaskState
    reason: str


def expansion(node: Node) -> int | NoInstance:
    """How many instances a mapped task gets: the product of its arguments' lengths, 1 or more; or why it gets none."""
    lengths = [_length(node, mapping) for mapping in node.task.mapped]
    if (missing := _worst(length for length in lengths if isinstance(length, NoInstance))) is not None:
        return missing
    total = math.prod(length for length in lengths if isinstance(length, int))
    tasks = 1 if node.group is None else len(node.group.nodes)
    if total * tasks > MAX_INSTANCES:
        each = f" of each of the {tasks} tasks of its group" if tasks > 1 else ""
        reason = f"cannot expand into {total} instances{each}: at most {MAX_INSTANCES} are allowed"
        return NoInstance(TaskState.FAILED, reason)
    return total or NoInstance(TaskState.SKIPPED, "it was mapped over nothing")


def _worst(missing: Iterable[NoInstance]) -> NoInstance | None:
    """The one that decides: what nobody made is no wrong value, so the task takes the state of its source, a failed one first."""
    order = (TaskState.UPSTREAM_FAILED, TaskState.SKIPPED, TaskState.FAILED)
    return min(missing, key=lambda each: order.index(each.state), default=None)


def _length(node: Node, mapping: Mapping) -> int | NoInstance:
    if mapping.join:
        lengths = [_length(node, part) for part in mapping.parts]
        missing = [length for length in lengths if isinstance(length, NoInstance)]
        return _worst(missing) or joined_length(mapping.join, [each for each in lengths if isinstance(each, int)])
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
    if source.task.mapped:
        return len(source.left.get(key, ()))
    if key in source.lengths:
        return source.lengths[key]
    reason = (
        f"cannot expand {mapping.argument!r}: task {source.task.task_id!r} left no list or dict under {key!r}. "
        "Return one from it"
    )
    return NoInstance(TaskState.FAILED, reason)
