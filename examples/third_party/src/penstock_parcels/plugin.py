"""Notes in the depot each task that ended."""

from penstock.spec.plugin import TaskStateChanged, hookimpl
from penstock_parcels.hooks import DepotHook


@hookimpl
def penstock_task_state_changed(change: TaskStateChanged) -> None:
    """Note a success; a repetition writes the same note."""
    if change.state == "success":
        DepotHook().send(f"notes/{change.dag_id}.{change.run_id}.{change.task_id}", change.state)
