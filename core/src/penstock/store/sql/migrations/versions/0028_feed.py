"""The change feed: what each transaction has changed, for those who look on."""

import sqlalchemy as sa
from alembic import op

from penstock.store.sql.column_types import Instant

revision = "0028"
down_revision = "0027"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add its tables; it begins empty."""
    op.create_table(
        "feed",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("xid", NUMBER, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sqlite_autoincrement=True,
    )
    where = sa.text("xid > 0")
    op.create_index("feed_order", "feed", ["xid", "number"], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "feed_floor",
        sa.Column("feed", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("database", sa.Text(), nullable=False),
        sa.Column("xid", NUMBER, nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("watched", sa.Boolean(), nullable=False),
        sa.Column("watched_until", Instant, nullable=False),
    )
    op.add_column("scheduler", sa.Column("watched", sa.Boolean(), nullable=False, server_default=sa.text("false")))
