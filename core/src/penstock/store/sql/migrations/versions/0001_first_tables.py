"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Make the tables of DAGs, of runs, and of what users configure."""
    _dags()
    _runs()
    _tasks()
    _configuration()


def _dags() -> None:
    op.create_table(
        "dag",
        _key("dag_id"),
        _text("version"),
        _text("file"),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("cursor", INSTANT),
        sa.Column("changed_at", INSTANT, nullable=False),
    )
    op.create_index("dag_file", "dag", ["file"])
    op.create_table("dag_spec", _key("spec"), _bytes("data"))
    op.create_table(
        "dag_version",
        _key("version"),
        _text("dag_id"),
        sa.Column("spec", sa.Text, sa.ForeignKey("dag_spec.spec"), nullable=False),
        _text("snapshot"),
        _text("file"),
        _bytes("variables"),
        sa.Column("created_at", INSTANT, nullable=False),
    )
    op.create_index("dag_version_dag", "dag_version", ["dag_id", "created_at"])
    op.create_table(
        "source_file",
        _key("file"),
        _text("sources"),
        _bytes("variables"),
        sa.Column("refresh_s", sa.Float),
        sa.Column("parsed_at", INSTANT, nullable=False),
        sa.Column("duration_s", sa.Float, nullable=False),
        _text("problems"),
    )


def _runs() -> None:
    op.create_table(
        "run",
        sa.Column("run", NUMBER, primary_key=True, autoincrement=True),
        _text("dag_id"),
        _text("run_id"),
        _text("kind"),
        _text("state"),
        _text("version", default=""),
        sa.Column("created_at", INSTANT, nullable=False),
        *(sa.Column(name, INSTANT) for name in ("logical_date", "interval_start", "interval_end")),
        _text("conf", default="{}"),
        sa.Column("started_at", INSTANT),
        sa.Column("ended_at", INSTANT),
        _text("reason", default=""),
        sa.UniqueConstraint("dag_id", "run_id", name="run_of_dag"),
        sqlite_autoincrement=True,
    )
    op.create_index("run_state", "run", ["state", "run"])
    op.create_index("run_dag_state", "run", ["dag_id", "state", "run"])
    op.create_index("run_dag", "run", ["dag_id", "run"])
    op.create_table(
        "request",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        _bytes("body"),
        sa.Column("created_at", INSTANT, nullable=False),
        sqlite_autoincrement=True,
    )


def _tasks() -> None:
    op.create_table(
        "task_instance",
        *_task_key(),
        _text("state"),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("try_number", "epoch", "failures")),
        _text("reason", default=""),
        *(sa.Column(name, INSTANT) for name in ("queued_at", "started_at", "ended_at", "due_at")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "try",
        *_task_key(),
        sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("try_number", sa.Integer, nullable=False),
        _text("executor"),
        sa.Column("queued_at", INSTANT, nullable=False),
        sa.Column("started_at", INSTANT),
        sa.Column("ended_at", INSTANT),
        sa.Column("outcome", sa.Text),
        _text("error", default=""),
        sa.Column("pid", sa.Integer),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "xcom", *_task_key(), _key("key"), _bytes("value"), sa.Column("length", sa.Integer), sqlite_with_rowid=False
    )


def _configuration() -> None:
    op.create_table(
        "connection",
        _key("conn_id"),
        _text("conn_type"),
        _text("description", default=""),
        _bytes("sealed"),
        sa.Column("changed_at", INSTANT, nullable=False),
    )
    op.create_table(
        "variable",
        _key("key"),
        _text("description", default=""),
        _bytes("sealed"),
        sa.Column("changed_at", INSTANT, nullable=False),
    )
    pool = op.create_table(
        "pool", _key("name"), sa.Column("slots", sa.Integer, nullable=False), _text("description", default="")
    )
    op.bulk_insert(pool, [{"name": "default_pool", "slots": 128, "description": "For every task that names no pool."}])
    op.create_table("meta", _key("key"), _text("value"))


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=True)


def _text(name: str, *, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=default)


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, nullable=False)


def _task_key() -> tuple[sa.Column[int], sa.Column[str], sa.Column[int]]:
    run = sa.ForeignKey("run.run", ondelete="CASCADE")
    return (
        sa.Column("run", NUMBER, run, primary_key=True, autoincrement=False),
        sa.Column("task_id", sa.Text, primary_key=True),
        sa.Column("map_index", sa.Integer, primary_key=True, autoincrement=False),
    )
