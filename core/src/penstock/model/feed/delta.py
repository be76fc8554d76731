"""Deltas: what has changed, each whole, so that the newest one of a thing is all that there is to know of it."""

from datetime import datetime

import msgspec

from penstock.model.backfills.backfill import BackfillState
from penstock.model.run import UNMAPPED, RunKind
from penstock.model.state import RunState, TaskState


class TaskDelta(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="task"):
    """A task instance is new or has changed; fields as in `penstock.model.run.TaskInstance`.

    Attributes:
        dag_id, run_id: Of its run; "" until the delta is read, because the database knows them already.
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
    map_key: str = ""
    dag_id: str = ""
    run_id: str = ""

    @property
    def thing(self) -> tuple[object, ...]:
        """What has changed: of two deltas with the same one the later says all."""
        return ("task", self.run, self.task_id, self.map_index)


class TaskRemoved(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="task_removed"):
    """A task instance is no more: the placeholder of a mapped task, once its instances exist. Fields as in `TaskDelta`."""

    run: int
    task_id: str
    map_index: int = UNMAPPED
    dag_id: str = ""
    run_id: str = ""

    @property
    def thing(self) -> tuple[object, ...]:
        """As `TaskDelta.thing`, and the same for the same task instance."""
        return ("task", self.run, self.task_id, self.map_index)


class RunDelta(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="run"):
    """A run is new or has changed; fields as in `penstock.model.run.Run`.

    Attributes:
        asked_by: What asked for it: the run's ``kind``.
    """

    run: int
    dag_id: str
    run_id: str
    asked_by: RunKind
    state: RunState
    version: str
    created_at: datetime
    logical_date: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    reason: str = ""
    backfill: int | None = None

    @property
    def thing(self) -> tuple[object, ...]:
        """As `TaskDelta.thing`."""
        return ("run", self.run)


class RunDeleted(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="run_deleted"):
    """A run was deleted, with all that belonged to it."""

    run: int
    dag_id: str
    run_id: str

    @property
    def thing(self) -> tuple[object, ...]:
        """As `TaskDelta.thing`, and the same for the same run."""
        return ("run", self.run)


class DagDelta(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="dag"):
    """Something about a DAG has changed: its version, its switches, its next run, or that it is there. It is to be read anew."""

    dag_id: str

    @property
    def thing(self) -> tuple[object, ...]:
        """As `TaskDelta.thing`."""
        return ("dag", self.dag_id)


class DagDeleted(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="dag_deleted"):
    """A DAG was deleted, with all that belonged to it.

    Attributes:
        tags: Those that it had: who sees DAGs by their tags could not be told otherwise.
    """

    dag_id: str
    tags: tuple[str, ...] = ()

    @property
    def thing(self) -> tuple[object, ...]:
        """As `TaskDelta.thing`, and the same for the same DAG."""
        return ("dag", self.dag_id)


class BackfillDelta(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="backfill"):
    """A backfill is new or has come further; fields as in `penstock.model.backfills.backfill.Backfill`."""

    number: int
    dag_id: str
    state: BackfillState
    done: int = 0
    ended_at: datetime | None = None
    reason: str = ""

    @property
    def thing(self) -> tuple[object, ...]:
        """As `TaskDelta.thing`."""
        return ("backfill", self.number)


class BackfillDeleted(msgspec.Struct, frozen=True, tag_field="kind", tag="backfill_deleted"):
    """A backfill was deleted."""

    number: int
    dag_id: str

    @property
    def thing(self) -> tuple[object, ...]:
        """As `TaskDelta.thing`, and the same for the same backfill."""
        return ("backfill", self.number)


class AssetDelta(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="asset_event"):
    """An event of an asset is new; fields as in `penstock.model.assets.event.AssetEvent`.

    Attributes:
        dag_id: Of the task that made it; "" if a person or a watcher has told of it.
    """

    number: int
    asset: str
    at: datetime
    dag_id: str = ""

    @property
    def thing(self) -> tuple[object, ...]:
        """As `TaskDelta.thing`."""
        return ("asset_event", self.number)


class FileDelta(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="file"):
    """A DAG file was imported, or is gone.

    Attributes:
        problems: How many reasons it could not be imported for.
    """

    file: str
    problems: int = 0

    @property
    def thing(self) -> tuple[object, ...]:
        """As `TaskDelta.thing`."""
        return ("file", self.file)

    @property
    def dag_id(self) -> str:
        """Empty: it is about no DAG."""
        return ""


class PoolsDelta(msgspec.Struct, frozen=True, tag_field="kind", tag="pools"):
    """Some pool was set or deleted. All are to be read anew."""

    @property
    def thing(self) -> tuple[object, ...]:
        """As `TaskDelta.thing`."""
        return ("pools",)

    @property
    def dag_id(self) -> str:
        """Empty: it is about no DAG."""
        return ""


class AuditDelta(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="audit"):
    """Somebody has asked for something: the audit and, if it was about no DAG, what people set are to be read anew.

    Those are connections, Variables, pools, users, teams, tokens and what is in quarantine. It says no more, so that none of their
    names is told to who may not see them.

    Attributes:
        dag_id: The DAG that it was about; "" if it was something else.
    """

    dag_id: str = ""

    @property
    def thing(self) -> tuple[object, ...]:
        """As `TaskDelta.thing`."""
        return ("audit", self.dag_id)


class HealthDelta(msgspec.Struct, frozen=True, tag_field="kind", tag="health"):
    """Services, executors, metrics sinks, the log shipper or watchers of assets fare otherwise. They are to be asked for anew.

    These report into files and not into the database: a stream that is open tells of it, and it has no place of its own.
    """

    @property
    def thing(self) -> tuple[object, ...]:
        """As `TaskDelta.thing`."""
        return ("health",)

    @property
    def dag_id(self) -> str:
        """Empty: it is about no DAG."""
        return ""


Delta = (
    TaskDelta | TaskRemoved | RunDelta | RunDeleted | DagDelta | DagDeleted
    | BackfillDelta | BackfillDeleted | AssetDelta | FileDelta | PoolsDelta | AuditDelta
    | HealthDelta
)  # fmt: skip
"""What is told of one thing that has changed."""
