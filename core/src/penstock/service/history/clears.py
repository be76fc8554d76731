"""Operations that clear: the tasks of a run, or of all runs of some dates, with what is marked of other DAGs."""

from datetime import datetime

import msgspec

from penstock.model.access.permission import Permission
from penstock.model.history.audit import NOBODY, AskedBy
from penstock.service.asked.asked import Asked
from penstock.service.clear import Clear, Code, clear_tasks, preview_clear
from penstock.service.history.clear_dates import preview_clears
from penstock.service.history.marked_clears import MarkedClears, with_marked
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation


class ClearReport(msgspec.Struct, frozen=True):
    """What was asked to be cleared, or would be.

    Attributes:
        clears: What runs again of which run, those that were named first.
        notes: What is marked of other DAGs and is not there, each as a sentence.
        asked: What the scheduler was sent; None if nothing is changed.
    """

    clears: list[Clear]
    notes: list[str]
    asked: Asked | None


@operation("POST", "/dags/{dag_id}/runs/{run_id}/clear", needs=Permission.RUNS_WRITE)
def clear_run(  # noqa: PLR0913 - one argument an option
    installation: Installation,
    dag_id: str,
    run_id: str = "",
    *,
    tasks: list[str] | None = None,
    map_index: int | None = None,
    upstream: bool = False,
    downstream: bool = True,
    only_failed: bool = False,
    code: Code | None = None,
    keep_steps: bool = False,
    alone: bool = False,
    dry_run: bool = False,
    by: AskedBy = NOBODY,
) -> ClearReport:
    """Run tasks of a run again, or all of it; of several runs together, all or none is asked for.

    Args:
        installation: The installation.
        dag_id: The DAG.
        run_id: The run; the newest of the DAG if it is empty.
        tasks: Ids of the tasks; all of the run unless given.
        map_index: One instance of the mapped tasks; all unless given.
        upstream: Whether everything upstream runs again, too.
        downstream: Whether everything downstream does.
        only_failed: Whether instances that did not fail are left alone.
        code: The version of the DAG to go on with; None for the newest unless a try of the run lives.
        keep_steps: Whether the task instances keep the steps that they have done, and their other checkpoints.
        alone: Whether what the tasks mark of other DAGs is left alone.
        dry_run: Whether to tell what would run, and change nothing.
        by: Who asks, for the audit.

    Raises:
        NotFoundError: There is no such DAG, run, task or instance.
        RequestError: The newest version was asked for, and a try of the run lives; that version does not have a task; or what is upstream
            of one instance was asked for.
        ForbiddenError: A task of another DAG is marked, and that may not be cleared.
        StoreError: The database failed.
    """
    found = preview_clear(
        installation, dag_id, run_id, tasks=tasks or (), map_index=map_index, upstream=upstream, downstream=downstream,
        only_failed=only_failed, code=code, keep_steps=keep_steps,
    )  # fmt: skip
    return _cleared(installation, [found], code=code, keep_steps=keep_steps, alone=alone, dry_run=dry_run, by=by)


@operation("POST", "/dags/{dag_id}/clear", needs=Permission.RUNS_WRITE)
def clear_dates(  # noqa: PLR0913 - one argument an option
    installation: Installation,
    dag_id: str,
    since: datetime,
    until: datetime,
    *,
    tasks: list[str] | None = None,
    upstream: bool = False,
    downstream: bool = True,
    only_failed: bool = False,
    code: Code | None = None,
    keep_steps: bool = False,
    alone: bool = False,
    dry_run: bool = False,
    by: AskedBy = NOBODY,
) -> ClearReport:
    """Run all runs again, or tasks of them, whose logical date lies in a span of time, all of them or none.

    Args:
        installation: The installation.
        dag_id: The DAG.
        since: The first logical date, an aware instant.
        until: The end, which is not in it.
        tasks: Ids of the tasks, as in `clear_run`, and so are the others.
        upstream: Whether everything upstream runs again.
        downstream: Whether everything downstream does.
        only_failed: Whether instances that did not fail are left alone.
        code: The version of the DAG to go on with.
        keep_steps: Whether steps are kept.
        alone: Whether other DAGs are left alone.
        dry_run: Whether nothing is changed.
        by: Who asks, for the audit.

    Raises:
        NotFoundError: There is no such DAG, or one of the runs has no such task.
        RequestError: The newest version was asked for, and a try of one of the runs lives.
        ForbiddenError: A task of another DAG is marked, and that may not be cleared.
        StoreError: The database failed.
    """
    found = preview_clears(
        installation, dag_id, since, until, tasks=tasks or (), upstream=upstream, downstream=downstream,
        only_failed=only_failed, code=code, keep_steps=keep_steps,
    )  # fmt: skip
    return _cleared(installation, found, code=code, keep_steps=keep_steps, alone=alone, dry_run=dry_run, by=by)


def _cleared(
    installation: Installation,
    found: list[Clear],
    *,
    code: Code | None,
    keep_steps: bool,
    alone: bool,
    dry_run: bool,
    by: AskedBy,
) -> ClearReport:
    marked = MarkedClears(found, [])
    if not alone:
        marked = with_marked(installation, found, code=code, keep_steps=keep_steps)
    for each in marked.clears[len(found) :]:
        installation.require(Permission.RUNS_WRITE, each.run.dag_id)
    changes = any(each.changes for each in marked.clears)
    asked = clear_tasks(installation, *marked.clears, by=by) if changes and not dry_run else None
    return ClearReport(marked.clears, marked.notes, asked)
