"""Search for DAGs, tasks and runs by a part of their ids."""

from datetime import datetime

import msgspec

from penstock.errors import RequestError
from penstock.model.access.permission import Permission
from penstock.model.state import RunState
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation
from penstock.service.operations.page import PageSize

MOST_FOUND = 100
"""Things of each kind that are found at most."""


class FoundTask(msgspec.Struct, frozen=True):
    """A task of a DAG.

    Attributes:
        run_id: The newest run of the DAG; "" if it never ran.
    """

    dag_id: str
    task_id: str
    run_id: str


class FoundRun(msgspec.Struct, frozen=True):
    """A run of a DAG; ``run`` is its number."""

    run: int
    dag_id: str
    run_id: str
    state: RunState
    created_at: datetime


class Found(msgspec.Struct, frozen=True):
    """What has a text in its id.

    Attributes:
        dags: DAGs, by id.
        tasks: Tasks of the DAGs as they are now, by DAG.
        runs: Runs, newest first: of the newest ones those with the text as a part, of others the one whose id it is.
    """

    dags: tuple[str, ...]
    tasks: tuple[FoundTask, ...]
    runs: tuple[FoundRun, ...]


@operation("GET", "/search", needs=Permission.DAGS_READ, subject="")
def search(installation: Installation, text: str, *, dag_id: str = "", limit: PageSize = 10) -> Found:
    """Find DAGs, tasks and runs with a text in their ids, in any case of letters; each kind is bounded.

    Args:
        installation: The installation.
        text: What is sought.
        dag_id: Only in this DAG; "" for all.
        limit: How many of each kind, at most.

    Raises:
        RequestError: There is no text, or the limit is too high.
        StoreError: The database failed.
    """
    if not text.strip():
        raise RequestError("there is nothing to search for. Give a part of an id.")
    if limit > MOST_FOUND:
        raise RequestError(f"limit: {limit} is out of range: 1 to {MOST_FOUND}.")
    looks, among = installation.store.views.search, installation.seen_dags()
    if dag_id:
        among = [dag_id] if among is None or dag_id in among else []
    tasks = looks.tasks(text.strip(), limit, among)
    newest = {
        run.dag_id: run.run_id for run in installation.store.views.latest_runs(sorted({each for each, _ in tasks}), 1)
    }
    return Found(
        tuple(looks.dags(text.strip(), limit, among)),
        tuple(FoundTask(name, task_id, newest.get(name, "")) for name, task_id in tasks),
        tuple(FoundRun(*each) for each in looks.runs(text.strip(), limit, among, dag_id)),
    )
