"""Requests of users and tasks to the scheduler: durable rows that it handles in order, each exactly once."""

from datetime import datetime
from typing import Any

import msgspec

from penstock.decoders import json_decoder


class RunRequested(msgspec.Struct, frozen=True, tag="run_requested"):
    """A run was created from outside (its row exists, queued) and wants to start."""

    run: int


class CancelRun(msgspec.Struct, frozen=True, tag="cancel_run"):
    """A run is to be cancelled, its live tries killed; ``by`` says who asked."""

    run: int
    by: str = ""


class ClearTasks(msgspec.Struct, frozen=True, tag="clear_tasks"):
    """Task instances are to run again, as if they had not.

    Attributes:
        tasks: Ids of the tasks to clear; empty for all of the run.
        downstream: Whether everything downstream of them is cleared, too.
        only_failed: Whether instances that did not fail are left alone.
        map_index: The only index that is cleared of the named tasks; None for all.
        version: The version of its DAG that the run goes on with; "" for its own.
        keep_steps: Whether what they keep from try to try stays: the steps that they have done, and their other checkpoints.
    """

    run: int
    tasks: tuple[str, ...] = ()
    downstream: bool = True
    only_failed: bool = False
    map_index: int | None = None
    version: str = ""
    keep_steps: bool = False


class MarkTask(msgspec.Struct, frozen=True, tag="mark_task"):
    """A task instance is to be set to ``success``, ``failed`` or ``skipped`` by a person; ``version`` as in `ClearTasks`."""

    run: int
    task_id: str
    map_index: int
    state: str
    version: str = ""


class MarkRun(msgspec.Struct, frozen=True, tag="mark_run"):
    """A run is to end as ``success`` or ``failed`` by a person's word; its live tries are killed, its teardowns still run."""

    run: int
    state: str


class DagChanged(msgspec.Struct, frozen=True, tag="dag_changed"):
    """A DAG was stored, paused, unpaused or retired: look at its row again."""

    dag_id: str


class PoolsChanged(msgspec.Struct, frozen=True, tag="pools_changed"):
    """Pools were added, resized or deleted: look at them again."""


class TriggerDagRun(msgspec.Struct, frozen=True, tag="trigger_dag_run"):
    """A task asked for a run of another DAG; a second request under the same ``run_id`` changes nothing."""

    dag_id: str
    run_id: str
    conf: dict[str, Any] = {}
    logical_date: datetime | None = None


class ReportAssetEvent(msgspec.Struct, frozen=True, tag="report_asset_event"):
    """Somebody outside says that something has happened to an asset; a second one of the same ``key`` changes nothing."""

    asset: str
    extra: dict[str, Any] = {}
    key: str | None = None


class BackfillRequested(msgspec.Struct, frozen=True, tag="backfill_requested"):
    """A backfill was made (its row exists, running) and wants to begin."""

    backfill: int


class SetBackfill(msgspec.Struct, frozen=True, tag="set_backfill"):
    """A backfill is to be ``paused``, ``running`` or ``cancelled``; ``by`` says who asked."""

    backfill: int
    state: str
    by: str = ""


Request = (
    RunRequested
    | CancelRun
    | ClearTasks
    | MarkTask
    | MarkRun
    | DagChanged
    | PoolsChanged
    | TriggerDagRun
    | BackfillRequested
    | SetBackfill
    | ReportAssetEvent
)


class UnreadableRequest(msgspec.Struct, frozen=True):
    """A stored request that this version cannot read: another one, or somebody else, has written it.

    Attributes:
        body: As it is stored.
        problem: Why it cannot be read.
    """

    body: bytes
    problem: str


_decode = json_decoder(Request).decode


def encode(request: Request | UnreadableRequest) -> bytes:
    """A request as it is stored."""
    return request.body if isinstance(request, UnreadableRequest) else msgspec.json.encode(request)


def decode(body: bytes) -> Request | UnreadableRequest:
    """The request of a stored body."""
    try:
        found: Request = _decode(body)
    except (ValueError, RecursionError) as error:  # of msgspec, or of UTF-8
        return UnreadableRequest(body, f"it cannot be read: {error}")
    return found
