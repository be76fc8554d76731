"""The outbox of state changes: rows that the scheduler's transaction leaves for listeners, and their upper bound.

Whoever is to hear of a change finds it here until he has. If he never comes, the oldest rows are dropped, and each
listener's row says how many it missed: an outbox that grows for ever would take the database down with it.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, Dialect, text

from penstock.model.notice import Notice
from penstock.store import rows, tables
from penstock.store.rows import Codec

NOTICES = "notices"
"""The bell's topic."""

KEPT = 100_000
"""Notices that are kept at most; a look at this is taken once in so many of them:"""
LOOK_EVERY = 1_000

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Notice).decode

_MISSED = text(
    "UPDATE listener SET missed = missed + "
    "(SELECT count(*) FROM notice WHERE number > listener.heard AND number <= :last), heard = :last WHERE heard < :last"
)
_DROP = text("DELETE FROM notice WHERE number <= :last")


class Outbox:
    """Writes notices, for one dialect.

    Args:
        kept: How many are kept at most.
        look_every: After how many it looks whether there are too many.
    """

    def __init__(self, dialect: Dialect, codec: Codec, kept: int = KEPT, look_every: int = LOOK_EVERY) -> None:
        self._insert, self._codec = rows.insert(dialect, tables.notice, "body at"), codec
        self._kept, self._look_every = kept, look_every
        self._unwatched = 0

    def put(self, connection: Connection, notices: Sequence[Notice]) -> None:
        """Add notices in their order; the oldest go if there are too many."""
        at = self._codec.at
        self._insert.run(connection, [(_body(each), at(each.at)) for each in notices])
        self._unwatched += len(notices)
        if self._unwatched >= self._look_every:
            self._unwatched = 0
            newest = connection.execute(text("SELECT max(number) FROM notice")).scalar() or 0
            drop(connection, newest - self._kept)


def drop(connection: Connection, last: int) -> int:
    """Drop the notices up to a number, and count them as missed by those who had not heard them; how many went."""
    connection.execute(_MISSED, {"last": last})
    return connection.execute(_DROP, {"last": last}).rowcount


def read(body: str) -> Notice:
    """The notice of a row."""
    found: Notice = _decode(body)
    return found


def last_before(connection: Connection, codec: Codec, instant: datetime) -> int:
    """Number of the last notice from before an instant; 0 if there is none."""
    query = text("SELECT max(number) FROM notice WHERE at < :at")
    return connection.execute(query, {"at": codec.at(instant)}).scalar() or 0


def _body(notice: Notice) -> str:
    reason = rows.storable(notice.reason)
    if reason is not notice.reason:
        notice = msgspec.structs.replace(notice, reason=reason)
    return _encode(notice).decode()
