"""Assets have events, which make runs of the DAGs that wait for them."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=default)


def _key(*names: str) -> list[sa.Column[str]]:
    cascade = {"dag_id": [sa.ForeignKey("dag.dag_id", ondelete="CASCADE")]}
    return [sa.Column(name, sa.Text, *cascade.get(name, []), primary_key=True) for name in names]


def upgrade() -> None:
    """Make the tables, and let runs say for which events they were made: those there are were made for none."""
    op.add_column("run", _text("consumed", "{}"))
    op.create_table("asset", *_key("uri"), _text("name"), _text("group_name"), _text("extra", "{}"))
    op.create_table(
        "asset_use",
        *_key("asset", "dag_id", "task_id", "role"),
        sa.Index("asset_use_dag", "dag_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "asset_event",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("asset", sa.Text, nullable=False),
        _text("extra", "{}"),
        sa.Column("key", sa.Text),
        *map(_text, ("dag_id", "run_id")),
        sa.Column("run", NUMBER, nullable=False, server_default="0"),
        _text("task_id"),
        sa.Column("map_index", sa.Integer, nullable=False, server_default="-1"),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("duplicates", sa.Integer, nullable=False, server_default="0"),
        sa.UniqueConstraint("asset", "key", name="asset_event_key"),
        sa.Index("asset_event_of", "asset", "number"),
        sa.Index("asset_event_at", "at"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "asset_cursor",
        *_key("dag_id", "asset"),
        sa.Column("number", NUMBER, nullable=False),
        sqlite_with_rowid=False,
    )
