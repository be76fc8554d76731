"""Turns the store's inbox into events of the engine: requests of users, tasks and the loader become events."""

from collections.abc import Callable

from penstock.engine.messages import DagUpdated, Event, PoolsUpdated, RunAdded
from penstock.model.request import (
    CancelRun,
    ClearTasks,
    DagChanged,
    MarkTask,
    PoolsChanged,
    Request,
    RunRequested,
    TriggerDagRun,
)
from penstock.model.run import NewRun, Run
from penstock.store import DagState, RunSnapshot, Store


class Inbox:
    """Reads requests in their order and finds what the engine needs to know for each.

    Args:
        knows: Whether the engine holds a run in memory.
    """

    def __init__(self, store: Store, knows: Callable[[int], bool]) -> None:
        self._store, self._knows = store, knows
        self._last = 0

    def take(self) -> tuple[list[Event], list[NewRun], list[int]]:
        """What has come in since the last call: events, runs to create, and the numbers that are thereby handled."""
        events: list[Event] = []
        new_runs: list[NewRun] = []
        handled = []
        added: set[int] = set()
        for number, request in self._store.requests.pending(self._last):
            self._last = number
            handled.append(number)
            events += self._events(request, added)
            if isinstance(request, TriggerDagRun) and (new := self._triggered(request)) is not None:
                new_runs.append(new)
        return events, new_runs, handled

    def _events(self, request: Request, added: set[int]) -> list[Event]:
        match request:
            case RunRequested(run=run):
                return self._with_run(run, added)
            case CancelRun(run=run) | ClearTasks(run=run) | MarkTask(run=run):
                return [*self._with_run(run, added), request]
            case DagChanged(dag_id=dag_id):
                state = self._store.dags.state(dag_id)
                return [] if state is None else self.dag_events([state])
            case PoolsChanged():
                return [self.pools()]
            case TriggerDagRun():
                return []

    def _with_run(self, run: int, added: set[int]) -> list[Event]:
        """The run itself, if the engine does not hold it: it is new, or it has finished and somebody touches it."""
        if run in added or self._knows(run):
            return []
        snapshot = self._store.runs.snapshot(run)
        event = None if snapshot is None else self.run_added(snapshot)
        added.add(run)
        return [] if event is None else [event]

    def run_added(self, snapshot: RunSnapshot) -> RunAdded | None:
        """A stored run as an event; None if the version that it is pinned to is gone."""
        version = self._store.versions.get(snapshot.run.version)
        if version is None:
            return None
        sources = {(m.source.task_id, m.source.key) for t in version.spec.tasks for m in t.mapped if m.source}
        lengths = self._store.xcoms.lengths(snapshot.run.run, sources) if sources and snapshot.tasks else {}
        return RunAdded(snapshot.run, version.spec, tuple(snapshot.tasks), tuple(snapshot.tries), lengths)

    def created(self, run: Run) -> RunAdded | None:
        """A run that was just created, as an event."""
        return self.run_added(RunSnapshot(run, [], []))

    def dag_events(self, states: list[DagState]) -> list[Event]:
        """DAGs as events; one whose newest version is gone is left out."""
        events: list[Event] = []
        for state in states:
            version = self._store.versions.get(state.version)
            if version is not None:
                events.append(DagUpdated(version.spec, state.version, state.paused, state.active, state.cursor))
        return events

    def pools(self) -> PoolsUpdated:
        """All pools, as an event."""
        return PoolsUpdated({pool.name: pool.slots for pool in self._store.config.pools()})

    def _triggered(self, request: TriggerDagRun) -> NewRun | None:
        state = self._store.dags.state(request.dag_id)
        if state is None:
            return None
        return NewRun.triggered(
            request.dag_id, request.run_id, request.logical_date, conf=request.conf, version=state.version
        )
