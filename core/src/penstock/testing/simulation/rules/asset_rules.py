"""The events of assets in a simulated world: each is made once, and each DAG that waits for it takes it once."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from penstock.engine.messages import DagUpdated, Event, RunVersionChanged
from penstock.model.assets.event import AssetEvent
from penstock.model.changes import Changes
from penstock.model.run import Run, RunKind, TaskKey
from penstock.model.state import Outcome, TaskState
from penstock.store import Store
from penstock.testing.simulation.rules.rows import Rows


class AssetRules:
    """What must be stored of events, worked out from tries, people and commits, and apart from the engine's queues.

    Attributes:
        made, outside: How many events tasks made, and how many came from outside.
        runs: How many runs were made for events.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._numbers: dict[str, list[int]] = defaultdict(list)
        self._keys: set[tuple[str, str]] = set()
        self._of_tries: set[tuple[TaskKey, int, str]] = set()
        self._taken: dict[tuple[str, str], int] = {}
        self._unnamed = Counter[str]()
        self.made = self.outside = self.runs = 0

    def stepped(self, events: Sequence[Event], changes: Changes, created: Sequence[Run | AssetEvent]) -> None:
        """A step of the engine is durable."""
        added = [each for each in created if isinstance(each, AssetEvent)]
        self._successes(changes, {event.run for event in events if isinstance(event, RunVersionChanged)})
        for run in created:
            if isinstance(run, Run) and run.kind is RunKind.ASSET:
                self._taken_by(run)
        for cursor in changes.asset_cursors:
            self._moved(cursor.dag_id, cursor.asset, cursor.number, events)
        for event in added:
            numbers = self._numbers[event.asset]
            assert not numbers or event.number > numbers[-1], f"event {event.number} of {event.asset} comes too late"
            numbers.append(event.number)
            if event.key is not None:
                assert (event.asset, event.key) not in self._keys, f"{event.asset} has two events of key {event.key}"
                self._keys.add((event.asset, event.key))
            self._unnamed[event.asset] += not event.run and event.key is None
            self.made, self.outside = self.made + bool(event.run), self.outside + (not event.run)

    def turn_ended(self) -> None:
        """No event waits for which a run may be made."""
        waiting = {dag_id: row for dag_id, row in self._rows.dags.items() if row.dag.schedule.assets is not None}
        if not waiting:
            return
        active, alive = Counter[str](), {attempt.run for attempt in self._rows.open.values()}
        for run in self._rows.runs.values():
            active[run.dag_id] += not run.state.finished or run.run in alive
        for dag_id, row in waiting.items():
            condition = row.dag.schedule.assets
            if (
                condition is None
                or row.paused
                or not row.active
                or active[dag_id] >= (row.dag.max_active_runs or 10**9)
            ):
                continue
            fresh = [a for a in condition.assets() if self._newest(a) > self._taken.get((dag_id, a), 0)]
            assert not fresh or not condition.holds(fresh), f"{dag_id} has no run for the events of {fresh}"

    def compare(self, store: Store, reported: Counter[str]) -> None:
        """Raise AssertionError if the database has other events or cursors than the commits said, or than people told of."""
        found: dict[str, list[int]] = defaultdict(list)
        for event in reversed(store.assets.page(limit=10**6)):
            found[event.asset].append(event.number)
        assert found == {asset: numbers for asset, numbers in self._numbers.items() if numbers}
        taken = {(dag_id, asset): n for dag_id, each in store.assets.taken().items() for asset, n in each.items()}
        assert taken == self._taken, f"stored are the cursors {taken}, and {self._taken} should be"
        assert +self._unnamed == +reported, f"people told of {+reported}, and stored is {+self._unnamed}"

    def _successes(self, changes: Changes, moved: set[int]) -> None:
        """The events of a step are those of the tries that succeeded in it, and of tasks without a process.

        What a task of the runs that ``moved`` to another version declared before, the rows do not say any more.
        """
        made = Counter((TaskKey(e.run, e.task_id, e.map_index), e.asset) for e in changes.asset_events if e.run)
        ended = {
            TaskKey(each.run, each.task_id, each.map_index): each.epoch
            for each in changes.tries
            if each.outcome is Outcome.SUCCESS
        }
        for (key, asset), count in made.items():
            if key.run in moved:
                continue
            run = self._rows.runs[key.run]
            task = self._rows.versions[run.version].task(key.task_id)
            assert asset in task.outlets, f"{key} made an event of {asset}, which it does not declare"
            if task.instant:
                continue
            assert count == 1, f"{key} made {count} events of {asset} at once"
            assert key in ended, f"{key} made an event of {asset}, and no try of it has succeeded"
            ident = (key, ended[key], asset)
            assert ident not in self._of_tries, f"the try {ident} made an event twice"
            self._of_tries.add(ident)
        for row in changes.tasks:
            if (
                row.run not in moved
                and row.state is TaskState.SUCCESS
                and ended.get(row.key) == row.epoch
                and "by hand" not in row.reason
            ):
                missing = [a for a in self._outlets(row.key) if not made[row.key, a]]
                assert not missing, f"{row.key} succeeded, and there is no event of {missing}"

    def _outlets(self, key: TaskKey) -> tuple[str, ...]:
        run = self._rows.runs[key.run]
        tasks = self._rows.versions[run.version].tasks
        return next((task.outlets for task in tasks if task.task_id == key.task_id), ())

    def _taken_by(self, run: Run) -> None:
        row = self._rows.dags[run.dag_id]
        condition = row.dag.schedule.assets
        assert condition is not None, f"{run.run_id} was made for events, and {run.dag_id} waits for none"
        assert not row.paused, f"{run.run_id} was made for events, and {run.dag_id} is paused"
        assert condition.holds(run.consumed), (
            f"{run.run_id} was made for {run.consumed}, and the condition is {condition}"
        )
        for asset, (after, upto) in run.consumed.items():
            taken = self._taken.get((run.dag_id, asset), 0)
            assert after == taken, f"{run.run_id} begins at event {after} of {asset}, and {taken} was taken last"
            assert upto == self._newest(asset), f"{run.run_id} ends at event {upto} of {asset}"
        left = [a for a in condition.assets() if a not in run.consumed]
        passed = [a for a in left if self._newest(a) > self._taken.get((run.dag_id, a), 0)]
        assert not passed, f"{run.run_id} passes over the events of {passed}"
        self.runs += 1

    def _moved(self, dag_id: str, asset: str, number: int | None, events: Sequence[Event]) -> None:
        before = self._taken.pop((dag_id, asset), None)
        if number is None:
            return
        self._taken[dag_id, asset] = number
        made_for = [run for run in self._rows.runs.values() if run.dag_id == dag_id and asset in run.consumed]
        if before is None:
            updated = [each for each in events if isinstance(each, DagUpdated) and each.dag.dag_id == dag_id]
            assert updated or any(run.consumed[asset][1] == number for run in made_for)
            begins = 0 if updated and updated[-1].dag.catchup else self._newest(asset)
            assert number == begins or made_for, f"{dag_id} begins at event {number} of {asset}, not at {begins}"
        else:
            assert number >= before, f"{dag_id} goes back from event {before} of {asset} to {number}"
            ends = [run.consumed[asset] for run in made_for]
            assert [before, number] in ends, (
                f"{dag_id} takes {asset} from {before} to {number}, and no run was made for it"
            )

    def _newest(self, asset: str) -> int:
        numbers = self._numbers[asset]
        return numbers[-1] if numbers else 0
