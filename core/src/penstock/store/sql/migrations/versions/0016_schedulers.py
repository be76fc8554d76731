"""Schedulers have leases, each in a row of its own, instead of one place in the table of single values."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Make the table; nobody schedules during an upgrade, so it is empty."""
    op.create_table(
        "scheduler",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("incarnation", sa.Text, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("fenced_at", INSTANT),
        sa.Column("runs_on_s", sa.Float, nullable=False),
        sqlite_autoincrement=True,
    )
    op.execute("DELETE FROM meta WHERE key = 'scheduler'")
