"""What people have asked for is kept, with who asked and why."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Make the table; of what was asked for before, nothing is known."""
    op.create_table(
        "audit",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("at", INSTANT, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("action", "dag_id")),
        *(
            sa.Column(name, sa.Text, nullable=False, server_default="")
            for name in ("run_id", "subject", "person", "why")
        ),
        sa.Index("audit_dag", "dag_id", "number"),
        sqlite_autoincrement=True,
    )
