"""Tries without an outcome are found by an index of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Index the runs of open tries."""
    still_open = sa.text("outcome IS NULL")
    op.create_index("try_open", "try", ["run"], sqlite_where=still_open, postgresql_where=still_open)
