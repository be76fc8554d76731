"""Branches and short circuits: which downstream tasks a finished task skips.

A task skipped by a branch is recognised by its stored reason, so that it is still known after a restart: when the user
clears tasks, what a branch did not choose must not run just because something else upstream of it is cleared.
"""

from penstock.engine.flow import end_instance
from penstock.engine.live import Instance, Node
from penstock.engine.state import State
from penstock.model.state import TaskState
from penstock.spec.executor import TryFinished

_SKIPPED_BY = "cut off by "


def apply_branching(state: State, node: Node, event: TryFinished) -> None:
    """Skip the tasks that a finished branch did not choose, or those behind a short circuit."""
    downstream, reachable = node.run.compiled.downstream[node.number], node.run.compiled.reachable
    if event.end.follow is not None:
        kept = reachable(node.run.compiled.index[task_id] for task_id in event.end.follow)
        chosen = ", ".join(event.end.follow) or "nothing"
        _skip(state, node, [number for number in downstream if number not in kept], f"it chose {chosen}")
    if event.end.skip_downstream:
        everything = event.end.skip_downstream == "all"
        _skip(state, node, sorted(reachable(downstream)) if everything else downstream, "it ended the way here")


def unknown_choice(node: Node, event: TryFinished) -> str:
    """What a branch chose that its DAG does not have, as a sentence; "" if there is nothing of the kind."""
    unknown = [repr(task_id) for task_id in event.end.follow or () if task_id not in node.run.compiled.index]
    if not unknown:
        return ""
    return f"branch {node.task.task_id!r} chose {', '.join(unknown)}: DAG {node.run.row.dag_id!r} has no such task"


def skipped_by(instance: Instance) -> str:
    """Id of the branch or short circuit that skipped an instance; "" if none did."""
    if instance.state is not TaskState.SKIPPED or not instance.reason.startswith(_SKIPPED_BY):
        return ""
    return instance.reason.removeprefix(_SKIPPED_BY).partition(":")[0]


def _skip(state: State, node: Node, numbers: list[int], why: str) -> None:
    """Skip the tasks of these numbers as far as they have not begun; teardowns are left to their own rule."""
    for number in numbers:
        down = node.run.nodes[number]
        if down.task.teardown:
            continue
        down.collapsing = False
        for instance in list(down.instances.values()):
            if instance.state in (TaskState.NONE, TaskState.SCHEDULED):
                end_instance(state, instance, TaskState.SKIPPED, f"{_SKIPPED_BY}{node.task.task_id}: {why}")
