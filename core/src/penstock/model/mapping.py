"""Which elements belong to which instance of a mapped task: the one rule of map indexes."""

from collections.abc import Sequence


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
