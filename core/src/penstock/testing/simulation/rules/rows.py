"""What the database holds, by what each commit said, and apart from the code that reads it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar

from msgspec.structs import replace
from sqlalchemy import Table, select

from penstock.engine.messages import BackfillAdded, DagUpdated, DateFound, Event, RunAdded, RunVersionChanged
from penstock.model.backfills.backfill import Backfill, BackfillItem
from penstock.model.changes import Changes, LateAnswer
from penstock.model.dag import DagSpec
from penstock.model.run import Run, TaskInstance, TaskKey, Try
from penstock.model.state import RunState
from penstock.store import Store
from penstock.store.sql import tables
from penstock.testing.simulation.rules.feed_rules import compare_feed

T = TypeVar("T", Run, TaskInstance, Try)


class Rows:
    """Rows by their keys.

    Attributes:
        versions: DAG structures by version, as far as the engine was told of them.
        dags: The newest version of each DAG and its switches, as the engine was told last.
        open: The tries without an outcome.
        of_run: The task instances of each run.
    """

    def __init__(self) -> None:
        self.versions: dict[str, DagSpec] = {}
        self.dags: dict[str, DagUpdated] = {}
        self.runs: dict[int, Run] = {}
        self.tasks: dict[TaskKey, TaskInstance] = {}
        self.tries: dict[tuple[TaskKey, int], Try] = {}
        self.open: dict[tuple[TaskKey, int], Try] = {}
        self.of_run: dict[int, dict[TaskKey, TaskInstance]] = defaultdict(dict)
        self.late: list[LateAnswer] = []
        self.backfills: dict[int, Backfill] = {}
        self.items: dict[tuple[int, int], BackfillItem] = {}

    @property
    def ended(self) -> bool:
        """Whether every run and every backfill has ended."""
        left = any(not run.state.finished for run in self.runs.values())
        return not left and all(row.state.final for row in self.backfills.values())

    def received(self, event: Event) -> None:
        """The engine is told of a row: it is what was committed last, or what a person has just written."""
        match event:
            case DagUpdated():
                self.versions[event.version] = event.dag
                self.dags[event.dag.dag_id] = event
            case BackfillAdded(backfill=row):
                stored = self.backfills.setdefault(row.number, row)
                assert stored == row, f"{stored} was stored, and {row} is read"
            case DateFound(change=RunVersionChanged() as change):
                self.versions[change.version] = change.dag
            case RunVersionChanged():
                self.versions[event.version] = event.dag
            case RunAdded(run=run):
                self.versions[run.version] = event.dag
                known = self.runs.setdefault(run.run, run)
                assert _plain(known) == _plain(run), f"{known} was stored, and {run} is read"
                _same(self.of_run[run.run].values(), event.tasks)
                _same([each for each in self.open.values() if each.run == run.run], event.tries)

    def apply(self, changes: Changes, created: Sequence[Run]) -> None:
        """One step's changes are durable."""
        each_once("task", (task.key for task in changes.tasks))
        each_once("run", (run.run for run in changes.runs))
        each_once("try", (ident_of(attempt) for attempt in changes.tries))
        each_once("late answer", ((answer.key, answer.epoch) for answer in changes.late))
        each_once("cursor", (cursor.dag_id for cursor in changes.cursors))
        each_once("value", ((x.run, x.task_id, x.map_index, x.key) for x in changes.xcoms))
        for key in changes.removed:
            self.tasks.pop(key, None)
            self.of_run[key.run].pop(key, None)
        self.runs |= {run.run: run for run in [*created, *changes.runs]}
        for task in changes.tasks:
            self.tasks[task.key] = self.of_run[task.run][task.key] = task
        for attempt in changes.tries:
            self._take_try(ident_of(attempt), attempt)
        self.late += changes.late
        self.backfills |= {row.number: row for row in changes.backfills}
        for item in changes.backfill_items:
            assert (item.backfill, item.ordinal) not in self.items, f"{item} has had its turn before"
            self.items[item.backfill, item.ordinal] = item
        for cursor in changes.cursors:
            self.dags[cursor.dag_id] = replace(self.dags[cursor.dag_id], cursor=cursor.due_at)

    def drop(self, run: int) -> None:
        """Hold nothing of a run whose rows cannot be read."""
        self.runs.pop(run, None)
        self.tasks = {key: task for key, task in self.tasks.items() if key.run != run}
        self.tries = {ident: attempt for ident, attempt in self.tries.items() if ident[0].run != run}
        self._sort()

    def reread(self, store: Store, without: Collection[int]) -> None:
        """Take the rows from the database, those of some runs left out: something else than a step has written there.

        Of a run that somebody has just asked for, the engine is told in a later turn: until then it is not known here either.
        """
        found = Rows()
        found.read(store, without)
        known = {run.run for run in found.runs.values() if run.run in self.runs or run.state.finished}
        self.runs = {number: run for number, run in found.runs.items() if number in known}
        self.tasks = {key: task for key, task in found.tasks.items() if key.run in known}
        self.tries = {ident: attempt for ident, attempt in found.tries.items() if ident[0].run in known}
        self._sort()

    def read(self, store: Store, without: Collection[int] = ()) -> None:
        """Take the rows from the database, those of some runs left out."""
        with store.database.read() as connection:

            def rows(table: Table, struct: type[T]) -> list[T]:
                wanted = select(*tables.columns(table, struct)).where(table.c.run.not_in(list(without)))
                return [struct(*row) for row in connection.execute(wanted)]

            self.runs = {run.run: run for run in rows(tables.run, Run)}
            self.tasks = {task.key: task for task in rows(tables.task_instance, TaskInstance)}
            self.tries = {ident_of(attempt): attempt for attempt in rows(tables.attempt, Try)}
        self._sort()

    def _take_try(self, ident: tuple[TaskKey, int], attempt: Try) -> None:
        self.tries[ident] = attempt
        if attempt.outcome is None:
            self.open[ident] = attempt
        else:
            self.open.pop(ident, None)

    def _sort(self) -> None:
        """Find again what is open, and what belongs to whom."""
        self.open = {ident: attempt for ident, attempt in self.tries.items() if attempt.outcome is None}
        self.of_run = defaultdict(dict)
        for key, task in self.tasks.items():
            self.of_run[key.run][key] = task

    def stuck(self) -> str:
        """What has not ended, as a sentence."""
        runs = [run for run in self.runs.values() if not run.state.finished]
        if not runs:
            return f"it does not come to rest: {self.backfills}"
        tasks = [task for task in self.of_run[runs[0].run].values() if not task.state.finished]
        why = "; ".join(f"{task.key} is {task.state}: {task.reason}" for task in tasks)
        return f"{len(runs)} runs are stuck: {runs[0]}; {why}"

    def compare(self, store: Store, without: Collection[int] = ()) -> None:
        """Raise AssertionError if the database has other rows than the commits said."""
        found = Rows()
        found.read(store, without)
        for name in ("runs", "tasks", "tries"):
            _same(getattr(self, name).values(), getattr(found, name).values())
        for number, row in self.backfills.items():
            stored = store.backfills.get(number)
            assert stored == row, f"{row} was stored, and {stored} is read"
        compare_feed(store, without)


def has_failed(store: Store, run: int) -> bool:
    """Whether a run has failed by its row, whatever else is in that."""
    with store.database.read() as connection:
        found = connection.exec_driver_sql("SELECT state FROM run WHERE run = ?", (run,)).scalar()
        return bool(found == RunState.FAILED)


def ident_of(attempt: Try) -> tuple[TaskKey, int]:
    """Key and epoch of a try."""
    return (TaskKey(attempt.run, attempt.task_id, attempt.map_index), attempt.epoch)


def each_once(what: str, names: Iterable[object]) -> None:
    """Fail if a name comes twice: a row may be written only once in a transaction."""
    seen = set()
    for name in names:
        assert name not in seen, f"{what} {name} is written twice in one transaction"
        seen.add(name)


def _plain(row: Run | TaskInstance | Try) -> Run | TaskInstance | Try:
    """The row without its free text, of which a database makes visible what it cannot hold."""
    return replace(row, **{name: "" for name in ("reason", "error") if hasattr(row, name)})


def _same(stored: Iterable[Run | TaskInstance | Try], read: Iterable[Run | TaskInstance | Try]) -> None:
    mine, theirs = (sorted(str(_plain(row)) for row in rows) for rows in (stored, read))
    assert mine == theirs, f"was stored: {sorted({*mine} - {*theirs})}; is read: {sorted({*theirs} - {*mine})}"
