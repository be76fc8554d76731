"""Tries on other machines, and the workers there."""

import sqlalchemy as sa
from alembic import op

from penstock.store.sql.column_types import FreeText, Instant, Name

revision = "0030"
down_revision = "0029"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables; they begin empty."""
    op.create_table(
        "remote_try",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("run", NUMBER, sa.ForeignKey("run.run", ondelete="CASCADE"), nullable=False),
        sa.Column("task_id", Name, nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("dag_id", Name, nullable=False),
        sa.Column("run_id", Name, nullable=False),
        sa.Column("executor", Name, nullable=False),
        sa.Column("queue", Name, nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("received", sa.Text(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("lease_s", sa.Float(), nullable=False),
        sa.Column("offered_at", Instant, nullable=False),
        sa.Column("claim", sa.Text(), nullable=False, server_default=""),
        sa.Column("worker", sa.Text(), nullable=False, server_default=""),
        sa.Column("claimed_at", Instant),
        sa.Column("ended_at", Instant),
        sa.Column("ended", sa.LargeBinary()),
        sa.Column("note", FreeText, nullable=False, server_default=""),
        sa.Column("cancelled", FreeText, nullable=False, server_default=""),
    )
    op.create_index("remote_try_run", "remote_try", ["run"])
    op.create_index("remote_try_worker", "remote_try", ["worker"])
    where = sa.text("state <> received")
    op.create_index("remote_try_news", "remote_try", ["owner", "executor"], sqlite_where=where, postgresql_where=where)
    _add_workers()


def _add_workers() -> None:
    op.create_table(
        "remote_worker",
        sa.Column("worker", sa.Text(), primary_key=True),
        sa.Column("executor", Name, nullable=False),
        sa.Column("queues", FreeText, nullable=False),
        sa.Column("host", FreeText, nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("running", sa.Integer(), nullable=False),
        sa.Column("draining", sa.Boolean(), nullable=False),
        sa.Column("drain_requested", sa.Boolean(), nullable=False),
        sa.Column("beats", NUMBER, nullable=False),
        sa.Column("period_s", sa.Float(), nullable=False),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("seen_at", Instant, nullable=False),
    )
    op.create_index("remote_worker_executor", "remote_worker", ["executor"])
