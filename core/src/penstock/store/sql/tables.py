"""The tables. A change here needs a migration in `penstock.store.sql.migrations` and its name in `REVISIONS`.

What grows with history (runs, task instances, tries, values) is found by primary key or by an index that leads with
what is asked for: a live row costs the same beside a million finished ones as beside none. Tables whose key is made of
several columns are clustered by it in SQLite (`WITHOUT ROWID`): one tree to write instead of two.
"""

from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from penstock.model.backfills.backfill import BackfillAction, BackfillState
from penstock.model.history.quarantine import QuarantineKind
from penstock.model.run import RunKind
from penstock.model.state import DeliveryState, Outcome, RunState, TaskState
from penstock.store.sql.column_types import Enumerated, FreeText, Instant, Json, Name
from penstock.store.sql.partial_index import partial

REVISIONS = (
    "0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011", "0012", "0013", "0014",
    "0015", "0016", "0017", "0018", "0019", "0020", "0021", "0022", "0023", "0024", "0025", "0026", "0027", "0028",
    "0029", "0030", "0031", "0032",
)  # fmt: skip
"""Every schema version that this code knows, oldest first; the last is the one it works on."""

metadata = MetaData()

NUMBER = BigInteger().with_variant(Integer(), "sqlite")
"""A number that the database gives, or that it gave elsewhere."""
_LIVE = "state NOT IN ('cancelled', 'finished')"


def _text(name: str, *, nullable: bool = False, default: str | None = "") -> Column[str]:
    return Column(name, Text, nullable=nullable, server_default=default)


def _free_text(name: str) -> Column[str]:
    return Column(name, FreeText, nullable=False, server_default="")


def _run_key() -> Column[int]:
    return Column("run", NUMBER, ForeignKey("run.run", ondelete="CASCADE"), primary_key=True, autoincrement=False)


def _task_key() -> tuple[Column[Any], Column[Any]]:
    return (
        Column("task_id", Text, primary_key=True),
        Column("map_index", Integer, primary_key=True, autoincrement=False),
    )


dag = Table(
    "dag",
    metadata,
    Column("dag_id", Text, primary_key=True),
    Column("version", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("cursor", Instant),
    Column("planned", Text),
    Column("changed_at", Instant, nullable=False),
    Column("alerting", Boolean, nullable=False, server_default=text("false")),
    Column("owner", NUMBER),
    Column("handover_until", Instant),
    Index("dag_file", "file"),
    Index("dag_owner", "owner"),
)

dag_spec = Table(
    "dag_spec",
    metadata,
    Column("spec", Text, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

dag_version = Table(
    "dag_version",
    metadata,
    Column("version", Text, primary_key=True),
    Column("dag_id", Text, nullable=False),
    Column("spec", Text, ForeignKey("dag_spec.spec"), nullable=False),
    Column("snapshot", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("variables", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("dag_version_dag", "dag_id", "created_at"),
)

source_file = Table(
    "source_file",
    metadata,
    Column("file", Text, primary_key=True),
    Column("sources", Text, nullable=False),
    Column("variables", LargeBinary, nullable=False),
    Column("refresh_s", Float),
    Column("parsed_at", Instant, nullable=False),
    Column("duration_s", Float, nullable=False),
    Column("problems", Text, nullable=False),
    Column("notes", Text, nullable=False, server_default="[]"),
)

run = Table(
    "run",
    metadata,
    Column("run", NUMBER, primary_key=True, autoincrement=True),
    Column("dag_id", Text, nullable=False),
    Column("run_id", Name, nullable=False),
    Column("kind", Enumerated(RunKind), nullable=False),
    Column("state", Enumerated(RunState), nullable=False),
    _text("version"),
    Column("created_at", Instant, nullable=False),
    Column("logical_date", Instant),
    Column("interval_start", Instant),
    Column("interval_end", Instant),
    Column("conf", Json, nullable=False, server_default="{}"),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    _free_text("reason"),
    Column("timed_out_at", Instant),
    Column("cancelled_at", Instant),
    Column("backfill", NUMBER),
    Column("subset", Json, nullable=False, server_default="[]"),
    Column("consumed", Json, nullable=False, server_default="{}"),
    UniqueConstraint("dag_id", "run_id", name="run_of_dag"),
    Index("run_state", "state", "run"),
    Index("run_dag_state", "dag_id", "state", "run"),
    Index("run_dag", "dag_id", "run"),
    Index("run_dag_date", "dag_id", "logical_date", "run"),
    sqlite_autoincrement=True,
)

task_instance = Table(
    "task_instance",
    metadata,
    _run_key(),
    *_task_key(),
    Column("state", Enumerated(TaskState), nullable=False),
    Column("try_number", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("losses", Integer, nullable=False, server_default="0"),
    _free_text("reason"),
    Column("queued_at", Instant),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    Column("due_at", Instant),
    _free_text("map_key"),
    sqlite_with_rowid=False,
)

attempt = Table(
    "try",
    metadata,
    _run_key(),
    *_task_key(),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("try_number", Integer, nullable=False),
    Column("executor", Text, nullable=False),
    Column("queued_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    Column("outcome", Enumerated(Outcome)),
    _free_text("error"),
    Column("pid", Integer),
    _free_text("worker"),
    Column("late_outcome", Enumerated(Outcome)),
    Column("late_at", Instant),
    # The few tries without an outcome are what a restart asks for, however many have ended.
    partial("try_open", "run", where="outcome IS NULL"),
    sqlite_with_rowid=False,
)

run_deletion = Table("run_deletion", metadata, _run_key(), sqlite_with_rowid=False)
"""A finished run whose values and logs are being deleted, before the run itself: nothing runs it again from then on."""

xcom = Table(
    "xcom",
    metadata,
    _run_key(),
    *_task_key(),
    Column("key", Name, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("length", Integer),
    sqlite_with_rowid=False,
)

rendered = Table(
    "rendered",
    metadata,
    _run_key(),
    *_task_key(),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("fields", Json, nullable=False),
    sqlite_with_rowid=False,
)

checkpoint = Table(
    "checkpoint",
    metadata,
    _run_key(),
    *_task_key(),
    Column("key", Name, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

request = Table(
    "request",
    metadata,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    _text("dag_id"),
    Column("asked", NUMBER, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("kind", Enumerated(QuarantineKind), nullable=False),
    _free_text("subject"),
    _text("dag_id"),
    Column("body", LargeBinary, nullable=False),
    _free_text("reason"),
    Column("at", Instant, nullable=False),
    Column("asked", NUMBER, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)

notice = Table(
    "notice",
    metadata,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("body", Text, nullable=False),
    Column("at", Instant, nullable=False),
    sqlite_autoincrement=True,
)

listener = Table(
    "listener",
    metadata,
    Column("provider", Text, primary_key=True),
    *(
        Column(name, NUMBER, nullable=False, server_default="0", autoincrement=False)
        for name in ("acknowledged", "failed", "missed")
    ),
    _free_text("broken"),
    _free_text("failure"),
    Column("failed_at", Instant),
)

alert_delivery = Table(
    "alert_delivery",
    metadata,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("channel", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("state", Enumerated(DeliveryState), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    _free_text("failure"),
    Index("alert_delivery_state", "state", "number"),
    sqlite_autoincrement=True,
)

alert = Table(
    "alert",
    metadata,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("channel", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("body", Text, nullable=False),
    Column("delivery", NUMBER, ForeignKey("alert_delivery.number", ondelete="CASCADE")),
    UniqueConstraint("channel", "key", name="alert_of_channel"),
    Index("alert_of_delivery", "delivery", "number"),
    # What has no delivery yet is little, however much was delivered.
    partial("alert_waiting", "channel", where="delivery IS NULL"),
    sqlite_autoincrement=True,
)

trouble = Table(
    "trouble",
    metadata,
    Column("key", Text, primary_key=True),
    Column("at", Instant, nullable=False),
)

backfill = Table(
    "backfill",
    metadata,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("dag_id", Text, nullable=False),
    Column("spec", LargeBinary, nullable=False),
    Column("state", Enumerated(BackfillState), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("done", Integer, nullable=False, server_default="0"),
    Column("cursor", Instant),
    Column("ended_at", Instant),
    _free_text("reason"),
    # One at a time of a DAG; few live, however many have ended.
    partial("backfill_live", "dag_id", unique=True, where=_LIVE),
    sqlite_autoincrement=True,
)

backfill_item = Table(
    "backfill_item",
    metadata,
    Column(
        "backfill", NUMBER, ForeignKey("backfill.number", ondelete="CASCADE"), primary_key=True, autoincrement=False
    ),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("logical_date", Instant, nullable=False),
    Column("action", Enumerated(BackfillAction), nullable=False),
    Column("run_id", Name, nullable=False),
    _free_text("reason"),
    sqlite_with_rowid=False,
)

connection = Table(
    "connection",
    metadata,
    Column("conn_id", Text, primary_key=True),
    Column("conn_type", Text, nullable=False),
    _free_text("description"),
    Column("encrypted", LargeBinary, nullable=False),
    Column("changed_at", Instant, nullable=False),
)

variable = Table(
    "variable",
    metadata,
    Column("key", Text, primary_key=True),
    _free_text("description"),
    Column("encrypted", LargeBinary, nullable=False),
    Column("changed_at", Instant, nullable=False),
)

pool = Table(
    "pool",
    metadata,
    Column("name", Text, primary_key=True),
    Column("slots", Integer, nullable=False),
    _free_text("description"),
    Column("rate_count", Integer),
    Column("rate_period_s", Float),
    Column("next_at", Instant),
)

meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)


def columns(table: Table, struct: type[msgspec.Struct]) -> list[Column[Any]]:
    """The columns that a struct's fields are stored in, in the fields' order: a row of them makes the struct."""
    return [table.c[name] for name in struct.__struct_fields__]
