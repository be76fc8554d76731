"""A pool may have a rate at which its tasks start."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

INSTANT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Add the columns; the pools that there are have none."""
    op.add_column("pool", sa.Column("rate_count", sa.Integer))
    op.add_column("pool", sa.Column("rate_period_s", sa.Float))
    op.add_column("pool", sa.Column("next_at", INSTANT))
