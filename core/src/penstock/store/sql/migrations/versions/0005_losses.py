"""A task instance counts how often in a row its worker was lost, restarts of the scheduler included."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the count; no loss before this revision is known."""
    op.add_column("task_instance", sa.Column("losses", sa.Integer, nullable=False, server_default="0"))
