"""The tables of assets: which DAGs name them, their events, and how far these were taken."""

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from penstock.model.assets.asset_use import AssetRole
from penstock.store.sql.column_types import Enumerated, FreeText, Instant, Json, Name
from penstock.store.sql.tables import NUMBER, metadata


def _asset() -> Column[str]:
    return Column("asset", Text, primary_key=True)


def _dag_id() -> Column[str]:
    return Column("dag_id", Text, ForeignKey("dag.dag_id", ondelete="CASCADE"), primary_key=True)


asset = Table(
    "asset",
    metadata,
    Column("uri", Text, primary_key=True),
    *(Column(name, FreeText, nullable=False, server_default="") for name in ("name", "group_name")),
    Column("extra", Json, nullable=False, server_default="{}"),
)

asset_use = Table(
    "asset_use",
    metadata,
    _asset(),
    _dag_id(),
    Column("task_id", Text, primary_key=True),
    Column("role", Enumerated(AssetRole), primary_key=True),
    Index("asset_use_dag", "dag_id"),
    sqlite_with_rowid=False,
)

asset_event = Table(
    "asset_event",
    metadata,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("asset", Text, nullable=False),
    Column("extra", Json, nullable=False, server_default="{}"),
    Column("key", Name),
    Column("dag_id", Text, nullable=False, server_default=""),
    Column("run_id", Name, nullable=False, server_default=""),
    Column("run", NUMBER, nullable=False, server_default="0"),
    Column("task_id", Text, nullable=False, server_default=""),
    Column("map_index", Integer, nullable=False, server_default="-1"),
    *(Column(name, Text, nullable=False, server_default="") for name in ("alias", "resolved")),
    Column("at", Instant, nullable=False),
    Column("duplicates", Integer, nullable=False, server_default="0"),
    UniqueConstraint("asset", "key", name="asset_event_key"),
    Index("asset_event_of", "asset", "number"),
    Index("asset_event_at", "at"),
    sqlite_autoincrement=True,
)

asset_cursor = Table(
    "asset_cursor",
    metadata,
    _dag_id(),
    _asset(),
    Column("number", NUMBER, nullable=False),
    sqlite_with_rowid=False,
)

asset_watcher = Table(
    "asset_watcher",
    metadata,
    _asset(),
    _dag_id(),
    Column("watches", Json, nullable=False),
    Index("asset_watcher_dag", "dag_id"),
    sqlite_with_rowid=False,
)

watched_file = Table(
    "watched_file",
    metadata,
    _asset(),
    Column("file", Text, primary_key=True),
    Column("watch", Text, nullable=False),
    Column("path", FreeText, nullable=False),
    Column("fingerprint", FreeText, nullable=False),
    *(Column(name, Instant, nullable=False) for name in ("reported_at", "seen_at")),
    Index("watched_file_of", "asset", "watch", "reported_at"),
    Index("watched_file_seen", "seen_at"),
    sqlite_with_rowid=False,
)
"""The files whose event was told; ``file`` names the path, which may be longer than a key."""
