"""A scheduler says that it drains, and of a DAG it is known until when no try of it begins, because it is to change its owner."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

INSTANT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Add the columns."""
    op.add_column("scheduler", sa.Column("draining_since", INSTANT))
    op.add_column("dag", sa.Column("handover_until", INSTANT))
