"""An instance of a mapped task has a key, by which people name it."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Add the key; those that ran before this revision have none."""
    op.add_column("task_instance", sa.Column("map_key", sa.Text(), nullable=False, server_default=""))
