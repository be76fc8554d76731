"""A plain store in memory, with the rules that a real one holds rows to."""

from datetime import datetime

from msgspec.structs import asdict, replace

from penstock.engine.messages import (
    BackfillAdded,
    DagUpdated,
    DateFound,
    Event,
    PastFound,
    RunAdded,
    RunVersionChanged,
    WantedDate,
    WantedPast,
)
from penstock.model.assets.event import AssetEvent, NewAssetEvent
from penstock.model.backfills.backfill import BackfillAction
from penstock.model.changes import Changes
from penstock.model.dag import DagSpec
from penstock.model.history.past_run import ENDED_WELL, PastRun
from penstock.model.request import Request
from penstock.model.run import NewRun, Run, RunKind, TaskKey
from penstock.model.state import RunState
from penstock.testing.simulation.rules.rows import Rows


class Store(Rows):
    """Everything that survives a crash of the scheduler.

    Attributes:
        lengths: Number of elements of the lists that tasks left, by instance and key.
        next_at: When the next task of a pool with a rate may start.
        events: Events of assets.
        taken: By DAG and asset, the last event that a run was made for.
        inbox: Requests that no step has handled, by number.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lengths: dict[tuple[TaskKey, str], int | None] = {}
        self.inbox: dict[int, Request] = {}
        self.requests = 0
        self.next_at: dict[str, datetime] = {}
        self.events: list[AssetEvent] = []
        self.taken: dict[str, dict[str, int]] = {}

    def put_dag(self, dag: DagSpec, *, paused: bool = False, active: bool = True) -> DagUpdated:
        """Store a version of a DAG and its switches."""
        version = f"{dag.dag_id}-{len(self.versions)}"
        old = self.dags.get(dag.dag_id)
        self.versions[version] = dag
        row = self.dags[dag.dag_id] = DagUpdated(dag, version, paused, active, old.cursor if old else None)
        return self.dag_updated(row)

    def dag_updated(self, row: DagUpdated) -> DagUpdated:
        """A DAG as the engine is told of it, with how far it has taken the events of assets."""
        condition, taken = row.dag.schedule.assets, self.taken.get(row.dag.dag_id, {})
        named = () if condition is None else condition.assets()
        newest = {a: max((e.number for e in self.events if e.asset == a), default=0) for a in named}
        return replace(row, assets={a: (taken.get(a), newest.get(a, 0)) for a in {**taken, **newest}})

    def create(self, new: NewRun, now: datetime) -> Run | None:
        """A run's row; None if one of that name exists."""
        if any((run.dag_id, run.run_id) == (new.dag_id, new.run_id) for run in self.runs.values()):
            return None
        if new.kind is RunKind.SCHEDULED and any(
            (run.dag_id, run.logical_date, run.kind) == (new.dag_id, new.logical_date, RunKind.BACKFILL)
            and not run.subset
            for run in self.runs.values()
        ):
            return None
        dates = (new.logical_date, new.interval_start, new.interval_end)
        run = Run(
            len(self.runs) + 1, new.dag_id, new.run_id, new.kind, RunState.QUEUED, new.version, now, *dates,
            backfill=new.backfill, subset=new.subset, consumed=new.consumed,
        )  # fmt: skip
        self.runs[run.run] = run
        return run

    def submit(self, request: Request) -> None:
        """Put a request into the inbox."""
        self.requests += 1
        self.inbox[self.requests] = request

    def write(self, changes: Changes, now: datetime) -> list[Run | AssetEvent]:
        """One transaction; the runs and the events of assets that it created."""
        if not changes:
            return []
        for key in changes.cleared:
            self.lengths = {ident: length for ident, length in self.lengths.items() if ident[0] != key}
        for xcom in changes.xcoms:
            self.lengths[TaskKey(xcom.run, xcom.task_id, xcom.map_index), xcom.key] = xcom.length
        self.next_at.update({used.pool: used.next_at for used in changes.rates})
        for number in changes.handled:
            del self.inbox[number]
        created = [run for new in changes.new_runs if (run := self.create(new, now)) is not None]
        self.apply(changes, created)
        for cursor in changes.asset_cursors:
            self.taken.setdefault(cursor.dag_id, {})[cursor.asset] = cursor.number
            if cursor.number is None:
                del self.taken[cursor.dag_id][cursor.asset]
        return [*created, *(event for new in changes.asset_events for event in self.add_event(new, now))]

    def add_event(self, new: NewAssetEvent, now: datetime) -> list[AssetEvent]:
        """Store an event of an asset; none if another has its key."""
        if new.key is not None and any((e.asset, e.key) == (new.asset, new.key) for e in self.events):
            return []
        self.events.append(AssetEvent(**asdict(new), number=len(self.events) + 1, at=now))
        return self.events[-1:]

    def run_added(self, number: int) -> RunAdded:
        """Everything of one run, as a restarted engine or one that has let go of it wants it."""
        run = self.runs[number]
        return RunAdded(
            run,
            self.versions[run.version or self.dags[run.dag_id].version],
            tuple(task for key, task in self.tasks.items() if key.run == number),
            tuple(a for a in self.tries.values() if a.run == number and a.outcome is None),
            {(key.task_id, key.map_index, name): n for (key, name), n in self.lengths.items() if key.run == number},
        )

    def version_changed(self, request: Request) -> list[Event]:
        """The version that a request names for its run, as an event; none if it names none."""
        version = getattr(request, "version", "")
        if not version:
            return []
        lengths = {
            (key.task_id, key.map_index, name): n for (key, name), n in self.lengths.items() if key.run == request.run
        }
        return [RunVersionChanged(request.run, self.versions[version], version, lengths)]

    def recovered(self) -> list[Event]:
        """What a new engine has to be told: the DAGs, the runs that have not ended, and those with a live try."""
        alive = {attempt.run for attempt in self.tries.values() if attempt.outcome is None}
        wanted = [number for number, run in self.runs.items() if not run.state.finished or number in alive]
        backfills = [BackfillAdded(row) for row in self.backfills.values() if not row.state.final]
        return [*map(self.dag_updated, self.dags.values()), *backfills, *(self.run_added(number) for number in wanted)]

    def past_found(self, past: WantedPast) -> PastFound:
        """Which run was before another."""
        before = [
            run
            for run in self.runs.values()
            if run.dag_id == past.dag_id
            and run.logical_date
            and run.logical_date < past.logical_date
            and run.state is not RunState.SKIPPED
        ]
        if not before:
            return PastFound(past.run, None)
        run = max(before, key=lambda each: (each.logical_date, each.run))
        left = sorted(
            (key, row.state) for key, row in self.tasks.items() if key.run == run.run and row.state not in ENDED_WELL
        )
        found = {key.task_id: (str(key), state.value) for key, state in reversed(left)}
        names = {task.task_id for task in self.versions[run.version].tasks} if run.version else found.keys()
        found = {task_id: each for task_id, each in found.items() if task_id in names}
        return PastFound(past.run, PastRun(run.run, run.run_id, run.logical_date, run.version, found))

    def date_found(self, date: WantedDate) -> list[Event]:
        """What there is of a date that the engine wants to know of."""
        at = date.interval.start
        of_date = [run for run in self.runs.values() if (run.dag_id, run.logical_date) == (date.spec.dag_id, at)]
        run = of_date[-1] if of_date else None
        found, change = [], None
        if run is not None and date.spec.action(run)[0] is BackfillAction.RERUN:
            found = [self.run_added(run.run)]
            row = self.dags[run.dag_id]
            change = RunVersionChanged(run.run, row.dag, row.version) if row.version != run.version else None
        return [*found, DateFound(date.backfill, date.ordinal, run, change)]
