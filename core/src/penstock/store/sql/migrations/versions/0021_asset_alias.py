"""Events of assets say through which alias they were made."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Add the columns."""
    for name in ("alias", "resolved"):
        op.add_column("asset_event", sa.Column(name, sa.Text, nullable=False, server_default=""))
