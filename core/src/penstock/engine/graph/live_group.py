"""Tasks that are expanded together: those of a mapped task group, or one mapped task alone.

Inside a group an instance sees those of its own index and no others; what stands outside sees each task as a whole. So a task of
a group counts its upstream in two places: once for all indexes what stands outside, and for each index by itself what stands
beside it. A finished instance then costs its downstream edges, however many indexes there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from penstock.engine.graph.trigger_rules import Tally
from penstock.model.run import UNMAPPED
from penstock.model.state import TaskState

if TYPE_CHECKING:
    from penstock.engine.live import Node


class LiveGroup:
    """The nodes of tasks that are expanded together.

    Attributes:
        nodes: In the DAG's order.
        collapsing: Whether they are collapsed into placeholders as soon as no try of their instances lives.
    """

    __slots__ = ("collapsing", "nodes")

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes
        self.collapsing = False

    @property
    def expanded(self) -> bool:
        """Whether any of them has instances: one whose verdict fell before has its placeholder alone."""
        return any(node.expanded for node in self.nodes)

    @property
    def untouched(self) -> bool:
        """Whether nothing of it has begun or ended."""
        return all(i.state is TaskState.NONE for node in self.nodes for i in node.instances.values())

    @property
    def alone(self) -> bool:
        """Whether it is one mapped task, and no group."""
        return len(self.nodes) == 1

    @property
    def tries(self) -> int:
        """How many of its instances have a live try."""
        return sum(node.tries for node in self.nodes)

    def waiting_nodes(self) -> list[Node]:
        """Those of which no verdict has fallen, and which have no instances yet."""
        return [node for node in self.nodes if not node.expanded and node.instances[UNMAPPED].state is TaskState.NONE]

    def indexes(self) -> list[int]:
        """The map indexes of the instances, if it is expanded."""
        return sorted({index for node in self.nodes if node.expanded for index in node.instances})


class OwnTally(NamedTuple):
    """What an instance counts by itself: the instances of its own index upstream of it, and among its guards."""

    tally: Tally
    guard: Tally


def own_tallies(node: Node, uppers: Iterable[Node], guards: Iterable[Node]) -> dict[int, OwnTally]:
    """The tallies of each instance of a node, by the states of what is paired with it; none if nothing is."""
    uppers, guards = list(uppers), list(guards)
    if not uppers and not guards:
        return {}
    return {
        index: OwnTally(
            _tally_of(index, uppers, uppers), _tally_of(index, guards, [g for g in guards if node.heeds(g)])
        )
        for index in node.instances
    }


def _tally_of(index: int, nodes: Sequence[Node], counted: Sequence[Node]) -> Tally:
    """Derive the tally of one index; the states of those that count are counted."""
    found = {node: node.instances[index] for node in nodes if index in node.instances}
    tally = Tally(sum(not instance.state.finished for instance in found.values()))
    for node in counted:
        if node in found and found[node].state.finished:
            tally.add(found[node].state, setup=node.task.setup)
    return tally
