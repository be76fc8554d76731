"""A try keeps which worker ran it, and a worker what it has done since it began."""

import sqlalchemy as sa
from alembic import op

from penstock.store.sql.column_types import FreeText

revision = "0031"
down_revision = "0030"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the columns; of what was there before, nothing is known."""
    op.add_column("try", sa.Column("worker", FreeText, nullable=False, server_default=""))
    for name in ("done", "failed"):
        op.add_column("remote_worker", sa.Column(name, NUMBER, nullable=False, server_default="0"))
    op.add_column("remote_worker", sa.Column("taken_s", sa.Float, nullable=False, server_default="0"))
    op.add_column("remote_worker", sa.Column("load", sa.Float))
