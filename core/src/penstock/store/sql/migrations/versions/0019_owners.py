"""Each DAG has an owner among the schedulers, requests name their DAG, and limits that cross owners are lent in shares."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Add the columns and the table; a request that waits gets the DAG that it is about."""
    op.add_column("dag", sa.Column("owner", NUMBER))
    op.create_index("dag_owner", "dag", ["owner"])
    op.add_column("request", sa.Column("dag_id", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "share",
        sa.Column("limited", sa.Text, primary_key=True),
        sa.Column("scheduler", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("needed", sa.BigInteger, nullable=False),
        sa.Column("largest", sa.BigInteger, nullable=False),
        sa.Column("served_at", INSTANT, nullable=False),
        sqlite_with_rowid=False,
    )
    connection = op.get_bind()
    for number, body in connection.execute(sa.text("SELECT number, body FROM request")).all():
        given = {"number": number, "dag_id": _dag_of(connection, bytes(body))}
        connection.execute(sa.text("UPDATE request SET dag_id = :dag_id WHERE number = :number"), given)


def _dag_of(connection: sa.Connection, body: bytes) -> str:
    """The DAG of a request as it is stored; "" for one that is about none, or that nobody can read."""
    try:
        request = json.loads(body)
        if isinstance(request.get("dag_id"), str):
            return str(request["dag_id"])
        of_run = "run" in request
        number = int(request["run" if of_run else "backfill"])
    except (ValueError, TypeError, AttributeError, KeyError):
        return ""
    query = (
        "SELECT dag_id FROM run WHERE run = :number" if of_run else "SELECT dag_id FROM backfill WHERE number = :number"
    )
    return str(connection.execute(sa.text(query), {"number": number}).scalar() or "")
