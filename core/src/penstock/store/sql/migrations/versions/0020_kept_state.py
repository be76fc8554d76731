"""Tasks and assets keep state from run to run."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "kept_state",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("dag_id", "name", "key")),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.Column("changed_by", sa.Text, nullable=False, server_default=""),
        sa.UniqueConstraint("dag_id", "name", "key", name="kept_state_key"),
        sqlite_autoincrement=True,
    )
