"""The tables of tries on other machines, and of the workers there. See `penstock.store.sql.tables`."""

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, LargeBinary, Table, Text

from penstock.store.sql.column_types import FreeText, Instant, Name
from penstock.store.sql.partial_index import partial
from penstock.store.sql.tables import NUMBER, metadata

remote_try = Table(
    "remote_try",
    metadata,
    Column("name", Text, primary_key=True),
    Column("run", NUMBER, ForeignKey("run.run", ondelete="CASCADE"), nullable=False),
    Column("task_id", Name, nullable=False),
    Column("map_index", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("dag_id", Name, nullable=False),
    Column("run_id", Name, nullable=False),
    Column("executor", Name, nullable=False),
    Column("queue", Name, nullable=False),
    Column("owner", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("received", Text, nullable=False),
    Column("request", LargeBinary, nullable=False),
    Column("lease_s", Float, nullable=False),
    Column("offered_at", Instant, nullable=False),
    Column("claim", Text, nullable=False, server_default=""),
    Column("worker", Text, nullable=False, server_default=""),
    Column("claimed_at", Instant),
    Column("ended_at", Instant),
    Column("ended", LargeBinary),
    Column("note", FreeText, nullable=False, server_default=""),
    Column("cancelled", FreeText, nullable=False, server_default=""),
    Index("remote_try_run", "run"),
    Index("remote_try_worker", "worker"),
    # What a scheduler has not heard of yet, whatever else is there.
    partial("remote_try_news", "owner", "executor", where="state <> received"),
)
"""A try that was handed to a remote executor, until its scheduler has stored how it ended. See `penstock.store.remote`."""

remote_worker = Table(
    "remote_worker",
    metadata,
    Column("worker", Text, primary_key=True),
    Column("executor", Name, nullable=False),
    Column("queues", FreeText, nullable=False),
    Column("host", FreeText, nullable=False),
    Column("version", Text, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("running", Integer, nullable=False),
    Column("draining", Boolean, nullable=False),
    Column("drain_requested", Boolean, nullable=False),
    # Counted, and not dated: the clocks of machines differ, and a reader has one of its own.
    Column("beats", NUMBER, nullable=False),
    Column("period_s", Float, nullable=False),
    # What a worker says of itself, as it says how many it runs: to count its tries costs no look at them.
    Column("done", NUMBER, nullable=False, server_default="0"),
    Column("failed", NUMBER, nullable=False, server_default="0"),
    Column("taken_s", Float, nullable=False, server_default="0"),
    Column("load", Float),
    Column("started_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Index("remote_worker_executor", "executor"),
)
"""A worker that has said something lately."""
