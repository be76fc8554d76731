"""Which elements belong to which instance of a mapped task: the one rule of map indexes and of joined values."""

from collections.abc import Sequence
from typing import Literal

# How values are joined: element by element up to the shortest or to the longest one, or end to end.
Join = Literal["", "zip", "longest", "concat"]


def element_indexes(map_index: int, lengths: Sequence[int | None]) -> tuple[int, ...]:
    """For each mapped argument the index of its element in the instance of this map index; the last one varies fastest.

    >>> [element_indexes(index, (2, 3)) for index in range(6)]
    [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]

    Args:
        map_index: Number of the instance, from 0.
        lengths: Number of elements of each argument; the first may be unknown, for it is not needed.

    Raises:
        IndexError: There is no such instance.
    """
    found, rest = [], map_index
    for size in reversed(lengths[1:]):
        if not size:
            raise IndexError(f"map index {map_index} does not exist: an argument has nothing to map over")
        rest, index = divmod(rest, size)
        found.append(index)
    if lengths[0] is not None and rest >= lengths[0]:
        raise IndexError(f"map index {map_index} does not exist in a mapping of lengths {list(lengths)}")
    return (rest, *reversed(found))


def joined_length(join: Join, lengths: Sequence[int]) -> int:
    """Number of elements of values that are joined, by how many each has.

    >>> [joined_length(join, (2, 3)) for join in ("zip", "longest", "concat")]
    [2, 3, 5]
    """
    if join == "concat":
        return sum(lengths)
    return max(lengths) if join == "longest" else min(lengths)


def joined_indexes(join: Join, index: int, lengths: Sequence[int]) -> list[int | None]:
    """For each of the joined values the index of its element in the joined element of an index; None if it has no part in it.

    >>> joined_indexes("longest", 2, (2, 3)), joined_indexes("concat", 2, (2, 3))
    ([None, 2], [None, 0])
    """
    if join != "concat":
        return [index if index < length else None for length in lengths]
    found: list[int | None] = []
    for length in lengths:
        found.append(index if 0 <= index < length else None)
        index -= length
    return found
