"""Branches and short circuits: what a finished task cuts off downstream of it.

What was cut off is recognised by its stored reason, so that it is still known after a restart: when a person clears
tasks, what a branch did not choose must not run just because something else upstream of it is cleared.
"""

from penstock.engine.book import Book
from penstock.engine.flow import end
from penstock.engine.live import Instance, Node
from penstock.model.state import TaskState
from penstock.spec.executor import TryFinished

_CUT = "cut off by "


def cut(book: Book, node: Node, event: TryFinished) -> None:
    """Skip what a finished branch did not choose, or what a short circuit closed."""
    downstream, reachable = node.run.plan.downstream[node.number], node.run.plan.reachable
    if event.follow is not None:
        kept = reachable(node.run.plan.index[task_id] for task_id in event.follow)
        chosen = ", ".join(event.follow) or "nothing"
        _skip(book, node, [number for number in downstream if number not in kept], f"it chose {chosen}")
    if event.skip_downstream:
        everything = event.skip_downstream == "all"
        _skip(book, node, sorted(reachable(downstream)) if everything else downstream, "it ended the way here")


def unknown_choice(node: Node, event: TryFinished) -> str:
    """What a branch chose that its DAG does not have, as a sentence; "" if there is nothing of the kind."""
    unknown = [repr(task_id) for task_id in event.follow or () if task_id not in node.run.plan.index]
    if not unknown:
        return ""
    return f"branch {node.task.task_id!r} chose {', '.join(unknown)}: DAG {node.run.row.dag_id!r} has no such task"


def cut_by(instance: Instance) -> str:
    """Id of the task that cut an instance off; "" if none did."""
    if instance.state is not TaskState.SKIPPED or not instance.reason.startswith(_CUT):
        return ""
    return instance.reason.removeprefix(_CUT).partition(":")[0]


def _skip(book: Book, node: Node, numbers: list[int], why: str) -> None:
    """Skip the tasks of these numbers as far as they have not begun; teardowns are left to their own rule."""
    for number in numbers:
        down = node.run.nodes[number]
        if down.task.teardown:
            continue
        down.folding = False
        for instance in list(down.instances.values()):
            if instance.state in (TaskState.NONE, TaskState.SCHEDULED):
                end(book, instance, TaskState.SKIPPED, f"{_CUT}{node.task.task_id}: {why}")
