"""Runs that are being deleted are noted, so that none of them is run again while its logs go."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the table; it begins empty."""
    op.create_table(
        "run_deletion",
        sa.Column("run", NUMBER, sa.ForeignKey("run.run", ondelete="CASCADE"), primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
