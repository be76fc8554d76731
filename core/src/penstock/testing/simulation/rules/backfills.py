"""What must hold of backfills, on the stored rows and apart from the engine."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from penstock.engine.messages import Step
from penstock.model.backfills.backfill import Backfill, BackfillAction, BackfillItem, BackfillState, Rerun
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.run import Run, RunKind
from penstock.model.state import RunState
from penstock.testing.simulation.rules.rows import Rows

_GOING = (BackfillState.RUNNING, BackfillState.PAUSED)


class BackfillRules:
    """Holds each committed step against what backfills may do."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._states: dict[int, BackfillState] = {}

    def backfill_of(self, run: Run) -> Backfill | None:
        """The backfill whose limits count for a run; None once that is over: whoever clears the run then wants it himself."""
        found = self._rows.backfills.get(run.backfill or 0)
        return found if found is not None and found.state in _GOING else None

    def touched(self, step: Step) -> set[int]:
        """Numbers of the runs that a step has run again, or cancelled, for a backfill."""
        if not step.changes.backfills and not step.changes.backfill_items:
            return set()
        again = {(i.backfill, i.run_id) for i in step.changes.backfill_items if i.action is BackfillAction.RERUN}
        cancelled = {row.number for row in step.changes.backfills if row.state is BackfillState.CANCELLING}
        return {
            run.run
            for run in self._rows.runs.values()
            if (run.backfill, run.run_id) in again or run.backfill in cancelled
        }

    def check(self, step: Step, created: Sequence[Run], touched: set[int]) -> None:
        """Raise AssertionError for the first thing that does not hold after this step was stored."""
        made = {run.run_id: run for run in created if run.kind is RunKind.BACKFILL}
        for item in step.changes.backfill_items:
            self._turn(item, made)
        planned = {item.run_id for item in step.changes.backfill_items if item.action is BackfillAction.RUN}
        assert set(made) == planned, f"runs {set(made)} were made, and the dates had {planned} as their turn"
        for row in step.changes.backfills:
            self._row(row, touched)
        self._limits()
        self._states = {number: row.state for number, row in self._rows.backfills.items()}

    def finished(self) -> None:
        """In the end no backfill is left under way, and each that was not cancelled has had all of its dates."""
        for row in self._rows.backfills.values():
            assert row.state.final, f"{row} has not ended"

    def _turn(self, item: BackfillItem, made: dict[str, Run]) -> None:
        """A date has its turn: the next in order, while the backfill runs, and once."""
        row = self._rows.backfills[item.backfill]
        before = self._states.get(item.backfill, BackfillState.RUNNING)
        assert before is BackfillState.RUNNING, f"{item} had its turn while its backfill was {before}"
        assert item.ordinal <= row.done, f"{item} had its turn, and {row.done} dates are counted"
        assert item.logical_date == _dates(row)[item.ordinal - 1], f"{item} is not the date whose turn it was"
        others = [
            run
            for run in self._rows.runs.values()
            if (run.dag_id, run.logical_date) == (row.spec.dag_id, item.logical_date)
            and run.state is not RunState.SKIPPED
            and run.run_id != item.run_id
        ]
        if item.action is BackfillAction.RUN:
            assert item.run_id in made, f"{item} has no run"
            assert not others, f"{item} made a run of a date that has {others}"
        if item.action is BackfillAction.RERUN:
            assert row.spec.rerun is not Rerun.NONE, f"{item} ran again, and nothing should"

    def _row(self, row: Backfill, touched: set[int]) -> None:
        """What is stored of a backfill fits its dates and its runs."""
        items = [ordinal for number, ordinal in self._rows.items if number == row.number]
        assert sorted(items) == list(range(1, row.done + 1)), f"{row} has the turns {sorted(items)}"
        assert row.done <= row.spec.total == len(_dates(row)), f"{row} has {len(_dates(row))} dates"
        if row.state is BackfillState.FINISHED:
            assert row.done == row.spec.total, f"{row} has finished, and dates of it are left"
        if row.state.final:
            left = [run.run for run in self._rows.runs.values() if run.backfill == row.number and self._lives(run)]
            cleared = touched | self._cleared_since(row)
            assert not set(left) - cleared, f"{row} is over, and its runs {left} are not"

    def _cleared_since(self, row: Backfill) -> set[int]:
        """Its runs that somebody cleared while it was being cancelled."""
        if row.state is not BackfillState.CANCELLED:
            return set()
        return {r.run for r in self._rows.runs.values() if r.backfill == row.number and not r.state.finished}

    def _lives(self, run: Run) -> bool:
        return not run.state.finished or any(attempt.run == run.run for attempt in self._rows.open.values())

    def _limits(self) -> None:
        """No backfill has more runs at work than it may."""
        if not self._rows.backfills:
            return
        alive = {attempt.run for attempt in self._rows.open.values()}
        active: dict[int, list[int]] = {}
        for run in self._rows.runs.values():
            row = self.backfill_of(run)
            if row is not None and (run.state is RunState.RUNNING or run.run in alive):
                active.setdefault(row.number, []).append(run.run)
        for number, runs in active.items():
            limit = self._rows.backfills[number].spec.max_active_runs
            assert len(runs) <= limit, f"runs {runs} of backfill {number} are active, {limit} may be"


def _dates(row: Backfill) -> list[datetime]:
    """The dates of a backfill of an interval schedule, counted on and not asked of the schedule."""
    spec = row.spec
    found, at = [], spec.since
    while at <= spec.until:
        found.append(at)
        at += timedelta(seconds=spec.schedule.every_s)
    return found[::-1] if spec.backwards else found


def with_only(dag: DagSpec, subset: Sequence[str]) -> DagSpec:
    """A DAG as a run has it that has only some of its tasks, worked out a second time."""
    if not subset:
        return dag
    tasks = {task.task_id: task for task in dag.tasks}
    kept, before = {task_id for task_id in subset if task_id in tasks}, set[str]()
    while kept != before:
        before = set(kept)
        kept |= {source.task_id for name in before for m in tasks[name].mapped for source in m.sources()}

    def nearest(task: TaskSpec) -> set[str]:
        return {name for up in task.upstream for name in ({up} if up in kept else nearest(tasks[up]))}

    return replace(dag, tasks=tuple(replace(t, upstream=tuple(nearest(t))) for t in dag.tasks if t.task_id in kept))
