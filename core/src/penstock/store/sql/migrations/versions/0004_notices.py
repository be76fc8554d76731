"""Changes of states wait for the listeners that have not received them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Make the tables of notices and of their listeners."""
    op.create_table(
        "notice",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "listener",
        sa.Column("provider", sa.Text, primary_key=True),
        *(
            sa.Column(name, NUMBER, nullable=False, server_default="0", autoincrement=False)
            for name in ("heard", "failed", "missed")
        ),
        *(sa.Column(name, sa.Text, nullable=False, server_default="") for name in ("broken", "failure")),
        sa.Column("failed_at", INSTANT),
    )
