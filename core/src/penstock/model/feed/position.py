"""Positions: how far somebody has read the change feed."""

import re
from typing import NamedTuple, Self

import msgspec

from penstock.errors import RequestError
from penstock.model.feed.delta import Delta

_WRITTEN = re.compile(r"([0-9a-f]{16})-([0-9]{1,18})-([0-9]{1,18})")


class FeedPosition(NamedTuple):
    """A place in the change feed: all up to it is known. Those of one database are in the order of its commits.

    Attributes:
        database: Which database's feed it is: a name that no other has.
        transaction: PostgreSQL's number of the transaction that told last; 0 in SQLite.
        number: Number of the row that was read last.
    """

    database: str
    transaction: int
    number: int

    @classmethod
    def of(cls, text: str) -> Self:
        """Read what `str` wrote; raises RequestError for anything else."""
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise RequestError(
                f"{text!r:.80} is no position in the change feed. Pass one that you were given, or none."
            )
        return cls(found[1], int(found[2]), int(found[3]))

    def __str__(self) -> str:
        """The position for those who look on: the id of an event."""
        return f"{self.database}-{self.transaction}-{self.number}"


class FeedRow(msgspec.Struct, frozen=True):
    """What one transaction has changed, or a part of that.

    Attributes:
        position: Where it stands.
    """

    position: FeedPosition
    deltas: tuple[Delta, ...]
