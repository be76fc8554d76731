"""A run keeps when its time was over."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

INSTANT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Add the instant; no run before this revision had a limit."""
    op.add_column("run", sa.Column("timed_out_at", INSTANT))
