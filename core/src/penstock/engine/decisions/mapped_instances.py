"""Which instances a mapped task or group has, and what becomes of those that it has no more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from penstock.engine.graph.live_group import LiveGroup
from penstock.engine.live import Instance, Node
from penstock.model.run import UNMAPPED
from penstock.model.state import TaskState

if TYPE_CHECKING:
    from penstock.engine.state import State

_MAYBE_GONE = "it was cleared, and is there again if what it is mapped over has an element for it"


def expand(state: State, nodes: Sequence[Node], indexes: Sequence[int]) -> None:
    """Expand placeholders of one run into an instance for each index; what there was of these before goes on from its row."""
    for node in nodes:
        state.delete_row(node.instances[UNMAPPED])
        _begin(state, node.expand(indexes))
    if nodes and nodes[0].run.dropped:
        task_ids, run = {node.task.task_id for node in nodes}, nodes[0].run
        reason = f"what it is mapped over has {len(indexes)} element{'s' if len(indexes) != 1 else ''} now"
        left = [row for row in run.dropped.values() if row.task_id in task_ids and row.state is TaskState.REMOVED]
        for row in left:
            if row.reason != reason:
                state.store_dropped(run, replace(row, reason=reason))


def collapse(state: State, group: LiveGroup) -> None:
    """Collapse what is mapped and was cleared into placeholders, once no try of its old instances lives.

    How many elements there will be is not known yet. So each instance counts as removed until it is expanded again: its row and
    what its tries left stay, and whatever ends the run meanwhile finds nothing of it that has not ended.
    """
    if group.tries:
        return
    for node in group.nodes:
        if node.expanded:
            for instance in node.instances.values():
                state.remove(node.run, instance, _MAYBE_GONE)
            state.mark_dirty(node.collapse())
    group.collapsing = False


def settle(state: State, group: LiveGroup) -> None:
    """Let what is mapped have the instances that it needs, after its instances were restored or cleared."""
    if group.expanded and group.untouched:
        group.collapsing = True
        collapse(state, group)
    if group.alone or not group.expanded:
        return
    # A task of a group may lack them: it had ended with its placeholder and was cleared, or a new version put it there.
    indexes, waiting = group.indexes(), group.waiting_nodes()
    expand(state, waiting, indexes)
    for node in group.nodes:
        if node.expanded and node not in waiting:
            _begin(state, node.add_instances(index for index in indexes if index not in node.instances))


def _begin(state: State, made: Iterable[Instance]) -> None:
    for instance in made:
        state.bring_back(instance)
        state.mark_dirty(instance)
