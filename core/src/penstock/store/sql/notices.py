"""How notices of changed states are stored: added by the scheduler's transaction, bounded in number."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import BindParameter, Connection, Dialect, bindparam, delete, func, select, update

from penstock.decoders import json_decoder
from penstock.model.notice import Notice
from penstock.store.sql import bulk, tables
from penstock.store.sql.column_types import storable
from penstock.store.sql.pipeline import Pipeline

KEPT = 100_000
"""Notices that are kept at most."""

CHECK_EVERY = 1_000
"""Notices after which the number is checked: counting at each write would cost more than the few too many."""

_encode = msgspec.json.Encoder().encode
_decode = json_decoder(Notice).decode

_notice, _listener = tables.notice.c, tables.listener.c
_LAST: BindParameter[int] = bindparam("last")
_NEWEST = select(func.coalesce(func.max(_notice.number), 0))
_COUNT_MISSED = (
    update(tables.listener)
    .where(_listener.acknowledged < _LAST)
    .values(
        missed=_listener.missed
        + select(func.count())
        .where(_notice.number > _listener.acknowledged, _notice.number <= _LAST)
        .scalar_subquery(),
        acknowledged=_LAST,
    )
)
_DELETE = delete(tables.notice).where(_notice.number <= _LAST)


class NoticeWriter:
    """Adds notices, for one dialect.

    Args:
        dialect: Of the database.
        kept: How many are kept at most.
        check_every: After how many it checks whether there are too many.
    """

    def __init__(self, dialect: Dialect, kept: int = KEPT, check_every: int = CHECK_EVERY) -> None:
        self._insert = bulk.insert(dialect, tables.notice, ["body", "at"])
        self._kept, self._check_every = kept, check_every
        self._unchecked = 0

    def add(self, pipeline: Pipeline, notices: Sequence[Notice]) -> None:
        """Add notices in their order; the oldest go if there are too many.

        A listener that does not come back must not fill the disk: it misses what was dropped, and the number is recorded.
        """
        pipeline.add(self._insert, [(_body(each), each.at) for each in notices])
        self._unchecked += len(notices)
        if self._unchecked >= self._check_every:
            self._unchecked = 0
            connection = pipeline.connection
            drop(connection, connection.execute(_NEWEST).scalar_one() - self._kept)


def drop(connection: Connection, last: int) -> int:
    """Drop the notices up to a number, and count them as missed by listeners that were behind; returns how many went."""
    connection.execute(_COUNT_MISSED, {"last": last})
    return connection.execute(_DELETE, {"last": last}).rowcount


def read(body: str) -> Notice:
    """The notice of a row."""
    found: Notice = _decode(body)
    return found


def _body(notice: Notice) -> str:
    reason = storable(notice.reason)
    if reason is not notice.reason:
        notice = msgspec.structs.replace(notice, reason=reason)
    return _encode(notice).decode()
