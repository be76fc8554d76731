"""Turns what the store holds, and the requests in its inbox, into arrivals: events of the engine, one thing at a time.

What cannot be read or turned into an event is an arrival with a fault, and nobody else's.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial

from msgspec.structs import replace

from penstock.engine.limits.pool import PoolRate
from penstock.engine.messages import (
    AssetEventAdded,
    BackfillAdded,
    ClockRead,
    DagUpdated,
    DateFound,
    Event,
    PastFound,
    PoolsUpdated,
    RunAdded,
    RunVersionChanged,
    WantedDate,
    WantedPast,
)
from penstock.errors import ConfigError, DataRefusedError, DataUnreadableError, StoreError
from penstock.model.assets.event import AssetEvent, NewAssetEvent
from penstock.model.backfills.backfill import BackfillAction
from penstock.model.dag import DagSpec
from penstock.model.limits.clock_difference import MOST_DIFFERENCE
from penstock.model.limits.rate import Rate
from penstock.model.names import error_sentence
from penstock.model.request import (
    BackfillRequested,
    CancelRun,
    ClearTasks,
    DagChanged,
    MarkRun,
    MarkTask,
    PoolsChanged,
    ReportAssetEvent,
    Request,
    RunRequested,
    SetBackfill,
    TriggerDagRun,
    UnreadableRequest,
)
from penstock.model.run import NewRun, Run
from penstock.scheduler.arrival import Arrival, of_event
from penstock.scheduler.sharing.ownership import Ownership
from penstock.store import DagState, RunSnapshot, Store, UnreadableBackfill, UnreadableDag, UnreadableRun, planned_dag

SETTLED_S = 5.0
"""Seconds within which every other scheduler has seen that one has joined."""


class Inbox:
    """Reads the store for the engine.

    Args:
        knows: Whether the engine holds a run in memory.
        ownership: Which DAGs are decided on here.
        now: The present, if it schedules.

    Attributes:
        unowned: Whether something is about a DAG that was not owned here when it was taken: nobody may own it.
    """

    def __init__(
        self,
        store: Store,
        knows: Callable[[int], bool],
        ownership: Ownership | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._store, self._knows = store, knows
        self._ownership = ownership or Ownership(store.role, lambda _: False)
        self._last = 0
        self._first = False
        self._now = now
        self.unowned = False

    def take(self) -> list[Arrival]:
        """The requests that have come in since the last call, in their order."""
        with self._store.view():
            return self._come()

    def _come(self) -> list[Arrival]:
        owner = self._ownership.owner
        if owner is None:
            pending = self._store.requests.pending(self._last)
            self._last = pending[-1][0] if pending else self._last
            return self._taken(pending)
        # What is about no DAG is for the first scheduler; one that becomes it takes what the one before has left.
        first, became_first = self._ownership.first, self._ownership.first and not self._first
        found = self._store.requests.pending_for(owner, 0 if became_first else self._last)
        new = [(number, dag_id, request) for number, dag_id, request in found if number > self._last or not dag_id]
        self._last, self._first = max([self._last, *(number for number, *_ in new)]), first
        self.unowned = any(dag_id and not self._ownership.owns(dag_id) for _, dag_id, _ in new)
        mine = [each for each in new if (self._ownership.owns(each[1]) if each[1] else first)]
        return self._taken([(number, request) for number, _, request in mine])

    def _taken(self, pending: Iterable[tuple[int, Request | UnreadableRequest]]) -> list[Arrival]:
        found: list[Arrival] = []
        added: set[int] = set()
        for number, request in pending:
            named = Arrival(number=number, request=request)
            found += _guarded(named, partial(self._arrivals, number, request, added))
        return found

    def stored(self) -> list[Arrival]:
        """Everything that lives in the store: pools, DAGs that are not in quarantine, backfills, runs; each run after these.

        Last comes what the clock read when it was believed, if it ever was.
        """
        with self._store.view():
            swept = self._store.retention.swept_at()
            believed = [] if swept is None else [Arrival(ClockRead(swept))]
            return [Arrival(self.pools()), *self._living(self._ownership.dag_ids), *believed]

    def gained(self, dag_ids: Collection[str] | None) -> list[Arrival]:
        """All that lives of some DAGs; of all if they are None."""
        with self._store.view():
            return self._living(dag_ids)

    def _living(self, dag_ids: Collection[str] | None) -> list[Arrival]:
        aside = self._store.quarantine.dag_ids()
        states = [state for state in self._store.dags.states() if state.dag_id not in aside]
        states = [state for state in states if dag_ids is None or state.dag_id in dag_ids]
        taken = self._store.assets.taken()
        found = [arrival for state in states for arrival in self._dag(state, taken.get(state.dag_id, {}))]
        found += [
            arrival
            for arrival in self._backfills()
            if arrival.dag_id not in aside and (dag_ids is None or arrival.dag_id in dag_ids)
        ]
        found += [arrival for snapshot in self._store.runs.live(dag_ids) for arrival in self._run(snapshot)]
        return found

    def ahead(self) -> list[Arrival]:
        """The DAGs whose timetables have run ahead of the clock, which was set back since."""
        with self._store.view():
            states = [each for each in self._store.dags.states() if isinstance(each, DagState)]
            ahead = [each for each in states if self._is_ahead(each) and self._ownership.owns(each.dag_id)]
            aside = self._store.quarantine.dag_ids() if ahead else set()
            taken = self._store.assets.taken() if ahead else {}
            return [
                found for each in ahead if each.dag_id not in aside
                for found in self._dag(each, taken.get(each.dag_id, {}))
            ]  # fmt: skip

    def waiting(self, dag_ids: Collection[str]) -> list[Arrival]:
        """The requests about DAGs that were gained, whenever they came in."""
        return self._taken(self._store.requests.pending_about(dag_ids))

    def events_of(self, *requests: Request) -> list[Event]:
        """The events by which an engine that knows nothing can be asked what requests would do."""
        added: set[int] = set()
        arrivals = [each for request in requests for each in self._arrivals(0, request, added)]
        return [arrival.event for arrival in arrivals if arrival.event is not None]

    def dates(self, wanted: Iterable[WantedDate]) -> list[Arrival]:
        """What there is of dates that the engine wants to know of, each after the run that is then to run again."""
        added: set[int] = set()
        return [
            arrival
            for date in wanted
            for arrival in _guarded(Arrival(dag_id=date.spec.dag_id), partial(self._date, date, added))
        ]

    def past_runs(self, wanted: Iterable[WantedPast]) -> list[Arrival]:
        """Which runs were before those that the engine asks for."""
        return [each for past in wanted for each in _guarded(Arrival(run=past.run), partial(self._past, past))]

    def _past(self, wanted: WantedPast) -> list[Arrival]:
        past = self._store.backfills.run_before(wanted.dag_id, wanted.logical_date)
        spec = None if past is None else self._store.versions.spec(past.version)
        if past is not None and spec is not None:
            # Tasks that only an earlier version of it had hold nobody: no person could mend them.
            names = {task.task_id for task in spec.tasks}
            past = replace(past, open={task_id: found for task_id, found in past.open.items() if task_id in names})
        return [Arrival(PastFound(wanted.run, past), run=wanted.run)]

    def created(self, made: Run | AssetEvent) -> RunAdded | AssetEventAdded | None:
        """A run, or an event of an asset, that was just created, as the engine's event."""
        if isinstance(made, AssetEvent):
            return AssetEventAdded(made.asset, made.number)
        return self._run_added(RunSnapshot(made, [], []))

    def pools(self) -> PoolsUpdated:
        """All pools, as an event."""
        pools = self._store.config.pools()
        # Of a rate each scheduler has an even part, from the moment at which all others know that there is one more.
        parts = max(1, len(self._ownership.members))
        begins = self._now() + timedelta(seconds=SETTLED_S) if self._now is not None and parts > 1 else None
        rates = {}
        for pool in pools:
            if pool.rate is not None:
                instants = [each for each in (pool.next_at, begins) if each is not None]
                rate = Rate(pool.rate.count, pool.rate.period_s * parts)
                rates[pool.name] = PoolRate(rate, max(instants, default=None))
        return PoolsUpdated({pool.name: pool.slots for pool in pools}, rates)

    def _arrivals(self, number: int, request: Request | UnreadableRequest, added: set[int]) -> Iterator[Arrival]:
        match request:
            case UnreadableRequest(problem=problem):
                yield Arrival(number=number, request=request, fault=problem)
            case RunRequested(run=run):
                yield from self._run_if_unknown(run, added)
                yield Arrival(number=number, request=request)
            case CancelRun(run=run) | MarkRun(run=run):
                # A run that has finished is told again, because somebody touches it.
                yield from self._run_if_unknown(run, added)
                yield Arrival(request, number, request)
            case ClearTasks(run=run, version=version) | MarkTask(run=run, version=version):
                yield from self._run_if_unknown(run, added)
                yield from self._version_changed(run, version)
                yield Arrival(request, number, request)
            case DagChanged(dag_id=dag_id):
                state = self._store.dags.state(dag_id)
                taken = self._store.assets.taken(dag_id).get(dag_id, {})
                yield from [] if state is None else [*self._dag(state, taken), *self._backfills(dag_id)]
                yield Arrival(number=number, request=request)
            case PoolsChanged():
                yield Arrival(self.pools(), number, request)
            case TriggerDagRun() | ReportAssetEvent():
                yield self._made(number, request)
            case BackfillRequested(backfill=backfill):
                row = self._store.backfills.get(backfill)
                yield Arrival(None if row is None else BackfillAdded(row), number, request)
            case SetBackfill():
                yield Arrival(request, number, request)

    def _backfills(self, dag_id: str = "") -> Iterator[Arrival]:
        """The backfills that live, of a DAG or of all."""
        for each in self._store.backfills.live(dag_id):
            if isinstance(each, UnreadableBackfill):
                yield Arrival(dag_id=each.dag_id, fault=each.fault)
            else:
                yield Arrival(BackfillAdded(each), dag_id=each.spec.dag_id)

    def _date(self, date: WantedDate, added: set[int]) -> Iterator[Arrival]:
        dag_id, change = date.spec.dag_id, None
        run = self._store.backfills.newest_run(dag_id, date.interval.start)
        if isinstance(run, UnreadableRun):
            yield Arrival(run=run.run, fault=run.fault)
            return
        if run is not None and date.spec.action(run)[0] is BackfillAction.RERUN:
            yield from self._run_if_unknown(run.run, added)
            state = self._store.dags.state(dag_id)
            if state is not None and state.version != run.version:
                change = self._run_version_changed(run.run, state.version)
        yield Arrival(DateFound(date.backfill, date.ordinal, run, change), dag_id=dag_id)

    def _run_if_unknown(self, run: int, added: set[int]) -> Iterator[Arrival]:
        """The run itself, if the engine does not hold it."""
        if run in added or self._knows(run):
            return
        added.add(run)
        snapshot = self._store.runs.snapshot(run)
        if snapshot is not None:
            yield from self._run(snapshot)

    def _run(self, snapshot: RunSnapshot | UnreadableRun) -> list[Arrival]:
        """A run as an arrival; none if the version that it is pinned to is gone."""
        if isinstance(snapshot, UnreadableRun):
            return [Arrival(run=snapshot.run, fault=snapshot.fault)]
        return _guarded(Arrival(run=snapshot.run.run), lambda: _of(self._run_added(snapshot)))

    def _run_added(self, snapshot: RunSnapshot) -> RunAdded | None:
        version = self._store.versions.get(snapshot.run.version)
        if version is None:
            return None
        lengths = self._lengths(snapshot.run.run, version.spec) if snapshot.tasks else {}
        return RunAdded(snapshot.run, version.spec, tuple(snapshot.tasks), tuple(snapshot.tries), lengths)

    def _version_changed(self, run: int, wanted: str) -> Iterator[Arrival]:
        """The version that a run is to go on with, as an arrival; none if it keeps its own, or that version is gone."""
        if wanted:
            yield from _guarded(Arrival(run=run), lambda: _of(self._run_version_changed(run, wanted)))

    def _run_version_changed(self, run: int, wanted: str) -> RunVersionChanged | None:
        version = self._store.versions.get(wanted)
        if version is None:
            return None
        return RunVersionChanged(run, version.spec, version.version, self._lengths(run, version.spec))

    def _lengths(self, run: int, dag: DagSpec) -> dict[tuple[str, int, str], int | None]:
        """Numbers of elements of what the DAG's tasks are mapped over, and values of mapped tasks that others take."""
        mapped = {task.task_id for task in dag.tasks if task.mapped}
        sources = {(ref.task_id, ref.key) for task in dag.tasks for m in task.mapped for ref in m.sources()}
        sources |= {(ref.task_id, ref.key) for task in dag.tasks for ref in task.inputs if ref.task_id in mapped}
        return self._store.xcoms.lengths(run, sources) if sources else {}

    def _dag(self, state: DagState | UnreadableDag, taken: Mapping[str, int]) -> list[Arrival]:
        """A DAG as an arrival; none if its newest version is gone."""
        if isinstance(state, UnreadableDag):
            return [Arrival(dag_id=state.dag_id, fault=state.fault)]
        return _guarded(Arrival(dag_id=state.dag_id), lambda: _of(self._dag_updated(state, taken)))

    def _dag_updated(self, state: DagState, taken: Mapping[str, int]) -> DagUpdated | None:
        version = self._store.versions.get(state.version)
        if version is None:
            return None
        dag = planned_dag(version.spec, state.planned)
        condition = dag.schedule.assets
        named = () if condition is None else condition.assets()
        newest = self._store.assets.newest(named) if named else {}
        assets = {asset: (taken.get(asset), newest.get(asset, 0)) for asset in {**taken, **newest}}
        return DagUpdated(dag, state.version, state.paused, state.active, state.cursor, assets, self._last_due(state))

    def _is_ahead(self, state: DagState) -> bool:
        return state.cursor is not None and self._now is not None and state.cursor > self._now() + MOST_DIFFERENCE

    def _last_due(self, state: DagState) -> datetime | None:
        """When the last run fell due by now, of a timetable that ran ahead with a wrong clock: those made meanwhile keep their names."""
        if self._now is None or not self._is_ahead(state):
            return None
        return self._store.backfills.last_due(state.dag_id, self._now())

    def _made(self, number: int, request: TriggerDagRun | ReportAssetEvent) -> Arrival:
        """The run, or the event of an asset, that a request makes."""
        if isinstance(request, ReportAssetEvent):
            event = NewAssetEvent(request.asset, request.extra, request.key)
            return Arrival(number=number, request=request, asset_event=event)
        state = self._store.dags.state(request.dag_id)
        new = None
        version = self._store.versions.get(state.version) if state is not None else None
        if version is not None:
            spec, at = version.spec, request.logical_date
            interval = None if at is None else spec.schedule.manual_interval(at, spec.start_date)
            new = NewRun.triggered(
                request.dag_id, request.run_id, at, interval, conf=request.conf, version=version.version
            )
        return Arrival(number=number, request=request, new_run=new)


def passes(error: Exception) -> bool:
    """Whether an error is no fault of what was being handled, but of the installation: it is not for one thing alone."""
    of_one_thing = isinstance(error, DataRefusedError | DataUnreadableError)
    return isinstance(error, StoreError | ConfigError | MemoryError) and not of_one_thing


def fault_of(error: Exception) -> str:
    """What is wrong with a thing at which an error was raised, as a sentence."""
    return error_sentence(error)


def _of(event: Event | None) -> list[Arrival]:
    return [] if event is None else [of_event(event)]


def _guarded(named: Arrival, make: Callable[[], Iterable[Arrival]]) -> list[Arrival]:
    """What ``make`` gives; the thing with its fault if that raises."""
    try:
        return [*make()]
    except Exception as error:
        if passes(error):
            raise
        return [replace(named, fault=fault_of(error))]
