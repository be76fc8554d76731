"""What a turn of the scheduler writes of assets: events, each numbered as it is committed, and how far they were taken."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter

from sqlalchemy import Connection, Dialect, Executable, bindparam, text
from sqlalchemy.exc import StatementError

from penstock.errors import DataRefusedError
from penstock.model.assets.event import AssetCursor, AssetEvent, NewAssetEvent
from penstock.store.sql import bulk, tables
from penstock.store.sql.assets import asset_tables
from penstock.store.sql.driver_errors import first_line, refuses_data
from penstock.store.sql.pipeline import Pipeline

_NEW = NewAssetEvent.__struct_fields__
_new = attrgetter(*_NEW)


def _insert_event() -> Executable:
    """Text for the reason of `penstock.store.transaction.INSERT_RUN`."""
    names = [*_NEW, "at"]
    marks = ", ".join(f":{name}" for name in names)
    columns = tables.columns(asset_tables.asset_event, AssetEvent)
    return (
        text(
            f"INSERT INTO asset_event ({', '.join(names)}) VALUES ({marks}) "
            "ON CONFLICT (asset, key) DO UPDATE SET duplicates = asset_event.duplicates + 1 "
            f"RETURNING {', '.join(column.name for column in columns)}"
        )
        .bindparams(*(bindparam(name, type_=asset_tables.asset_event.c[name].type) for name in names))
        .columns(*columns)
    )


INSERT_EVENT = _insert_event()


class AssetStatements:
    """The statements for one dialect, made once a store."""

    def __init__(self, dialect: Dialect) -> None:
        self._move = bulk.upsert(dialect, asset_tables.asset_cursor, AssetCursor.__struct_fields__)
        self._drop = bulk.delete(dialect, asset_tables.asset_cursor, ["dag_id", "asset"])

    def move_cursors(self, pipeline: Pipeline, cursors: Sequence[AssetCursor]) -> None:
        """Write how far DAGs have taken the events of assets, of each the newest that is said."""
        newest = {(cursor.dag_id, cursor.asset): cursor.number for cursor in cursors}
        pipeline.add(self._drop, [key for key, number in newest.items() if number is None])
        pipeline.add(self._move, [(*key, number) for key, number in newest.items() if number is not None])

    def add_events(self, connection: Connection, events: Iterable[NewAssetEvent], now: datetime) -> list[AssetEvent]:
        """Write events; returns them with their numbers, without those whose key another event of their asset has.

        Raises:
            DataRefusedError: One cannot be stored for what is in it.
        """
        found = [self._add(connection, event, now) for event in events]
        return [event for event in found if not event.duplicates]

    def _add(self, connection: Connection, event: NewAssetEvent, now: datetime) -> AssetEvent:
        given = dict(zip(_NEW, _new(event), strict=True), at=now)
        try:
            return AssetEvent(**connection.execute(INSERT_EVENT, given).mappings().one())
        except (StatementError, UnicodeEncodeError) as error:
            if not refuses_data(error):
                raise
            detail = first_line(error.orig if isinstance(error, StatementError) else error)
            raise DataRefusedError(detail, table="asset_event", key={"asset": event.asset}) from error
