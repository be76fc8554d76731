"""A DAG file keeps what its author should know although nothing is wrong with it."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the notes; what was imported before has none until its next import."""
    op.add_column("source_file", sa.Column("notes", sa.Text, nullable=False, server_default="[]"))
