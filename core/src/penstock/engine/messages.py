"""What goes into a step and what comes out of it, besides the events of executors and the requests of users."""

from datetime import datetime

import msgspec

from penstock.engine.limits.pool import PoolRate
from penstock.model.attempt import Gathered
from penstock.model.backfills.backfill import Backfill, BackfillSpec
from penstock.model.changes import Changes
from penstock.model.dag import DagSpec, TaskSpec, XComRef
from penstock.model.history.past_run import PastRun
from penstock.model.request import CancelRun, ClearTasks, MarkRun, MarkTask, SetBackfill
from penstock.model.run import Run, TaskInstance, TaskKey, Try
from penstock.model.schedule import DataInterval
from penstock.spec.executor import ExecutorEvent

LONGEST_WAIT_S = 30.0
"""Seconds after which a shell steps the engine, whatever it waits for."""


class DagUpdated(msgspec.Struct, frozen=True):
    """A DAG is new, has a new version, or was paused, unpaused or retired.

    Attributes:
        active: False if no file defines it any more; then no new run is created.
        cursor: When the last scheduled run that was created fell due.
        last_due: When the last one did so until now, if the cursor is ahead of the clock, which was wrong then; None if it is not, or
            no such run is kept: for all that is known, it is the present clock that is wrong.
        assets: By asset that its schedule names, or that it had waited for: the number of the last event that it has taken, None
            if it never has, and that of the last event that there is, 0 without one.
    """

    dag: DagSpec
    version: str
    paused: bool
    active: bool
    cursor: datetime | None = None
    assets: dict[str, tuple[int | None, int]] = {}
    last_due: datetime | None = None


class RunAdded(msgspec.Struct, frozen=True):
    """A run exists that the engine does not know yet: a new one, or one that lives on after a restart.

    A run that has ended is taken over for the step in which it comes, so that a `ClearTasks`, `MarkTask` or `MarkRun` of the same
    step finds it; and for longer if it has a live try, which is then cancelled.

    Attributes:
        dag: The version that the run is pinned to.
        tasks: Its task instances; empty if it has not started.
        tries: Its tries without an outcome. Those whose instance is not live were cancelled, and are cancelled again.
        lengths: Number of elements of each value that its tasks left and others are mapped over, by task, map index and key; None
            for one that is no list or dict.
    """

    run: Run
    dag: DagSpec
    tasks: tuple[TaskInstance, ...] = ()
    tries: tuple[Try, ...] = ()
    lengths: dict[tuple[str, int, str], int | None] = {}


class RunVersionChanged(msgspec.Struct, frozen=True):
    """A run is to go on with another version of its DAG; nothing happens while a try of it lives.

    What has ended stays as it is; tasks that the version adds run, and unfinished ones that it does not have are dropped.

    Attributes:
        lengths: As in `RunAdded`, for what the version is mapped over.
    """

    run: int
    dag: DagSpec
    version: str
    lengths: dict[tuple[str, int, str], int | None] = {}


class BackfillAdded(msgspec.Struct, frozen=True):
    """A backfill lives that the engine does not know yet: a new one, or one that lives on after a restart, then before its runs."""

    backfill: Backfill


class WantedDate(msgspec.Struct, frozen=True):
    """A date of a backfill of which the engine wants to know whether there is a run.

    Attributes:
        ordinal: Its place in the backfill's order, from 1.
        spec: The backfill's.
    """

    backfill: int
    ordinal: int
    interval: DataInterval
    spec: BackfillSpec


class DateFound(msgspec.Struct, frozen=True):
    """What there is of a date that was wanted.

    Attributes:
        run: The newest run of the date; None if there is none. One that is to run again came as a `RunAdded` before.
        change: The version that this run is then to go on with; None if it keeps its own.
    """

    backfill: int
    ordinal: int
    run: Run | None
    change: RunVersionChanged | None = None


class WantedPast(msgspec.Struct, frozen=True):
    """A run of which the engine wants to know which run was before it, among those that it does not hold."""

    run: int
    dag_id: str
    logical_date: datetime


class PastFound(msgspec.Struct, frozen=True):
    """The run before another by logical date, as it is stored; None if there is none."""

    run: int
    past: PastRun | None


class PoolsUpdated(msgspec.Struct, frozen=True):
    """All pools with their numbers of slots, and the rates of those that have one."""

    slots: dict[str, int]
    rates: dict[str, PoolRate] = {}


class ClockRead(msgspec.Struct, frozen=True):
    """What the clock read when it was believed last, before this engine began to read it; told behind all DAGs."""

    at: datetime


class AssetEventAdded(msgspec.Struct, frozen=True):
    """An event of an asset is stored, or is so in this very transaction; its number is larger than that of any before it."""

    asset: str
    number: int


class DagLost(msgspec.Struct, frozen=True):
    """A DAG has another owner, or none; it must have no live try, and is forgotten with its runs."""

    dag_id: str


class DagHeld(msgspec.Struct, frozen=True):
    """No try of a DAG begins, until those that run have ended and another scheduler owns it, or this is taken back.

    Attributes:
        reason: Why, as a sentence; "" to have it go on.
    """

    dag_id: str
    reason: str


class SharesLent(msgspec.Struct, frozen=True):
    """How much of each limit that crosses schedulers may be used here, by its key; of one that is not named, nothing."""

    shares: dict[str, int]


class CapacityChanged(msgspec.Struct, frozen=True):
    """An executor wants to hold so many tries at once; None for any number.

    Attributes:
        draining: Whether it is to hold none because the scheduler is about to end.
    """

    executor: str
    capacity: int | None
    draining: bool = False


class TryInterrupted(msgspec.Struct, frozen=True):
    """A try ended because the scheduler that ran it did, and nothing says that this was the try's own doing."""

    key: TaskKey
    epoch: int
    at: datetime
    reason: str


Event = (
    DagUpdated
    | DagLost
    | DagHeld
    | SharesLent
    | RunAdded
    | RunVersionChanged
    | BackfillAdded
    | DateFound
    | PastFound
    | PoolsUpdated
    | AssetEventAdded
    | CapacityChanged
    | ClockRead
    | CancelRun
    | ClearTasks
    | MarkTask
    | MarkRun
    | SetBackfill
    | TryInterrupted
    | ExecutorEvent
)


class Dispatch(msgspec.Struct, frozen=True):
    """Hand a try of this instance to an executor; carried out after the changes are stored.

    Attributes:
        gathered: How much the mapped tasks left whose values it takes, or is mapped over.
    """

    executor: str
    instance: TaskInstance
    task: TaskSpec
    run: Run
    waited_s: float = 0.0
    gathered: dict[XComRef, Gathered] = {}


class Kill(msgspec.Struct, frozen=True):
    """End a live try; its executor answers."""

    executor: str
    key: TaskKey
    epoch: int
    reason: str


class Step(msgspec.Struct, frozen=True):
    """What one step decided.

    Attributes:
        changes: Rows to persist in one transaction before any command is carried out.
        dispatches, kills: The commands.
        wait_s: Seconds until the engine has to be stepped again even if nothing happens, 0 or more; None if no timer is set.
            A shell waits no longer than `LONGEST_WAIT_S`, because the time of day may be set forward meanwhile.
    """

    changes: Changes
    dispatches: tuple[Dispatch, ...]
    kills: tuple[Kill, ...]
    wait_s: float | None
