"""Clears of all runs of some dates."""

from collections.abc import Sequence
from datetime import datetime

from penstock.errors import RequestError
from penstock.service.clear import Clear, Code, preview_clear
from penstock.service.installation import Installation
from penstock.service.names import find_dag_state

MOST_RUNS = 1000
"""Runs that are cleared at once: what would run again is found out and told of each, and all is asked for in one transaction."""


def preview_clears(  # noqa: PLR0913 - one argument an option
    installation: Installation,
    dag_id: str,
    since: datetime,
    until: datetime,
    *,
    tasks: Sequence[str] = (),
    upstream: bool = False,
    downstream: bool = True,
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
        tasks: As in `preview_clear`, and so are the others.
        upstream: Whether everything upstream runs again.
        downstream: Whether everything downstream does.
        only_failed: Whether instances that did not fail are left alone.
        code: The version of the DAG to go on with.
        keep_steps: Whether steps are kept.

    Returns:
        The clears of those runs of which something would change, by logical date.

    Raises:
        NotFoundError: There is no such DAG, or one of the runs has no such task.
        RequestError: The newest version was asked for, and a try of one of the runs lives; or more than `MOST_RUNS` lie in the span.
        StoreError: The database failed.
    """
    find_dag_state(installation.store, dag_id)
    runs = installation.store.runs.between(dag_id, since, until, MOST_RUNS + 1)
    if len(runs) > MOST_RUNS:
        raise RequestError(
            f"more than {MOST_RUNS:,} runs of DAG {dag_id!r} lie from {since.isoformat()} to {until.isoformat()}. Clear them in parts: the "
            f"first {MOST_RUNS:,} are those before {runs[-1].logical_date:%Y-%m-%dT%H:%M:%S%z}."
        )
    clears = [
        preview_clear(
            installation,
            dag_id,
            run.run_id,
            tasks=tasks,
            upstream=upstream,
            downstream=downstream,
            only_failed=only_failed,
            code=code,
            keep_steps=keep_steps,
        )
        for run in runs
    ]
    return [each for each in clears if each.changes]
