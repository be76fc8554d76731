"""Clears of all runs of some dates."""

from datetime import datetime

from penstock.service.clear import Clear, Code, preview_clear
from penstock.service.installation import Installation
from penstock.service.names import find_dag


def preview_clears(
    installation: Installation,
    dag_id: str,
    since: datetime,
    until: datetime,
    *,
    only_failed: bool = False,
    code: Code | None = None,
    keep_steps: bool = False,
) -> list[Clear]:
    """Tell what would run again of the runs whose logical date lies in a span of time; nothing is changed.

    Args:
        installation: The installation.
        dag_id: The DAG.
        since: The first logical date, an aware instant.
        until: The end, which is not in it.
        only_failed: As in `preview_clear`.
        code: As in `preview_clear`.
        keep_steps: As in `preview_clear`.

    Returns:
        The clears of those runs of which something would change, by logical date.

    Raises:
        NotFoundError: There is no such DAG.
        RequestError: The newest version was asked for, and a try of one of the runs lives.
        StoreError: The database failed.
    """
    find_dag(installation.store, dag_id)
    runs = installation.store.runs.between(dag_id, since, until)
    clears = [
        preview_clear(installation, dag_id, run.run_id, only_failed=only_failed, code=code, keep_steps=keep_steps)
        for run in runs
    ]
    return [each for each in clears if each.changes]
