"""Operations on runs: list, show, cancel, mark."""

from datetime import datetime

import msgspec

from penstock.errors import RequestError
from penstock.model.access.permission import Permission
from penstock.model.history.audit import NOBODY, AskedBy, AuditAction
from penstock.model.request import CancelRun, MarkRun
from penstock.model.run import Run
from penstock.model.state import RunState, TaskState
from penstock.service.asked.asked import Asked, ask
from penstock.service.installation import Installation
from penstock.service.names import find_dag_state, find_run
from penstock.service.operations.operation import operation
from penstock.service.operations.page import Page, PagedList, PageSize
from penstock.service.reasons.preview import TaskChange, preview_marks

_RUNS = PagedList("runs", int)


class RunDetails(msgspec.Struct, frozen=True):
    """A run with the number of its task instances by state.

    Attributes:
        present_version: The version that its DAG has now: what a clear runs.
    """

    run: Run
    tasks: dict[TaskState, int]
    present_version: str


class MarkedRun(msgspec.Struct, frozen=True):
    """What the mark of a run does; ``changes`` and ``asked`` as in `penstock.service.tasks.Mark`."""

    run: Run
    changes: list[TaskChange]
    asked: Asked | None


@operation("GET", "/runs", needs=Permission.DAGS_READ, stored=True)
def list_runs(  # noqa: PLR0913 - one argument a filter
    installation: Installation,
    *,
    dag_id: str = "",
    state: RunState | None = None,
    tag: str = "",
    search: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    after: str = "",
    limit: PageSize = 50,
) -> Page[Run]:
    """List a page of runs of a DAG, or of all if ``dag_id`` is empty, newest first.

    Args:
        installation: The installation.
        dag_id: Only runs of this DAG; "" for all.
        state: Only those in this state.
        tag: Only of DAGs with this tag.
        search: Only those whose id, or the id of whose DAG, contains this, in any case.
        since: Only those whose logical date is this instant or later.
        until: Only those whose logical date is before this instant.
        after: ``next`` of the page before; "" for the first page.
        limit: Length of the page.

    Raises:
        NotFoundError: There is no such DAG.
        PageError: No page ended with ``after``.
        StoreError: The database failed.
    """
    store, before = installation.store, _RUNS.key(after)
    if dag_id:
        find_dag_state(store, dag_id)
    found = store.runs.page(
        dag_id=dag_id, dag_ids=_dags_of(installation, tag), state=state, search=search, since=since, until=until,
        before=before, limit=limit + 1,
    )  # fmt: skip
    return _RUNS.page(found, limit, lambda run: run.run)


def _dags_of(installation: Installation, tag: str) -> list[str] | None:
    """The DAGs with a tag that may be seen; None for all there are."""
    seen = installation.seen_dags()
    if not tag:
        return seen
    tagged = [dag_id for dag_id, tags in installation.store.views.dag_list.tagged() if tag in tags]
    return tagged if seen is None else sorted(set(seen).intersection(tagged))


@operation("GET", "/dags/{dag_id}/runs/{run_id}", needs=Permission.DAGS_READ, stored=True)
def show_run(installation: Installation, dag_id: str, run_id: str = "") -> RunDetails:
    """Show a run, or the newest of the DAG if ``run_id`` is empty; raises NotFoundError, RequestError or StoreError."""
    store = installation.store
    run = find_run(store, dag_id, run_id)
    return RunDetails(run, store.views.state_counts(run.run), find_dag_state(store, dag_id).version)


@operation("POST", "/dags/{dag_id}/runs/{run_id}/cancel", needs=Permission.RUNS_WRITE)
def cancel_run(installation: Installation, dag_id: str, run_id: str, *, by: AskedBy = NOBODY) -> Asked:
    """Ask the scheduler to end a run and kill what runs of it.

    Raises:
        NotFoundError: There is no such DAG or run.
        RequestError: The run has finished.
        StoreError: The database failed.
    """
    store = installation.store
    run = find_run(store, dag_id, run_id)
    if run.state.finished:
        raise RequestError(f"run {run.run_id!r} of DAG {dag_id!r} has already ended as {run.state.value}.")
    now = installation.now()
    audit = by.entry(now, AuditAction.CANCEL, dag_id, run.run_id)
    return ask(installation, (CancelRun(run.run, by.person),), audit)


@operation("POST", "/dags/{dag_id}/runs/{run_id}/mark", needs=Permission.RUNS_WRITE)
def mark_run(
    installation: Installation,
    dag_id: str,
    run_id: str,
    state: str,
    *,
    dry_run: bool = False,
    by: AskedBy = NOBODY,
) -> MarkedRun:
    """Ask the scheduler to have a run end as ``success`` or ``failed``, whatever its tasks do or have done.

    Args:
        installation: The installation.
        dag_id: The DAG.
        run_id: The run.
        state: One of these two.
        dry_run: Whether to tell what would change, and change nothing.
        by: Who asks, for the audit.

    Raises:
        NotFoundError: There is no such DAG or run.
        RequestError: The run has not started, or the state is another one.
        StoreError: The database failed.
    """
    if state not in (RunState.SUCCESS, RunState.FAILED):
        raise RequestError(f"a run cannot be marked {state!r}. Choose success or failed.")
    run, now = find_run(installation.store, dag_id, run_id), installation.now()
    if run.started_at is None:
        raise RequestError(
            f"run {run.run_id!r} of DAG {dag_id!r} has not started, so it cannot be marked. "
            f"Cancel it: penstock runs cancel {dag_id} {run.run_id}"
        )
    audit = by.entry(now, AuditAction.MARK, dag_id, run.run_id, state)
    wanted = MarkRun(run.run, state)
    changes = preview_marks(installation, run, wanted)
    return MarkedRun(run, changes, None if dry_run else ask(installation, (wanted,), audit))
