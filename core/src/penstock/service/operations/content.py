"""The content of a file that an operation gives, whole or a part of it, and never in memory."""

from collections.abc import Callable, Generator, Iterator
from typing import NamedTuple

Part = Callable[[int, int | None], Iterator[bytes]]
"""Reads from a byte on, and so many bytes at most if a number is given; from another than the first only if the size is known."""


class ContentFacts(NamedTuple):
    """What is known of a content before it is read.

    Attributes:
        name: What a file of it would be called.
        size: Its bytes now; None if that is not known before all of it is read.
    """

    name: str
    size: int | None = None


class Content(Iterator[bytes]):
    """What is read in pieces, from its beginning or, once, from another place.

    Args:
        facts: What is known of it.
        part: Reads it.
        still: Raises what stands against going on with it, such as that what is read now may not be seen any more; None if nothing can
            but what has to be asked before it begins.
    """

    def __init__(self, facts: ContentFacts, part: Part, still: Callable[[], object] | None = None) -> None:
        self.facts, self.part, self.still = facts, part, still
        self._pieces: Iterator[bytes] | None = None

    def __next__(self) -> bytes:
        """The next piece of the whole; raises what reading raises."""
        if self._pieces is None:
            self._pieces = self.part(0, None)
        return next(self._pieces)

    def close(self) -> None:
        """Read no more of it, wherever it is."""
        if isinstance(self._pieces, Generator):
            self._pieces.close()


def bounded(pieces: Iterator[bytes], most: int | None) -> Iterator[bytes]:
    """The first bytes of what comes in pieces; all of them without a number."""
    if most is None:
        yield from pieces
        return
    for piece in pieces:
        if len(piece) >= most:
            yield piece[:most]
            return
        yield piece
        most -= len(piece)
