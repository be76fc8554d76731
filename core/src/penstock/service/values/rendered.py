"""Operations on rendered templates: look at what they had become."""

from penstock.model.access.permission import Permission
from penstock.model.run import Rendered
from penstock.service.installation import Installation
from penstock.service.names import find_run, find_tasks
from penstock.service.operations.operation import operation


@operation("GET", "/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/rendered", needs=Permission.VALUES_READ)
def list_rendered(
    installation: Installation,
    dag_id: str,
    task_id: str,
    *,
    run_id: str = "",
    map_index: int | None = None,
    dispatch: int | None = None,
) -> list[Rendered]:
    """List what the templates of a task's tries had become, without secrets; of each instance the newest that is known.

    It is known of a try that has ended, unless its process was killed.

    Args:
        installation: The installation.
        dag_id: The DAG.
        task_id: The task.
        run_id: The run; the newest of the DAG if it is empty.
        map_index: One instance of a mapped task; all unless given.
        dispatch: One dispatch, by its epoch; the newest unless given.

    Raises:
        NotFoundError: There is no such DAG, run, task or instance.
        RequestError: The run has not started.
        StoreError: The database failed.
    """
    store = installation.store
    run = find_run(store, dag_id, run_id)
    find_tasks(store, run, task_id, map_index)
    found = store.runs.rendered(run.run, task_id)
    chosen = [each for each in found if map_index in (None, each.map_index) and dispatch in (None, each.epoch)]
    return list({each.map_index: each for each in chosen}.values())
