"""What a try takes from other tasks.

A literal that is mapped over travels with the DAG file, and the try's process picks its element by the map index; if the
task is run from a plan there is no file, and the element comes with the inputs. Several mapped arguments make the cross
product in the order of ``TaskSpec.mapped``, the last one varying fastest, as in Airflow: with lengths 2 and 3, map indexes
0 to 5 stand for (0,0) (0,1) (0,2) (1,0) (1,1) (1,2). `penstock.model.mapping` is that rule.

A value in the object store is never read here: the try gets a reference to it, or to the one element that it needs, and
reads it where it runs (`penstock.author.run.values`).
"""

import math
from collections.abc import Callable, Mapping

import msgspec

from penstock.model.attempt import MappedElement, TryInputs
from penstock.model.dag import DagSpec, TaskSpec, XComRef
from penstock.model.mapping import element_indexes
from penstock.model.run import UNMAPPED, TaskKey
from penstock.model.value import elements

Left = Callable[[int, XComRef], Mapping[int, bytes]]
"""JSON of what the instances of a task left in a run, by map index."""


class Inputs:
    """Values of other tasks for the tries of one turn; a value that many instances share is read and cut once.

    Args:
        left: Reads what was left.
    """

    def __init__(self, left: Left) -> None:
        self._left = left
        self._read: dict[tuple[int, XComRef], Mapping[int, bytes]] = {}
        self._cut: dict[tuple[int, XComRef], list[bytes]] = {}

    def of(self, dag: DagSpec, task: TaskSpec, key: TaskKey) -> TryInputs:
        """What an instance takes."""
        values: dict[str, dict[str, bytes]] = {}
        for ref in task.inputs:
            value = self.value(dag, key.run, ref)
            if value is not None:
                values.setdefault(ref.task_id, {})[ref.key] = value
        mapped = task.mapped and key.map_index != UNMAPPED
        return TryInputs(values, self._elements(dag, task, key) if mapped else {})

    def value(self, dag: DagSpec, run: int, ref: XComRef) -> bytes | None:
        """What a task left; of a mapped one the list of all, in the order of the mapping."""
        known = self._read.get((run, ref))
        values = known if known is not None else self._read.setdefault((run, ref), self._left(run, ref))
        if not dag.task(ref.task_id).mapped:
            return values.get(UNMAPPED)
        return b"[" + b",".join(values[index] for index in sorted(values)) + b"]"

    def _elements(self, dag: DagSpec, task: TaskSpec, key: TaskKey) -> dict[str, MappedElement]:
        """The elements of mapped arguments, unless the DAG file holds them."""
        sources = [
            None if each.source is None else self._elements_of(dag, key.run, each.source) for each in task.mapped
        ]
        # A mapping over nothing has no instance; one that is cleared while its source changes may meet that for a moment.
        lengths = [
            (mapping.length if source is None else len(source)) or 1
            for mapping, source in zip(task.mapped, sources, strict=True)
        ]
        found: dict[str, MappedElement] = {}
        indexes = element_indexes(key.map_index % math.prod(lengths), lengths)
        for mapping, source, index in zip(task.mapped, sources, indexes, strict=True):
            if source is not None:
                found[mapping.argument] = MappedElement(source[index], length=len(source))
            elif mapping.literal is not None:
                literal = msgspec.json.encode(mapping.literal[index])
                found[mapping.argument] = MappedElement(literal, literal=True)
        return found

    def _elements_of(self, dag: DagSpec, run: int, ref: XComRef) -> list[bytes]:
        known = self._cut.get((run, ref))
        if known is None:
            value = self.value(dag, run, ref) or b"[]"
            known = self._cut[run, ref] = elements(value)
        return known
