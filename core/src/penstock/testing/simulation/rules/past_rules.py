"""What must hold of tasks that wait for their past, on the stored rows and apart from the engine."""

from collections.abc import Callable, Collection, Mapping

from penstock.engine.messages import Step
from penstock.model.dag import DagSpec
from penstock.model.run import Run, TaskKey
from penstock.model.state import RunState, TaskState
from penstock.testing.simulation.rules.rows import Rows

S = TaskState
_LET_GO = (S.SCHEDULED, S.QUEUED, S.RUNNING, S.DEFERRED, S.SUCCESS)
_WELL = (S.SUCCESS, S.SKIPPED, S.REMOVED)


class PastRules:
    """Holds each committed step against what the runs before allow.

    Args:
        rows: What is stored.
        dag_of: The version of its DAG that a run has, with the tasks that the run has.
    """

    def __init__(self, rows: Rows, dag_of: Callable[[int], DagSpec]) -> None:
        self._rows, self._dag_of = rows, dag_of
        self._known = set[int]()

    def check(self, step: Step, before: Mapping[TaskKey, TaskState], touched: Collection[int]) -> None:
        """Raise AssertionError if a task was let go whose past had not ended well; what people touched is not looked at."""
        # Of runs that were made in this step nothing was known when it decided; rows that nobody can read say nothing.
        readable = self._known <= self._rows.runs.keys()
        for task in step.changes.tasks if readable else ():
            if before.get(task.key, S.NONE) is S.NONE and task.state in _LET_GO and task.run not in touched:
                holder = self._holder(task.key, touched)
                assert not holder, f"{task.key} became {task.state}, and its past has not ended well: {holder}"
        self._known |= self._rows.runs.keys()

    def run_before(self, run: Run) -> Run | None:
        """The run before another by logical date; None if there is none."""
        if run.logical_date is None:
            return None
        found = [
            other
            for other in self._rows.runs.values()
            if other.dag_id == run.dag_id and other.logical_date is not None and other.logical_date < run.logical_date
            if other.state is not RunState.SKIPPED
        ]
        return max(found, key=lambda each: (each.logical_date, each.run), default=None)

    def spoiled(self, run: Run) -> bool:
        """Whether a run that has ended holds those behind it."""
        names = {task.task_id for task in self._dag_of(run.run).tasks}
        states = [t.state for key, t in self._rows.of_run[run.run].items() if key.task_id in names]
        return run.state.finished and not all(state in _WELL for state in states)

    def _holder(self, key: TaskKey, touched: Collection[int]) -> str:
        run, tasks = self._rows.runs[key.run], {task.task_id: task for task in self._dag_of(key.run).tasks}
        spec = tasks.get(key.task_id)
        earlier = self.run_before(run) if spec is not None and spec.depends_on_past else None
        if spec is None or earlier is None or earlier.run in touched or earlier.run not in self._known:
            return ""
        if spec.teardown:  # what the setups of its run made is torn down, whatever became of the run before
            return ""
        names = {key.task_id}
        known = {task.task_id for task in self._dag_of(earlier.run).tasks}
        if spec.wait_for_downstream:
            names |= {task.task_id for task in tasks.values() if key.task_id in task.upstream}
        states = [(str(k), t.state) for k, t in self._rows.of_run[earlier.run].items() if k.task_id in names & known]
        if not states and names & known and earlier.started_at is None and not earlier.state.finished:
            return f"run {earlier.run_id} has not started"
        return next((f"{name} of run {earlier.run_id} is {state}" for name, state in states if state not in _WELL), "")
