"""What the engine holds in memory of a DAG: its newest version, its limits, and which of its runs wait."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from penstock.engine.graph.dated_runs import DatedRuns
from penstock.engine.limits.resource import UNLIMITED, Resource
from penstock.model.run import Run, RunKind

if TYPE_CHECKING:
    from penstock.engine.assets.asset_queue import AssetQueue
    from penstock.engine.graph.live_backfill import LiveBackfill
    from penstock.engine.messages import DagUpdated
    from penstock.model.dag import DagSpec, TaskSpec

NEVER = datetime.min.replace(tzinfo=UTC)


class LiveDag:
    """What the engine knows of one DAG.

    Attributes:
        row: The newest version and its switches; None for a DAG of which only old runs are known.
        running: Numbers of its running runs, and of others while a try of them lives that was told to end.
        queued: Numbers of its queued runs, oldest first; those of its backfill wait there.
        backfill: Its backfill, if one lives.
        waiting: The fresh ones among them that its schedule made, oldest first.
        cursor_ahead: Where its cursor was when the clock was set back behind it; its runs up to there have been made.
        cursor_set: Whether its cursor was set back for good, and is to be stored.
        watched_since: The instant since which no run of its schedule falls due unseen.
        wake_at: The earliest instant for which its timer is set; None if it is not.
        held: Why no try of it begins although it is not paused, as a sentence; else "".
        active_tasks: Its tasks at once.
        task_limits: Instances at once of each of its tasks that has such a limit, by id.
        dated: Its live runs by logical date.
        assets: The events of assets that no run of it was made for; None if its schedule names no asset.
    """

    __slots__ = (
        "_dag_id",
        "active_tasks",
        "assets",
        "backfill",
        "cursor",
        "cursor_ahead",
        "cursor_set",
        "dated",
        "held",
        "max_active_runs",
        "queued",
        "row",
        "running",
        "task_limits",
        "waiting",
        "wake_at",
        "watched_since",
    )

    def __init__(self, dag_id: str) -> None:
        self._dag_id = dag_id
        self.row: DagUpdated | None = None
        self.running: set[int] = set()
        self.queued: deque[int] = deque()
        self.backfill: LiveBackfill | None = None
        self.waiting: deque[int] = deque()
        self.watched_since = NEVER
        self.cursor: datetime | None = None
        self.cursor_ahead: datetime | None = None
        self.cursor_set = False
        self.wake_at: datetime | None = None
        self.max_active_runs = 0
        self.held = ""
        self.active_tasks = Resource(f"DAG {dag_id!r} (max_active_tasks)", 0)
        self.task_limits: dict[str, Resource] = {}
        self.dated = DatedRuns()
        self.assets: AssetQueue | None = None

    def enqueue(self, run: Run, *, fresh: bool) -> None:
        """Have a queued run wait for its turn; nothing of a fresh one has begun, nor was cleared by a person."""
        backfill = self.backfill_of(run)
        if backfill is not None:
            backfill.runs.add(run.run)
            backfill.queued.append(run.run)
            return
        self.queued.append(run.run)
        if fresh and run.kind is RunKind.SCHEDULED:
            self.waiting.append(run.run)

    def queue_again(self, run: Run) -> None:
        """Have a running run wait before all others: it gave up its place."""
        self.running.discard(run.run)
        backfill = self.backfill_of(run)
        (self.queued if backfill is None else backfill.queued).appendleft(run.run)

    def leave_queue(self, number: int) -> None:
        """Have a run wait no more, if it does."""
        for queue in (self.queued, self.waiting, *([] if self.backfill is None else [self.backfill.queued])):
            if queue and queue[0] == number:
                queue.popleft()
            elif number in queue:
                queue.remove(number)

    def next_queued(self) -> int | None:
        """The queued run that is to start next, those of the backfill after all others; None if none may."""
        if len(self.running) >= self.max_active_runs:
            return None
        if self.queued:
            return self.queued[0]
        return None if self.backfill is None else self.backfill.next_queued(self.running)

    def backfill_of(self, run: Run) -> LiveBackfill | None:
        """The backfill that a run belongs to; None once that is being cancelled: who clears it then wants the run, and not the backfill."""
        backfill = self.backfill
        if backfill is None or run.backfill != backfill.row.number or not backfill.going:
            return None
        return backfill

    def set_limits(self, dag: DagSpec) -> None:
        """Set the limits that a version declares; 0 means none."""
        self.max_active_runs = dag.max_active_runs or UNLIMITED
        self.active_tasks.limit = dag.max_active_tasks or UNLIMITED
        declared = {task.task_id: number for task in dag.tasks if (number := task.max_active_per_dag) is not None}
        for task_id in declared:
            self._limit(task_id)
        for task_id, limit in self.task_limits.items():
            limit.limit = declared.get(task_id, UNLIMITED)

    def limit_of(self, task: TaskSpec) -> Resource | None:
        """The instances at once of a task over all runs, whose number is that of the newest version; None without a limit."""
        if task.max_active_per_dag is not None:
            self._limit(task.task_id)
        return self.task_limits.get(task.task_id)

    def _limit(self, task_id: str) -> None:
        if task_id not in self.task_limits:
            label = f"task {task_id!r} of DAG {self._dag_id!r} (max_active_tis_per_dag)"
            self.task_limits[task_id] = Resource(label, UNLIMITED)
