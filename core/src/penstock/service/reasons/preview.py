"""Tells what requests would change, by the scheduler's own code, without asking for it."""

import msgspec

from penstock.model.changes import Changes
from penstock.model.now import Now
from penstock.model.request import ClearTasks, MarkRun, MarkTask
from penstock.model.run import Run
from penstock.model.state import TaskState
from penstock.service.installation import Installation


class TaskChange(msgspec.Struct, frozen=True):
    """A task instance whose state changes.

    Attributes:
        task: Its name, as tables show it.
        before, after: Its states; ``none`` after if it is judged anew, and runs if its trigger rule lets it.
    """

    task: str
    before: TaskState
    after: TaskState


def preview_changes(installation: Installation, *wanted: ClearTasks | MarkTask | MarkRun) -> Changes:
    """What an engine of its own, which knows nothing else, would change at once; raises StoreError."""
    from penstock.engine.engine import Engine  # noqa: PLC0415 - commands that only read need not wait for it
    from penstock.scheduler.inbox import Inbox  # noqa: PLC0415 - as above

    engine = Engine(routes=installation.settings.queues)
    events = Inbox(installation.store, engine.holds).events_of(*wanted)
    return engine.step(events, Now(installation.now(), 0.0)).changes


def preview_marks(installation: Installation, run: Run, *wanted: MarkTask | MarkRun) -> list[TaskChange]:
    """Which task instances of a run would have another state, those among them that would be judged anew; raises StoreError."""
    before = {task.key: task.state for task in installation.store.runs.tasks(run.run)}
    if not wanted:
        return []
    changes = preview_changes(installation, *wanted)
    # When these run, limits decide that an engine of its own does not know.
    anew = set(changes.cleared)
    after = {task.key: TaskState.NONE if task.key in anew else task.state for task in changes.tasks}
    return [
        TaskChange(str(key), before.get(key, TaskState.NONE), state)
        for key, state in after.items()
        if before.get(key, TaskState.NONE) is not state
    ]
