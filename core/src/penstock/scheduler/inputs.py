"""What a try takes from other tasks, by the rules of `penstock.author.run.execution`.

A value in the object store is never read here: the try gets a reference to it, or to the one element that it needs, and
reads it where it runs (`penstock.author.run.values`).
"""

from collections.abc import Callable, Mapping

import msgspec

from penstock.model.dag import DagSpec, TaskSpec, XComRef
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

    def of(self, dag: DagSpec, task: TaskSpec, key: TaskKey) -> dict[str, bytes]:
        """JSON by ``task_id/key``; of a mapped argument the one element, by ``@mapped/argument`` or ``@literal/argument``."""
        found: dict[str, bytes] = {}
        for ref in task.inputs:
            value = self.value(dag, key.run, ref)
            if value is not None:
                found[f"{ref.task_id}/{ref.key}"] = value
        if task.mapped and key.map_index != UNMAPPED:
            found |= self._elements(dag, task, key)
        return found

    def value(self, dag: DagSpec, run: int, ref: XComRef) -> bytes | None:
        """What a task left; of a mapped one the list of all, in the order of the mapping."""
        known = self._read.get((run, ref))
        values = known if known is not None else self._read.setdefault((run, ref), self._left(run, ref))
        if not dag.task(ref.task_id).mapped:
            return values.get(UNMAPPED)
        return b"[" + b",".join(values[index] for index in sorted(values)) + b"]"

    def _elements(self, dag: DagSpec, task: TaskSpec, key: TaskKey) -> dict[str, bytes]:
        """The elements of mapped arguments, unless the DAG file holds them; the last argument varies fastest."""
        found: dict[str, bytes] = {}
        rest = key.map_index
        for mapping in reversed(task.mapped):
            if mapping.source is None:
                length = mapping.length or 1
                if mapping.literal is not None:
                    found[f"@literal/{mapping.argument}"] = msgspec.json.encode(mapping.literal[rest % length])
            else:
                parts = self._elements_of(dag, key.run, mapping.source)
                length = len(parts) or 1
                found[f"@mapped/{mapping.argument}"] = parts[rest % length]
                found[f"@length/{mapping.argument}"] = str(length).encode()
            rest //= length
        return found

    def _elements_of(self, dag: DagSpec, run: int, ref: XComRef) -> list[bytes]:
        known = self._cut.get((run, ref))
        if known is None:
            value = self.value(dag, run, ref) or b"[]"
            known = self._cut[run, ref] = elements(value)
        return known
