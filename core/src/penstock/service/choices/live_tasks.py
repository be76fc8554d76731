"""Task instances of live runs, with what they are tasks of."""

from collections.abc import Iterator
from typing import NamedTuple

from penstock.model.dag import TaskSpec
from penstock.model.run import Run, TaskInstance, Try
from penstock.model.state import TaskState
from penstock.store import RunSnapshot, Store


class LiveTask(NamedTuple):
    """A task instance of a live run.

    Attributes:
        run: The run.
        tenant: That of its DAG; "" if it names none.
        task: What it is an instance of.
        instance: The instance.
        attempt: Its live try; None if it has none.
    """

    run: Run
    tenant: str
    task: TaskSpec
    instance: TaskInstance
    attempt: Try | None

    @property
    def waits(self) -> bool:
        """Whether it is ready, and has no try yet."""
        return self.attempt is None and self.instance.state is TaskState.SCHEDULED


def live_tasks(store: Store) -> Iterator[LiveTask]:
    """Read the task instances of live runs, but for sensors, which hold nothing while they wait; raises StoreError."""
    for live in store.runs.live():
        if not isinstance(live, RunSnapshot):
            continue  # it is in quarantine, or will be
        spec = store.versions.spec(live.run.version) if live.run.version else None
        if spec is None:
            continue
        tasks = {task.task_id: task for task in spec.tasks}
        running = {(attempt.task_id, attempt.map_index): attempt for attempt in live.tries}
        for instance in live.tasks:
            task = tasks.get(instance.task_id)
            if task is not None and task.sensor is None:
                attempt = running.get((instance.task_id, instance.map_index))
                yield LiveTask(live.run, spec.tenant, task, instance, attempt)
