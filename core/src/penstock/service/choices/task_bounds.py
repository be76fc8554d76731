"""Whether the tasks of this machine are held to the memory and the processors that they ask for."""

from pathlib import Path

from penstock.model.dag import TaskSpec
from penstock.model.text import counted
from penstock.processes.bounds.control_groups import why_unbound
from penstock.service.choices.live_tasks import live_tasks
from penstock.service.installation import Installation


def why_unheld(installation: Installation, proc: Path = Path("/proc/self")) -> str:
    """Say which tasks of live runs ask for more than this machine promises, and why; "" if nothing is in the way.

    Args:
        installation: The installation.
        proc: What tells of this process; that of Linux unless given.

    Raises:
        StoreError: The database failed.
    """
    if not installation.has_database:
        return ""
    asking = {(each.run.dag_id, each.task.task_id) for each in live_tasks(installation.store) if _asks(each.task)}
    reason = why_unbound(proc) if asking else ""
    if not reason:
        return ""
    first = ".".join(min(asking))
    return (
        f"of live runs, {counted(len(asking), 'task')}, such as {first}: it asks for memory or processors, and tries on this machine "
        f"are not held to that: {reason}"
    )


def _asks(task: TaskSpec) -> bool:
    return bool(task.memory_bytes or task.cpu)
