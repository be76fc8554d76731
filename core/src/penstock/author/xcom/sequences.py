"""The sequences that a task gets of joined values and of a mapped task's results: an element exists while it is looked at."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, zip_longest
from typing import Any, overload

from penstock.model.values.value import MOST_DEPTH

_SHOWN = 3
"""How many elements the text of a sequence shows."""


class LazySequence(Sequence[Any]):
    """A sequence whose elements are worked out when they are asked for, and kept by nobody.

    It has a length, an index, slices (which are lists) and an iterator; it equals a list or a tuple of the same elements.
    ``list(sequence)`` makes a list of it.
    """

    @abstractmethod
    def __len__(self) -> int:
        """How many elements there are."""

    @abstractmethod
    def _element(self, index: int) -> Any:  # noqa: ANN401 - any value
        """Work out the element of an index from 0."""

    @overload
    def __getitem__(self, index: int) -> Any: ...  # noqa: ANN401 - any value

    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self._element(each) for each in range(*index.indices(len(self)))]
        found = range(len(self))[index]  # as a list takes it: negative ones count from the end, others raise IndexError
        return self._element(found)

    def __iter__(self) -> Iterator[Any]:
        return map(self._element, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LazySequence | list | tuple):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment] # as a list has none

    def __repr__(self) -> str:
        """Show the first elements."""
        more = len(self) - _SHOWN
        return f"[{', '.join(map(repr, self[:_SHOWN]))}{f', and {more} more' if more > 0 else ''}]"


class TransformedSequence(LazySequence):
    """What a function makes of each element of a sequence."""

    def __init__(self, source: Sequence[Any], function: Callable[[Any], Any]) -> None:
        self._source, self._function = source, function

    def __len__(self) -> int:
        return len(self._source)

    def __iter__(self) -> Iterator[Any]:
        return map(self._function, self._source)

    def _element(self, index: int) -> Any:  # noqa: ANN401 - any value
        return self._function(self._source[index])


class ZippedSequence(LazySequence):
    """Sequences joined element by element, as tuples.

    Args:
        parts: The sequences.
        fill: What stands in for missing elements, in a tuple; () if the shortest sequence gives the length.
    """

    def __init__(self, parts: Sequence[Sequence[Any]], fill: tuple[Any, ...]) -> None:
        self._parts, self._fill = parts, fill

    def __len__(self) -> int:
        return (max if self._fill else min)(map(len, self._parts))

    def __iter__(self) -> Iterator[Any]:
        if self._fill:
            return zip_longest(*self._parts, fillvalue=self._fill[0])
        return zip(*self._parts, strict=False)

    def _element(self, index: int) -> Any:  # noqa: ANN401 - any value
        return tuple(part[index] if index < len(part) else self._fill[0] for part in self._parts)


class ConcatenatedSequence(LazySequence):
    """Sequences joined end to end."""

    def __init__(self, parts: Sequence[Sequence[Any]]) -> None:
        self._parts = parts

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(self._parts)

    def _element(self, index: int) -> Any:  # noqa: ANN401 - any value
        for part in self._parts:
            if index < len(part):
                return part[index]
            index -= len(part)
        raise IndexError(index)


def as_lists(value: Any, depth: int = 0) -> Any:  # noqa: ANN401 - any value
    """Make lists of the sequences in a value that is to be kept; anything else stays what it is."""
    if depth > MOST_DEPTH:
        return value  # it is refused where it is encoded: perhaps it holds itself
    if isinstance(value, LazySequence):
        return [as_lists(each, depth + 1) for each in value]
    if type(value) in (list, tuple):
        return type(value)(as_lists(each, depth + 1) for each in value)
    if type(value) is dict:
        return {key: as_lists(each, depth + 1) for key, each in value.items()}
    return value
