"""What is late at an instant, and when the next thing will be."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from penstock.alerts.occurrence import Occurrence
from penstock.alerts.rules import Rules
from penstock.engine.runs.due import next_due
from penstock.model.dag import DagSpec
from penstock.model.run import NewRun, Run, RunKind
from penstock.model.state import AlertEvent, RunState

START_S = 300.0
"""Seconds after which a run has missed its start, unless the rule says another time."""

_E = AlertEvent


class Survey:
    """Collects what is late.

    Args:
        rules: Who is to be told.
        now: The present, aware UTC.

    Attributes:
        found: What is late.
        next_at: When the next thing will be late if nothing changes; None for never.
    """

    def __init__(self, rules: Rules, now: datetime) -> None:
        self._rules, self._now = rules, now
        self.found: list[Occurrence] = []
        self.next_at: datetime | None = None

    def dag(self, dag: DagSpec, version: str, cursor: datetime | None) -> None:
        """Look at the next scheduled run of a DAG that is not paused: it should exist once it is due.

        Args:
            dag: The DAG.
            version: Its present version.
            cursor: End of the last data interval that has a run.
        """
        rules = list(self._rules.of(_E.MISSED_START, dag.dag_id, dag))
        due = next_due(dag, cursor, self._now) if rules else None
        if due is None:
            return
        run_id = NewRun.scheduled(dag.dag_id, due.interval, version).run_id
        for rule in rules:
            at = due.at + timedelta(seconds=START_S if rule.after_s is None else rule.after_s)
            reason = f"It fell due at {due.at:%Y-%m-%d %H:%M:%S} UTC, and no run was created: is a scheduler running?"
            self._note(
                at, Occurrence(_E.MISSED_START, at, reason, dag.dag_id, run_id, 0, version, after_s=rule.after_s)
            )

    def run(
        self,
        run: Run,
        dag: DagSpec,
        began: datetime | None,
        usual_s: Callable[[], float | None],
        ended: Callable[[], Collection[str]] = frozenset,
    ) -> None:
        """Look at a run that has not ended.

        Args:
            run: The run.
            dag: Its DAG as it is pinned to it.
            began: When it started, on the clock of ``now``; None if it has not.
            usual_s: Gives how long it takes at most as a rule, in seconds, None if that is not known; asked only if need be.
            ended: Gives the ids of its tasks all instances of which have ended; asked only if need be.
        """
        due = run.interval_end or run.created_at
        if run.kind is RunKind.SCHEDULED and run.state is RunState.QUEUED:
            for rule in self._rules.of(_E.MISSED_START, run.dag_id, dag):
                at = due + timedelta(seconds=START_S if rule.after_s is None else rule.after_s)
                reason = f"It fell due at {due:%Y-%m-%d %H:%M:%S} UTC, and waits: {run.reason or 'other runs go first'}"
                late = Occurrence(
                    _E.MISSED_START, at, reason, run.dag_id, run.run_id, 0, run.version, after_s=rule.after_s
                )  # fmt: skip
                self._note(at, late)
        for rule in self._rules.of(_E.MISSED_DEADLINE, run.dag_id, dag):
            if rule.after_s is not None:
                at = due + timedelta(seconds=rule.after_s)
                reason = (
                    f"It is {run.state.value} {rule.after_s:g} s after it fell due, at {due:%Y-%m-%d %H:%M:%S} UTC."
                )
                late = Occurrence(
                    _E.MISSED_DEADLINE, at, reason, run.dag_id, run.run_id, run.run, run.version, after_s=rule.after_s
                )  # fmt: skip
                self._note(at, late)
        self._tasks(run, dag, due, ended)
        if began is not None:
            happened = Occurrence(_E.RUN_SLOW, began, "", run.dag_id, run.run_id, run.run, run.version)
            self._slow(happened, dag, usual_s)

    def _tasks(self, run: Run, dag: DagSpec, due: datetime, ended: Callable[[], Collection[str]]) -> None:
        """Look at the tasks of a run, which should have ended by their deadlines."""
        known: Collection[str] | None = None
        for task in dag.tasks:
            for rule in self._rules.of(_E.TASK_MISSED_DEADLINE, run.dag_id, dag, task.task_id):
                if rule.after_s is None:
                    continue
                at = due + timedelta(seconds=rule.after_s)
                if at <= self._now:
                    known = ended() if known is None else known
                    if task.task_id in known:
                        continue
                reason = f"It has not ended {rule.after_s:g} s after its run fell due, at {due:%Y-%m-%d %H:%M:%S} UTC."
                late = Occurrence(
                    _E.TASK_MISSED_DEADLINE, at, reason, run.dag_id, run.run_id, run.run, run.version, task.task_id,
                    after_s=rule.after_s,
                )  # fmt: skip
                self._note(at, late)

    def task(
        self, run: Run, dag: DagSpec, task_id: str, map_index: int, try_number: int, began: datetime,
        usual_s: Callable[[], float | None],
    ) -> None:  # fmt: skip
        """Look at a try that runs; the arguments are as for `run`."""
        happened = Occurrence(
            _E.TASK_SLOW, began, "", run.dag_id, run.run_id, run.run, run.version, task_id, map_index, try_number
        )  # fmt: skip
        self._slow(happened, dag, usual_s)

    def _slow(self, happened: Occurrence, dag: DagSpec, usual_s: Callable[[], float | None]) -> None:
        for rule in self._rules.of(happened.event, happened.dag_id, dag, happened.task_id):
            limit_s = usual_s() if rule.after_s is None else rule.after_s
            if limit_s is not None:
                at = happened.at + timedelta(seconds=limit_s)
                learnt = "what is usual for it" if rule.after_s is None else "what its rule says"
                reason = f"It still runs after {limit_s:.0f} s: longer than {learnt}."
                self._note(at, _late(happened, at, reason, rule.after_s))

    def _note(self, at: datetime, happened: Occurrence) -> None:
        if at <= self._now:
            self.found.append(happened)
        elif self.next_at is None or at < self.next_at:
            self.next_at = at


def _late(happened: Occurrence, at: datetime, reason: str, after_s: float | None) -> Occurrence:
    return Occurrence(
        happened.event, at, reason, happened.dag_id, happened.run_id, happened.run, happened.version,
        happened.task_id, happened.map_index, happened.try_number, after_s=after_s,
    )  # fmt: skip
