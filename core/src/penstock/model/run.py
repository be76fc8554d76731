"""A run, its task instances and their tries, as rows that are stored and read back."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from penstock.model.schedule import DataInterval
from penstock.model.state import Outcome, RunState, TaskState
from penstock.model.text import shortened

UNMAPPED = -1
_SHOWN_KEY = 60
"""Characters of a key that stand beside an index."""


class TaskKey(NamedTuple):
    """Names one task instance: the run's number, the task, and the index in a mapping (-1 if it is not mapped)."""

    run: int
    task_id: str
    map_index: int = UNMAPPED

    def __str__(self) -> str:
        """The task, with its index if it is mapped."""
        return self.task_id if self.map_index == UNMAPPED else f"{self.task_id}[{self.map_index}]"


class RunKind(StrEnum):
    """What asked for a run."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"
    BACKFILL = "backfill"
    TRIGGERED = "triggered"
    ASSET = "asset_triggered"


class NewRun(msgspec.Struct, frozen=True):
    """A run that does not exist yet.

    Attributes:
        run_id: Unique within the DAG, such as ``scheduled__2026-01-01T00:00:00+00:00``.
        logical_date: The instant the run stands for; None for a run without one.
        interval_start, interval_end: The data interval, start inclusive, end exclusive.
        conf: What the person or DAG that asked for the run passed; overrides the DAG's params.
        version: Content hash of the DAG that the run is pinned to; "" for the newest when it starts.
        backfill: Number of the backfill that it belongs to.
        subset: Ids of the only tasks that it has; empty for all of its version.
        consumed: By asset, which of its events the run is made for: those after the first of two numbers, up to the second.
    """

    dag_id: str
    run_id: str
    kind: RunKind
    logical_date: datetime | None
    interval_start: datetime | None
    interval_end: datetime | None
    conf: dict[str, Any] = {}
    version: str = ""
    backfill: int | None = None
    subset: list[str] = []
    consumed: dict[str, list[int]] = {}

    @classmethod
    def scheduled(cls, dag_id: str, interval: DataInterval, version: str) -> "NewRun":
        """Make the run of a data interval; its id names the logical date, so that no interval can get two."""
        run_id = f"scheduled__{interval.start.isoformat()}"
        return cls(dag_id, run_id, RunKind.SCHEDULED, interval.start, *interval, version=version)

    @classmethod
    def manual(
        cls,
        dag_id: str,
        run_id: str,
        logical_date: datetime | None,
        interval: DataInterval | None,
        *,
        conf: Mapping[str, Any] | None = None,
        version: str = "",
    ) -> "NewRun":
        """Make a run that a person asked for."""
        start, end = interval or (None, None)
        return cls(dag_id, run_id, RunKind.MANUAL, logical_date, start, end, conf=dict(conf or {}), version=version)

    @classmethod
    def triggered(
        cls,
        dag_id: str,
        run_id: str,
        logical_date: datetime | None,
        interval: DataInterval | None,
        *,
        conf: Mapping[str, Any],
        version: str,
    ) -> "NewRun":
        """Make a run that a task of another DAG asked for."""
        start, end = interval or (None, None)
        return cls(dag_id, run_id, RunKind.TRIGGERED, logical_date, start, end, conf=dict(conf), version=version)

    @classmethod
    def of_assets(cls, dag_id: str, at: datetime, consumed: dict[str, list[int]], version: str) -> "NewRun":
        """Make a run for events of assets; its id names the newest of them, so that no event can make two."""
        newest = max(upto for _, upto in consumed.values())
        run_id = f"asset_triggered__{at.isoformat()}__{newest}"
        return cls(dag_id, run_id, RunKind.ASSET, None, None, None, version=version, consumed=consumed)


class Run(msgspec.Struct, frozen=True):
    """A run as stored.

    Attributes:
        run: Its number in this database.
        timed_out_at: When it was ended because it took longer than its DAG allows; its teardowns may go on after that.
        cancelled_at: When it was cancelled; its teardowns may go on after that.
        backfill: Number of the backfill that had it run last; None if none had.
        subset, consumed: As in `NewRun`.
    """

    run: int
    dag_id: str
    run_id: str
    kind: RunKind
    state: RunState
    version: str
    created_at: datetime
    logical_date: datetime | None = None
    interval_start: datetime | None = None
    interval_end: datetime | None = None
    conf: dict[str, Any] = {}
    started_at: datetime | None = None
    ended_at: datetime | None = None
    reason: str = ""
    timed_out_at: datetime | None = None
    cancelled_at: datetime | None = None
    backfill: int | None = None
    subset: list[str] = []
    consumed: dict[str, list[int]] = {}


class TaskInstance(msgspec.Struct, frozen=True):
    """A task instance as stored.

    Attributes:
        try_number: User-visible tries begun so far; a lost try is repeated under the same number.
        epoch: Dispatches so far; every dispatch has a new one, and only the newest counts.
        reason: Why it is in its state, as a sentence.
        due_at: Since when its last try could start, but for limits: its upstream was done, or its retry due. Of one that waits for a
            retry, when that may start. None before it was ready.
        failures: Failed tries since it was last cleared.
        losses: Lost tries since the last one that answered; at a limit the task fails.
        map_key: What its task's ``map_index_template`` gave in the last try; "" if it has none. Two may have the same.
    """

    run: int
    task_id: str
    map_index: int
    state: TaskState
    try_number: int = 0
    epoch: int = 0
    reason: str = ""
    queued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    due_at: datetime | None = None
    failures: int = 0
    losses: int = 0
    map_key: str = ""

    @property
    def label(self) -> str:
        """The instance as people name it: the task, with index and key if it is mapped."""
        return f"{self.key} ({shortened(self.map_key, _SHOWN_KEY)})" if self.map_key else str(self.key)

    @property
    def key(self) -> TaskKey:
        """The instance's name."""
        return TaskKey(self.run, self.task_id, self.map_index)


class Try(msgspec.Struct, frozen=True):
    """One dispatch of a task instance as stored; ``outcome`` is None while it lives.

    Attributes:
        worker: The worker or the machine that has it, or had it; "" if none has taken it, or it is not known.
    """

    run: int
    task_id: str
    map_index: int
    epoch: int
    try_number: int
    executor: str
    queued_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: Outcome | None = None
    error: str = ""
    pid: int | None = None
    worker: str = ""


class Rendered(msgspec.Struct, frozen=True):
    """The fields of a try that held templates, as they were rendered.

    Attributes:
        fields: Text by the field's name.
    """

    run: int
    task_id: str
    map_index: int
    epoch: int
    fields: dict[str, str]


class XCom(msgspec.Struct, frozen=True):
    """A value that a task left for others: JSON text, or a reference to an object store.

    Attributes:
        value: The JSON text of the value; for a large one, of a reference to it (`penstock.model.values.value`).
        length: Number of elements if the value is a list or a dict, else None: what a mapping needs to know.
    """

    run: int
    task_id: str
    map_index: int
    key: str
    value: bytes
    length: int | None = None
