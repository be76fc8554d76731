"""What assets are watched for, and the files whose event was told: each once, in the transaction that tells of it."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import bindparam, delete, exists, func, select, tuple_, update

from penstock.decoders import convert
from penstock.model.assets.file_watch import FileWatch, WatchedFile
from penstock.model.request import ReportAssetEvent
from penstock.store.sql import tables
from penstock.store.sql.assets import asset_tables
from penstock.store.sql.database import Database
from penstock.store.transaction import Transaction, Writer

SEEN_AGAIN = timedelta(days=1)
"""How long it is not written again that a file is still there."""

_w, _f = asset_tables.asset_watcher.c, asset_tables.watched_file.c
WATCHERS = (
    select(_w.asset, _w.watches)
    .join_from(asset_tables.asset_watcher, tables.dag, tables.dag.c.dag_id == _w.dag_id)
    .where(tables.dag.c.active)
    .order_by(_w.asset, _w.dag_id)
)
_OF = (_f.asset == bindparam("of_asset"), _f.watch == bindparam("of_watch"))
KNOWN = select(_f.file, _f.fingerprint).where(*_OF)
NEWEST = select(_f.path, _f.reported_at).where(*_OF).order_by(_f.reported_at.desc()).limit(1)
COUNT = select(func.count()).select_from(asset_tables.watched_file).where(*_OF)
AMONG = select(_f.file, _f.fingerprint, _f.watch).where(
    _f.asset == bindparam("of_asset"), _f.file.in_(bindparam("files", expanding=True))
)


class WatcherReport(msgspec.Struct, frozen=True):
    """What was told of what one watcher looks for.

    Attributes:
        count: Files that are remembered.
        path: That of the newest; "" if there is none.
        at: When it was told of.
    """

    count: int
    path: str = ""
    at: datetime | None = None


class WatchedFiles:
    """Reads what is watched, and tells of files. Every method raises StoreError if the database cannot serve."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database, self._writer = database, writer

    def watchers(self, asset: str = "") -> dict[str, list[FileWatch]]:
        """What files of DAGs have watched, by asset, what several say alike once; of one asset if it is named."""
        query = WATCHERS.where(_w.asset == asset) if asset else WATCHERS
        found: dict[str, dict[FileWatch, None]] = {}
        with self._database.read() as connection:
            for uri, watches in connection.execute(query):
                found.setdefault(uri, {}).update(dict.fromkeys(convert(watches, list[FileWatch])))
        return {uri: list(watches) for uri, watches in found.items()}

    def known(self, asset: str, path: str) -> dict[str, str]:
        """The files that were told of, each with its fingerprint, by a watcher that looks for ``path``."""
        with self._database.read() as connection:
            return {row.file: row.fingerprint for row in connection.execute(KNOWN, _given(asset, path))}

    def reported(self, asset: str, path: str) -> WatcherReport:
        """What was told of what a watcher looks for."""
        with self._database.read() as connection:
            count = connection.execute(COUNT, _given(asset, path)).scalar() or 0
            newest = connection.execute(NEWEST, _given(asset, path)).first()
        return WatcherReport(count, *newest) if newest else WatcherReport(count)

    def report(self, asset: str, path: str, found: Sequence[WatchedFile], now: datetime) -> int:
        """Tell of each file that is not known as it is; returns of how many.

        That it was told of is stored in the transaction that asks for its event: whatever is killed, and however many look for
        the same, it is told of once.
        """
        with self._writer.transaction() as tx:
            tx.keep_order()  # of two that have found the same, the second finds what the first has told
            given = {"of_asset": asset, "files": [each.file for each in found]}
            known = {row.file: (row.fingerprint, row.watch) for row in tx.execute(AMONG, given)}
            fresh = [each for each in found if known.get(each.file, ("", ""))[0] != each.fingerprint]
            taken = [each for each in found if known.get(each.file) not in {None, (each.fingerprint, path)}]
            _put(tx, asset, path, {each.file: each for each in (*fresh, *taken)}, now)
            tx.submit([ReportAssetEvent(asset, each.extra, each.key) for each in fresh], now)
        return len(fresh)

    def seen(self, asset: str, files: Collection[str], now: datetime) -> None:
        """Keep that files are still there, unless that was written lately."""
        old = (_f.asset == asset, _f.file.in_(files), _f.seen_at < now - SEEN_AGAIN)
        with self._writer.transaction() as tx:
            tx.execute(update(asset_tables.watched_file).where(*old).values(seen_at=now))

    def delete_unseen(self, before: datetime, limit: int) -> int:
        """Forget some files that nobody has seen since an instant; returns how many."""
        old = select(_f.asset, _f.file).where(_f.seen_at < before).limit(limit)
        with self._writer.transaction() as tx:
            return tx.execute(delete(asset_tables.watched_file).where(tuple_(_f.asset, _f.file).in_(old))).rowcount

    def any_watched(self) -> bool:
        """Whether a DAG has an asset watched."""
        with self._database.read() as connection:
            return bool(connection.execute(select(exists(WATCHERS.order_by(None)))).scalar())


def _put(tx: Transaction, asset: str, path: str, found: dict[str, WatchedFile], now: datetime) -> None:
    rows = [
        {
            "asset": asset, "file": each.file, "watch": path, "path": each.path, "fingerprint": each.fingerprint,
            "reported_at": now, "seen_at": now,
        }
        for each in found.values()
    ]  # fmt: skip
    tx.replace(asset_tables.watched_file, rows)


def _given(asset: str, path: str) -> dict[str, str]:
    return {"of_asset": asset, "of_watch": path}
