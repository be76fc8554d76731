"""What a try takes from other tasks.

A literal that is mapped over travels with the DAG file, and the try's process picks its element by the map index; if the
task is run from a plan there is no file, and the element comes with the inputs. Several mapped arguments make the cross
product in the order of ``TaskSpec.mapped``, the last one varying fastest, as in Airflow: with lengths 2 and 3, map indexes
0 to 5 stand for (0,0) (0,1) (0,2) (1,0) (1,1) (1,2). `penstock.model.mapped.indexes` is that rule.

A value in the object store is never read here: the try gets a reference to it, or to the one element that it needs, and
reads it where it runs (`penstock.author.run.values`). Nor is what all instances of a mapped task left ever read together: a
try that takes it gets the number of values, and an instance that is mapped over it gets its one.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol, TypeVar

import msgspec

from penstock.model.attempt import Gathered, MappedElement, TryInputs
from penstock.model.dag import DagSpec, TaskSpec, XComRef
from penstock.model.dag import Mapping as Mapped
from penstock.model.mapped.indexes import element_indexes, joined_indexes, joined_length
from penstock.model.run import UNMAPPED, TaskKey
from penstock.model.values.value import elements

_Key = TypeVar("_Key")
_Found = TypeVar("_Found")
_NOTHING: Mapping[XComRef, Gathered] = MappingProxyType({})


class Left(Protocol):
    """What tasks of a run left, as JSON."""

    def one(self, run: int, ref: XComRef, map_index: int, /) -> bytes | None:
        """What one instance of a task left; None if it left nothing."""

    def at(self, run: int, ref: XComRef, place: int, /) -> bytes | None:
        """What an instance of a task left, by its place among those that left something."""


class Inputs:
    """Values of other tasks for the tries of one turn; a value that many instances share is read and cut once.

    Args:
        left: Reads what was left.
    """

    def __init__(self, left: Left) -> None:
        self._left = left
        self._producers: dict[tuple[int, str], TaskSpec] = {}
        self._read: dict[tuple[int, XComRef], bytes | None] = {}
        self._cut: dict[tuple[int, XComRef], list[bytes]] = {}

    def of(
        self, dag: DagSpec, task: TaskSpec, key: TaskKey, gathered: Mapping[XComRef, Gathered] = _NOTHING
    ) -> TryInputs:
        """What an instance takes.

        Args:
            dag: Its DAG.
            task: Its task.
            key: The instance.
            gathered: How much the mapped tasks left that it takes values of.
        """
        values: dict[str, dict[str, bytes]] = {}
        asked: dict[str, dict[str, Gathered]] = {}
        for ref in task.inputs:
            producer = self._producer(dag, key.run, ref)
            beside = bool(task.group) and producer.group == task.group
            if producer.mapped and not beside:
                asked.setdefault(ref.task_id, {})[ref.key] = gathered[ref]
                continue
            value = self._left.one(key.run, ref, key.map_index) if beside else self._value(key.run, ref)
            if value is not None:
                values.setdefault(ref.task_id, {})[ref.key] = value
        mapped = task.mapped and key.map_index != UNMAPPED
        elements = _Elements(self, key.run, gathered).of(task, key.map_index) if mapped else {}
        return TryInputs(values, elements, asked)

    def one(self, run: int, ref: XComRef, index: int, found: Gathered) -> bytes:
        """One of the values that the instances of a mapped task left."""
        return (self._left.one if found.dense else self._left.at)(run, ref, index) or b"null"

    def elements(self, run: int, ref: XComRef) -> list[bytes]:
        """The elements of a value that is mapped over."""
        return _known(self._cut, (run, ref), lambda: elements(self._value(run, ref) or b"[]"))

    def _producer(self, dag: DagSpec, run: int, ref: XComRef) -> TaskSpec:
        # A DAG finds a task by looking at all of them; a run has one version of it.
        return _known(self._producers, (run, ref.task_id), lambda: dag.task(ref.task_id))

    def _value(self, run: int, ref: XComRef) -> bytes | None:
        return _known(self._read, (run, ref), lambda: self._left.one(run, ref, UNMAPPED))


class _Elements:
    """The elements of mapped arguments in one run."""

    def __init__(self, inputs: Inputs, run: int, gathered: Mapping[XComRef, Gathered]) -> None:
        self._inputs, self._run, self._gathered = inputs, run, gathered

    def of(self, task: TaskSpec, map_index: int) -> dict[str, MappedElement]:
        """What an instance takes, by argument, unless the DAG file holds it."""
        # A mapping over nothing has no instance; one that is cleared while its source changes may meet that for a moment.
        lengths = [self._length(mapping) or 1 for mapping in task.mapped]
        found: dict[str, MappedElement] = {}
        indexes = element_indexes(map_index % math.prod(lengths), lengths)
        for mapping, length, index in zip(task.mapped, lengths, indexes, strict=True):
            if mapping.source is not None or mapping.join:
                found[mapping.argument] = msgspec.structs.replace(self._element(mapping, index), length=length)
            elif mapping.literal is not None:
                literal = msgspec.json.encode(mapping.literal[index])
                found[mapping.argument] = MappedElement(literal, literal=True)
        return found

    def _length(self, mapping: Mapped) -> int:
        if mapping.join:
            return joined_length(mapping.join, [self._length(part) for part in mapping.parts])
        if mapping.source is not None:
            found = self._gathered.get(mapping.source)
            return len(self._inputs.elements(self._run, mapping.source)) if found is None else found.count
        return mapping.length or 0

    def _element(self, mapping: Mapped, index: int) -> MappedElement:
        if mapping.source is not None:
            found = self._gathered.get(mapping.source)
            if found is None:
                return MappedElement(self._inputs.elements(self._run, mapping.source)[index])
            return MappedElement(self._inputs.one(self._run, mapping.source, index, found))
        indexes = joined_indexes(mapping.join, index, [self._length(part) for part in mapping.parts])
        pairs = zip(mapping.parts, indexes, strict=True)
        return MappedElement(parts=tuple(None if at is None else self._element(part, at) for part, at in pairs))


def _known(known: dict[_Key, _Found], key: _Key, find: Callable[[], _Found]) -> _Found:
    """What is known of a key; found now if nothing is."""
    if key not in known:
        known[key] = find()
    return known[key]
