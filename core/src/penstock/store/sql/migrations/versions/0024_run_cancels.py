"""A run keeps when it was cancelled: its teardowns may still have to run."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"

INSTANT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Add the instant; whatever was cancelled before this revision had ended with that."""
    op.add_column("run", sa.Column("cancelled_at", INSTANT))
