"""Finds what is late: surveys of what is under way, at the instants at which something can be late."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from penstock.alerts.rules import Rules
from penstock.alerts.survey import Survey
from penstock.alerts.usual import RUNS, longest_usual_s
from penstock.errors import PenstockError, StoreError
from penstock.model.dag import DagSpec
from penstock.model.run import Run
from penstock.model.state import AlertEvent
from penstock.notify.alerts.alert_watch import alerts_of
from penstock.store import Store, UnreadableDag, planned_dag

SURVEY_S = 30.0
"""Seconds after which it looks again although nothing is expected: the time of day may have been set forward."""

PAUSE_S = 5.0
"""Seconds between two surveys at least, however many runs and tasks begin."""

USUAL_S = 600.0
"""Seconds for which it remembers how long something usually takes."""

TIMED = tuple(event for event in AlertEvent if event.timed)


class Clocks(NamedTuple):
    """The two clocks.

    Attributes:
        monotonic: Tells seconds that never go back: durations of what is under way are measured on it.
        now: Tells the present, aware UTC: schedules and deadlines go by it.
    """

    monotonic: Callable[[], float]
    now: Callable[[], datetime]


class Lateness:
    """Makes alerts of what is late; a part of the notifier. Without a rule that is about time it asks for nothing but that.

    Args:
        store: The open database.
        rules: Those of the installation; those of a DAG come with its version.
        clocks: The two clocks.
    """

    def __init__(self, store: Store, rules: Rules, clocks: Clocks) -> None:
        self._store, self._rules, self._clocks = store, rules, clocks
        self._due = clocks.monotonic()
        self._surveyed_at = self._due - PAUSE_S
        self._known: set[str] = set()
        self._usual: dict[tuple[str, str], tuple[float, float | None]] = {}
        # By what is under way: how long it had been when it was first seen, and that instant of the monotonic clock.
        self._seen: dict[object, tuple[float, float]] = {}
        self.readable: Sequence[int] = ()
        self.writable: Sequence[int] = ()
        self.busy = False

    @property
    def due(self) -> float | None:
        """Monotonic instant of the next survey."""
        return self._due

    def woken(self) -> None:
        """Note nothing: `begun` says what matters here."""

    def begun(self) -> None:
        """Note that something has begun of which a rule about time speaks."""
        self._due = min(self._due, self._surveyed_at + PAUSE_S)

    def step(self, *, more: bool = True) -> None:
        """Look at what is under way, if that is due; raises StoreError."""
        now = self._clocks.monotonic()
        if not more or now < self._due:
            return
        self._surveyed_at, self._due = now, now + SURVEY_S
        survey = Survey(self._rules, self._clocks.now())
        specs = self._specs()
        if specs:
            self._look(survey, specs)
        if survey.next_at is not None:
            self._due = min(self._due, max(now, now + (survey.next_at - self._clocks.now()).total_seconds()))
        found = {each.key: each for each in survey.found}
        fresh = [each for key, each in found.items() if key not in self._known]
        if fresh:
            self._store.alerts.keep(
                [alert for each in fresh for alert in alerts_of(each, self._rules, specs.get(each.version))]
            )
        self._known = set(found)

    def finish(self) -> None:
        """There is nothing left to store."""

    def close(self) -> None:
        """It has no processes."""

    def _specs(self) -> dict[str, DagSpec]:
        """The versions that matter: all present ones if the installation has a rule about time, else those with one."""
        if self._rules.asks_for(*TIMED):
            versions = [each.version for each in self._store.dags.states() if not isinstance(each, UnreadableDag)]
        else:
            versions = self._store.alerts.alerting_versions()
        live = self._store.timings.live_versions()
        found = {version: spec for version in {*versions, *live} if (spec := self._spec(version)) is not None}
        return found if self._rules.asks_for(*TIMED) else {v: spec for v, spec in found.items() if speaks_of_time(spec)}

    def _spec(self, version: str) -> DagSpec | None:
        try:
            return self._store.versions.spec(version)
        except StoreError:
            raise
        except PenstockError:
            return None  # the watch tells of it, if the DAG has anything to tell

    def _look(self, survey: Survey, specs: dict[str, DagSpec]) -> None:
        for state in self._store.dags.states():
            if not isinstance(state, UnreadableDag) and state.active and not state.paused and state.version in specs:
                survey.dag(planned_dag(specs[state.version], state.planned), state.version, state.cursor)
        runs = {run.run: run for run in self._store.timings.live_runs() if run.version in specs}
        seen = self._seen
        self._seen = {}
        for run in runs.values():
            began = None if run.started_at is None else self._began(run.run, run.started_at, seen)
            ended = partial(self._store.timings.ended, run.run)
            survey.run(run, specs[run.version], began, self._usual_of(run), ended)
        for each in self._store.timings.running() if runs else ():
            if each.key.run in runs:
                run, began = runs[each.key.run], self._began(each[:2], each.started_at, seen)
                task_id, index = each.key.task_id, each.key.map_index
                spec, usual = specs[run.version], self._usual_of(run, task_id)
                survey.task(run, spec, task_id, index, each.try_number, began, usual)

    def _began(self, what: object, started_at: datetime, seen: dict[object, tuple[float, float]]) -> datetime:
        """When it began, on the clock of now; a step of that clock since it was first seen does not count."""
        now, present = self._clocks.monotonic(), self._clocks.now()
        found = seen.get(what) or (max(0.0, (present - started_at).total_seconds()), now)
        self._seen[what] = found
        return present - timedelta(seconds=found[0] + now - found[1])

    def _usual_of(self, run: Run, task_id: str = "") -> Callable[[], float | None]:
        def usual() -> float | None:
            name, now = (run.dag_id, task_id), self._clocks.monotonic()
            known = self._usual.get(name)
            if known is None or now > known[0] + USUAL_S:
                took = self._store.timings.took_s(run.dag_id, task_id, RUNS)
                known = self._usual[name] = now, longest_usual_s(took)
            return known[1]

        return usual


def speaks_of_time(dag: DagSpec) -> bool:
    """Whether a DAG has a rule that is about time."""
    rules = (*dag.alerts, *(rule for task in dag.tasks for rule in task.alerts))
    return any(event.timed for rule in rules for event in rule.on)
