"""Assets are watched for files."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

INSTANT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "asset_watcher",
        sa.Column("asset", sa.Text, primary_key=True),
        sa.Column("dag_id", sa.Text, sa.ForeignKey("dag.dag_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("watches", sa.Text, nullable=False),
        sa.Index("asset_watcher_dag", "dag_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "watched_file",
        sa.Column("asset", sa.Text, primary_key=True),
        sa.Column("file", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("watch", "path", "fingerprint")),
        *(sa.Column(name, INSTANT, nullable=False) for name in ("reported_at", "seen_at")),
        sa.Index("watched_file_of", "asset", "watch", "reported_at"),
        sa.Index("watched_file_seen", "seen_at"),
        sqlite_with_rowid=False,
    )
