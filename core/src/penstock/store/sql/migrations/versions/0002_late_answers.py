"""A try's row keeps the answer that came too late to count."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what answered late, and when."""
    op.add_column("try", sa.Column("late_outcome", sa.Text))
    op.add_column("try", sa.Column("late_at", sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")))
