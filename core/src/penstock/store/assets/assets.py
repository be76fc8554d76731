"""Reads what is stored of assets: for the scheduler, for tries, and for people."""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, delete, func, select

from penstock.model.assets.asset_condition import AssetSpec
from penstock.model.assets.asset_use import AssetUse
from penstock.model.assets.event import AssetCursor, AssetEvent
from penstock.store.assets.watched_files import WatchedFiles
from penstock.store.sql import tables
from penstock.store.sql.assets import asset_tables
from penstock.store.sql.database import Database
from penstock.store.transaction import Writer

_a, _e, _c, _u = (
    table.c
    for table in (asset_tables.asset, asset_tables.asset_event, asset_tables.asset_cursor, asset_tables.asset_use)
)
_EVENT = tables.columns(asset_tables.asset_event, AssetEvent)
CURSORS = select(_c.dag_id, _c.asset, _c.number).order_by(_c.dag_id, _c.asset)
NEWEST = select(_e.number).where(_e.asset == bindparam("asset")).order_by(_e.number.desc()).limit(1)
BETWEEN = (
    select(*_EVENT)
    .where(_e.asset == bindparam("asset"), _e.number > bindparam("after"), _e.number <= bindparam("upto"))
    .order_by(_e.number)
    .limit(bindparam("limit"))
)
WAITING = select(func.count(), func.min(_e.at)).where(_e.asset == bindparam("asset"), _e.number > bindparam("after"))
_USES = (
    select(*tables.columns(asset_tables.asset_use, AssetUse))
    .join_from(asset_tables.asset_use, tables.dag, tables.dag.c.dag_id == _u.dag_id)
    .where(tables.dag.c.active)
    .order_by(_u.asset, _u.dag_id, _u.task_id)
)


class WaitingEvents(msgspec.Struct, frozen=True):
    """The events of an asset that a DAG has not taken: how many, and when the first of them came."""

    count: int
    since: datetime | None


class Assets:
    """Reads assets and their events. Every method raises StoreError if the database cannot serve.

    Attributes:
        watched: What they are watched for, and which files were told of.
    """

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database, self._writer = database, writer
        self.watched = WatchedFiles(database, writer)

    def taken(self, dag_id: str = "") -> dict[str, dict[str, int]]:
        """How far DAGs have taken the events of assets, by DAG and asset; of one DAG if it is named."""
        query = CURSORS.where(_c.dag_id == dag_id) if dag_id else CURSORS
        found: dict[str, dict[str, int]] = {}
        with self._database.read() as connection:
            for row in connection.execute(query):
                cursor = AssetCursor(*row)
                found.setdefault(cursor.dag_id, {})[cursor.asset] = cursor.number or 0
        return found

    def newest(self, assets: Collection[str]) -> dict[str, int]:
        """The number of the last event of each of these assets; 0 for one that has none."""
        with self._database.read() as connection:
            return {asset: connection.execute(NEWEST, {"asset": asset}).scalar() or 0 for asset in assets}

    def between(self, asset: str, after: int, upto: int, limit: int) -> list[AssetEvent]:
        """Some events of an asset after a number, up to another, oldest first."""
        given = {"asset": asset, "after": after, "upto": upto, "limit": limit}
        with self._database.read() as connection:
            return [AssetEvent(**row) for row in connection.execute(BETWEEN, given).mappings()]

    def page(
        self,
        *,
        asset: str = "",
        assets: Sequence[str] | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[AssetEvent]:
        """A page of events, newest first; of one asset if it is named, or of some if these are given."""
        query = select(*_EVENT).order_by(_e.number.desc()).limit(limit)
        # Of an event through an alias there are two rows; who asks for all shall see it once.
        query = query.where(_e.asset == asset if asset else _e.resolved == "")
        if assets is not None:
            query = query.where(_e.asset.in_(list(assets)))
        if before is not None:
            query = query.where(_e.number < before)
        with self._database.read() as connection:
            return [AssetEvent(**row) for row in connection.execute(query).mappings()]

    def keyed(self, asset: str, key: str) -> AssetEvent | None:
        """The event of an asset that has this key, or None."""
        query = select(*_EVENT).where(_e.asset == asset, _e.key == key)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else AssetEvent(**row)

    def waiting(self, asset: str, after: int) -> WaitingEvents:
        """How many events of an asset came after a number, and when the first of these did."""
        with self._database.read() as connection:
            return WaitingEvents(*connection.execute(WAITING, {"asset": asset, "after": after}).one())

    def declared(self, assets: Sequence[str] = (), *, after: str = "") -> list[AssetSpec]:
        """Assets as DAG files last declared them, by URI, from the first behind one on; only these if any are named."""
        query = select(_a.uri, _a.name, _a.group_name, _a.extra).where(_a.uri > after).order_by(_a.uri)
        with self._database.read() as connection:
            found = connection.execute(query.where(_a.uri.in_(assets)) if assets else query)
            return [AssetSpec(*row) for row in found]

    def uses(self, asset: str = "") -> list[AssetUse]:
        """Which DAGs that a file defines name assets, and as what; of one asset if it is named."""
        query = _USES.where(_u.asset == asset) if asset else _USES
        with self._database.read() as connection:
            return [AssetUse(*row) for row in connection.execute(query)]

    def delete_events(self, before: datetime, limit: int) -> int:
        """Delete some events from before an instant that every DAG that waits for their asset has taken; returns how many."""
        waits = select(_c.asset).where(_c.asset == _e.asset, _c.number < _e.number).exists()
        old = select(_e.number).where(_e.at < before, ~waits).order_by(_e.number).limit(limit)
        with self._writer.transaction() as tx:
            numbers = list(tx.execute(old).scalars())
            tx.execute(delete(asset_tables.asset_event).where(_e.number.in_(numbers)))
        return len(numbers)
