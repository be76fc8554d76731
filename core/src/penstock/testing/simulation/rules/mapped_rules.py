"""What must hold of the instances of what is mapped, on the stored rows and apart from the engine."""

from collections.abc import Callable

from penstock.engine.messages import Step
from penstock.model.dag import DagSpec
from penstock.model.run import UNMAPPED, TaskKey
from penstock.model.state import TaskState
from penstock.testing.simulation.rules.rows import Rows


class MappedRules:
    """Holds each committed step against what a mapped task may have: its placeholder, or an instance for each element.

    Args:
        rows: What is stored.
        dag_of: The version of its DAG that a run has, with the tasks that the run has.
    """

    def __init__(self, rows: Rows, dag_of: Callable[[int], DagSpec]) -> None:
        self._rows, self._dag_of = rows, dag_of

    def check(self, step: Step) -> None:
        """Raise AssertionError if an instance that had a try has no row any more, or if there are others than the elements."""
        tried = {key for key, _ in self._rows.tries}
        for key in step.changes.removed:
            lost = key.map_index != UNMAPPED and key in tried and key not in self._rows.tasks
            assert not lost, f"{key} had a try, and its row is gone"
        changed: dict[int, set[str]] = {}
        for task in step.changes.tasks:
            changed.setdefault(task.run, set()).add(task.task_id)
        for run, task_ids in changed.items():
            self._elements(run, task_ids)

    def _elements(self, run: int, task_ids: set[str]) -> None:
        mapped = {task.task_id for task in self._dag_of(run).tasks if task.mapped} & task_ids
        there: dict[str, set[int]] = {}
        for key, row in self._rows.of_run[run].items() if mapped else ():
            if key.task_id in mapped and row.state is not TaskState.REMOVED:
                there.setdefault(key.task_id, set()).add(key.map_index)
        for task_id in mapped:
            found = there.get(task_id, set())
            fits = found in ({UNMAPPED}, set(range(len(found)))) and found
            assert fits, f"{TaskKey(run, task_id)} of run {run} has the instances {sorted(found)}"

    @staticmethod
    def moved(key: TaskKey, old: TaskState, state: TaskState, step: Step) -> bool:
        """Whether an instance was removed or is so now; raises AssertionError if it is back, and its task was not expanded."""
        stays = old is not TaskState.REMOVED or state is old
        assert stays or TaskKey(key.run, key.task_id) in step.changes.removed, f"{key} was removed and is {state}"
        return TaskState.REMOVED in (old, state)
