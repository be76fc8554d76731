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
from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec

from penstock.model.attempt import MappedElement, TryInputs
from penstock.model.dag import DagSpec, Mapping, TaskSpec, XComRef
from penstock.model.mapped.indexes import element_indexes, joined_indexes, joined_length
from penstock.model.run import UNMAPPED, TaskKey
from penstock.model.value import elements

_Key = TypeVar("_Key")
_Found = TypeVar("_Found")


class Left(Protocol):
    """What tasks of a run left, as JSON."""

    def one(self, run: int, ref: XComRef, map_index: int, /) -> bytes | None:
        """What one instance of a task left; None if it left nothing."""

    def extent(self, run: int, ref: XComRef, /) -> tuple[int, int]:
        """How many instances of a task left a value, and the largest map index among them."""

    def page(self, run: int, ref: XComRef, offset: int, limit: int, /) -> list[bytes]:
        """What instances of a task left, in the order of their map index, from an offset on."""


class Inputs:
    """Values of other tasks for the tries of one turn; a value that many instances share is read and cut once.

    Args:
        left: Reads what was left.
    """

    def __init__(self, left: Left) -> None:
        self._left = left
        self._producers: dict[tuple[int, str], TaskSpec] = {}
        self._read: dict[tuple[int, XComRef], bytes | None] = {}
        self._extents: dict[tuple[int, XComRef], tuple[int, int]] = {}
        self._cut: dict[tuple[int, XComRef], list[bytes]] = {}

    def of(self, dag: DagSpec, task: TaskSpec, key: TaskKey) -> TryInputs:
        """What an instance takes."""
        values: dict[str, dict[str, bytes]] = {}
        gathered: dict[str, dict[str, int]] = {}
        for ref in task.inputs:
            producer = self._producer(dag, key.run, ref)
            beside = bool(task.group) and producer.group == task.group
            if producer.mapped and not beside:
                gathered.setdefault(ref.task_id, {})[ref.key] = self._extent(key.run, ref)[0]
                continue
            value = self._left.one(key.run, ref, key.map_index) if beside else self._value(key.run, ref)
            if value is not None:
                values.setdefault(ref.task_id, {})[ref.key] = value
        mapped = task.mapped and key.map_index != UNMAPPED
        return TryInputs(values, _Elements(self, dag, key.run).of(task, key.map_index) if mapped else {}, gathered)

    def length(self, dag: DagSpec, run: int, ref: XComRef) -> int:
        """Number of elements of what a task left; of a mapped one, of values."""
        return self._extent(run, ref)[0] if self._producer(dag, run, ref).mapped else len(self._elements(run, ref))

    def element(self, dag: DagSpec, run: int, ref: XComRef, index: int) -> bytes:
        """The element of an index of what a task left; of a mapped one, the value."""
        if not self._producer(dag, run, ref).mapped:
            return self._elements(run, ref)[index]
        count, last = self._extent(run, ref)
        if count == last + 1:  # each instance left one, so that the index is the map index
            return self._left.one(run, ref, index) or b"null"
        return next(iter(self._left.page(run, ref, index, 1)), b"null")

    def _producer(self, dag: DagSpec, run: int, ref: XComRef) -> TaskSpec:
        # A DAG finds a task by looking at all of them; a run has one version of it.
        return _known(self._producers, (run, ref.task_id), lambda: dag.task(ref.task_id))

    def _value(self, run: int, ref: XComRef) -> bytes | None:
        return _known(self._read, (run, ref), lambda: self._left.one(run, ref, UNMAPPED))

    def _extent(self, run: int, ref: XComRef) -> tuple[int, int]:
        return _known(self._extents, (run, ref), lambda: self._left.extent(run, ref))

    def _elements(self, run: int, ref: XComRef) -> list[bytes]:
        return _known(self._cut, (run, ref), lambda: elements(self._value(run, ref) or b"[]"))


class _Elements:
    """The elements of mapped arguments in one run."""

    def __init__(self, inputs: Inputs, dag: DagSpec, run: int) -> None:
        self._inputs, self._dag, self._run = inputs, dag, run

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

    def _length(self, mapping: Mapping) -> int:
        if mapping.join:
            return joined_length(mapping.join, [self._length(part) for part in mapping.parts])
        if mapping.source is not None:
            return self._inputs.length(self._dag, self._run, mapping.source)
        return mapping.length or 0

    def _element(self, mapping: Mapping, index: int) -> MappedElement:
        if mapping.source is not None:
            return MappedElement(self._inputs.element(self._dag, self._run, mapping.source, index))
        indexes = joined_indexes(mapping.join, index, [self._length(part) for part in mapping.parts])
        pairs = zip(mapping.parts, indexes, strict=True)
        return MappedElement(parts=tuple(None if at is None else self._element(part, at) for part, at in pairs))


def _known(known: dict[_Key, _Found], key: _Key, find: Callable[[], _Found]) -> _Found:
    """What is known of a key; found now if nothing is."""
    if key not in known:
        known[key] = find()
    return known[key]
