"""Which row of the audit a request belongs to: who has asked for it is told what became of it, and nobody else."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the column to requests and to what of them is in quarantine; of those that are there nobody is known."""
    for table in ("request", "quarantine"):
        op.add_column(table, sa.Column("asked", NUMBER, nullable=False, server_default="0"))
