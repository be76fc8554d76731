"""Backfills are kept, and runs say to which they belong and which tasks they have."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
LIVE = sa.text("state NOT IN ('cancelled', 'finished')")


def upgrade() -> None:
    """Make the tables; no run before this revision belongs to a backfill, and each has all tasks of its version."""
    op.add_column("run", sa.Column("backfill", NUMBER))
    op.add_column("run", sa.Column("subset", sa.Text, nullable=False, server_default="[]"))
    op.create_index("run_dag_date", "run", ["dag_id", "logical_date", "run"])
    op.create_table(
        "backfill",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("dag_id", sa.Text, nullable=False),
        sa.Column("spec", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("done", sa.Integer, nullable=False, server_default="0"),
        *(sa.Column(name, INSTANT) for name in ("cursor", "ended_at")),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Index("backfill_live", "dag_id", unique=True, sqlite_where=LIVE, postgresql_where=LIVE),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "backfill_item",
        sa.Column(
            "backfill",
            NUMBER,
            sa.ForeignKey("backfill.number", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("ordinal", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("logical_date", INSTANT, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("action", "run_id")),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sqlite_with_rowid=False,
    )
