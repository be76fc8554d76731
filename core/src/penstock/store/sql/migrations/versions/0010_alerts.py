"""Alerts wait for their channels; a DAG says whether anybody is to be told of it."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
WAITING = sa.text("delivery IS NULL")


def upgrade() -> None:
    """Make the tables and the column."""
    op.add_column("dag", sa.Column("alerting", sa.Boolean, nullable=False, server_default=sa.text("false")))
    op.create_table(
        "alert_delivery",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("channel", "key", "state")),
        *(sa.Column(name, INSTANT, nullable=False) for name in ("made_at", "due_at", "expires_at")),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("failure", sa.Text, nullable=False, server_default=""),
        sa.Index("alert_delivery_state", "state", "number"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "alert",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("channel", "key")),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("delivery", NUMBER, sa.ForeignKey("alert_delivery.number", ondelete="CASCADE")),
        sa.UniqueConstraint("channel", "key", name="alert_of_channel"),
        sa.Index("alert_of_delivery", "delivery", "number"),
        sa.Index("alert_waiting", "channel", sqlite_where=WAITING, postgresql_where=WAITING),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "trouble",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("at", INSTANT, nullable=False),
    )
