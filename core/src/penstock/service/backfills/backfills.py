"""Operations on backfills: create, list, show, pause, resume, cancel."""

from datetime import datetime
from typing import Any

import msgspec

from penstock.engine.why import why_paused
from penstock.errors import NotFoundError, RequestError
from penstock.model.access.permission import Permission
from penstock.model.backfills.backfill import Backfill, BackfillItem, BackfillState, Rerun
from penstock.model.history.audit import NOBODY, AskedBy, AuditAction
from penstock.model.request import SetBackfill
from penstock.model.state import RunState
from penstock.model.text import utc_text
from penstock.service.asked.asked import Asked, ask
from penstock.service.backfills.plan import SHOWN, BackfillPlan, plan_backfill
from penstock.service.installation import Installation
from penstock.service.names import find_dag_state
from penstock.service.operations.operation import operation
from penstock.service.operations.page import Page, PagedList, PageSize


class BackfillProgress(msgspec.Struct, frozen=True):
    """A backfill, and how far it has come.

    Attributes:
        dates: How many dates have come to what: the state of the run, ``left out``, ``deleted``, or ``to come``.
        waits: Why it makes no run now, if that is not for its limits, as a sentence; "" if nothing is in its way.
    """

    backfill: Backfill
    dates: dict[str, int]
    waits: str

    @property
    def failed(self) -> bool:
        """Whether it did not come to its end, or a run of it did not succeed."""
        bad = (RunState.FAILED.value, RunState.CANCELLED.value)
        return self.backfill.state is BackfillState.CANCELLED or any(self.dates.get(state) for state in bad)


class BackfillDate(msgspec.Struct, frozen=True):
    """A date of a backfill that has had its turn.

    Attributes:
        item: What was done for it.
        state: The state that its run has now; None if there is none, or it was deleted.
    """

    item: BackfillItem
    state: RunState | None


_BACKFILLS, _DATES = PagedList("backfills", int), PagedList("dates of a backfill", int)


def create_backfill(
    installation: Installation, plan: BackfillPlan, *, expected: str = "", by: AskedBy = NOBODY
) -> tuple[Backfill, Asked]:
    """Have the scheduler do what was planned.

    Args:
        installation: The installation.
        plan: The plan, which was made just now.
        expected: First digits of the hash that it must have; "" for any.
        by: Who asks, for the audit.

    Raises:
        NotFoundError: The DAG may not be seen.
        ForbiddenError: Its runs may not be changed.
        RequestError: The plan has another hash, or the DAG has a backfill that has not ended.
        StoreError: The database failed.
    """
    installation.require(Permission.RUNS_WRITE, plan.spec.dag_id)
    if expected and not (len(expected) >= SHOWN and plan.hash.startswith(expected)):
        raise RequestError(
            f"the plan is {plan.hash[:SHOWN]} by now, and not {expected!r}: the DAG or its runs have changed, or "
            "something else is asked for. Look at it again with --dry-run."
        )
    spec, now = plan.spec, installation.now()
    span = f"{utc_text(spec.since)} to {utc_text(spec.until)}, rerun {spec.rerun.value}"
    audit = by.entry(now, AuditAction.BACKFILL, spec.dag_id, subject=span)
    backfill, number = installation.store.backfills.add(spec, audit)
    return backfill, Asked(number)


class StartedBackfill(msgspec.Struct, frozen=True):
    """A backfill that was asked for.

    Attributes:
        note: What of the span is left out, and why; "" if nothing is.
    """

    backfill: Backfill
    asked: Asked
    note: str


@operation("POST", "/dags/{dag_id}/backfills", needs=Permission.RUNS_WRITE)
def start_backfill(  # noqa: PLR0913 - one argument an option
    installation: Installation,
    dag_id: str,
    since: datetime,
    until: datetime,
    *,
    tasks: list[str] | None = None,
    upstream: bool = False,
    downstream: bool = False,
    backwards: bool = False,
    max_active_runs: int = 10,
    rerun: Rerun = Rerun.NONE,
    conf: dict[str, Any] | None = None,
    expected: str = "",
    by: AskedBy = NOBODY,
) -> StartedBackfill:
    """Plan a backfill as `plan_backfill` does, and have the scheduler do it.

    Args:
        installation: The installation.
        dag_id: The DAG.
        since: The first logical date, an aware instant.
        until: The last one; it is included.
        tasks: The only tasks to run; all unless given.
        upstream: Whether all that is upstream of these runs, too.
        downstream: Whether all that is downstream of them does.
        backwards: Whether the latest date is first.
        max_active_runs: Runs of it at once.
        rerun: What becomes of dates that have a run.
        conf: Values for each new run that override the DAG's params.
        expected: First digits of the hash that the plan must have; "" for any.
        by: Who asks, for the audit.

    Raises:
        NotFoundError: There is no such DAG, task or param.
        RequestError: As for `plan_backfill`; or the plan has another hash, or the DAG has a backfill that has not ended.
        StoreError: The database failed.
    """
    plan = plan_backfill(
        installation, dag_id, since, until, tasks=tasks, upstream=upstream, downstream=downstream, backwards=backwards,
        max_active_runs=max_active_runs, rerun=rerun, conf=conf,
    )  # fmt: skip
    return StartedBackfill(*create_backfill(installation, plan, expected=expected, by=by), plan.note)


@operation("PUT", "/backfills/{number}/state", needs=Permission.RUNS_WRITE, subject="")
def set_backfill(installation: Installation, number: int, state: BackfillState, *, by: AskedBy = NOBODY) -> Asked:
    """Ask the scheduler to pause (``PAUSED``), resume (``RUNNING``) or cancel (``CANCELLED``) a backfill.

    Raises:
        NotFoundError: There is no such backfill.
        ForbiddenError: The runs of its DAG may not be changed.
        RequestError: It has ended, or is being cancelled.
        StoreError: The database failed.
    """
    backfill, now = find_backfill(installation, number), installation.now()
    installation.require(Permission.RUNS_WRITE, backfill.spec.dag_id)
    if backfill.state not in (BackfillState.RUNNING, BackfillState.PAUSED):
        raise RequestError(f"backfill {number} is {backfill.state.value}: it goes on no more.")
    audit = by.entry(now, _action(state), backfill.spec.dag_id, subject=f"backfill {number}")
    return ask(installation, (SetBackfill(number, state.value, by.person),), audit)


@operation("GET", "/backfills/{number}", needs=Permission.DAGS_READ, subject="")
def show_backfill(installation: Installation, number: int) -> BackfillProgress:
    """Show a backfill and how far it has come; raises NotFoundError or StoreError."""
    return _progress(installation, [find_backfill(installation, number)])[0]


@operation("GET", "/backfills", needs=Permission.DAGS_READ)
def list_backfills(
    installation: Installation, *, dag_id: str = "", after: str = "", limit: PageSize = 50
) -> Page[BackfillProgress]:
    """List a page of backfills of a DAG, or of all if ``dag_id`` is empty, newest first.

    Raises:
        NotFoundError: There is no such DAG.
        PageError: No page ended with ``after``.
        StoreError: The database failed.
    """
    before = _BACKFILLS.key(after)
    if dag_id:
        find_dag_state(installation.store, dag_id)
    found = installation.store.backfills.page(
        dag_id=dag_id, dag_ids=installation.seen_dags(), before=before, limit=limit + 1
    )
    chosen, end = _BACKFILLS.cut(found, limit, lambda each: each.number)
    return Page(items=_progress(installation, chosen), next=end)


@operation("GET", "/backfills/{number}/dates", needs=Permission.DAGS_READ, subject="")
def list_dates(installation: Installation, number: int, *, after: str = "", limit: PageSize = 50) -> Page[BackfillDate]:
    """List a page of the dates of a backfill that have had their turn, in its order.

    Raises:
        NotFoundError: There is no such backfill.
        PageError: No page ended with ``after``.
        StoreError: The database failed.
    """
    find_backfill(installation, number)
    behind = _DATES.key(after, number) or 0
    found = [BackfillDate(*each) for each in installation.store.backfills.items(number, behind, limit + 1)]
    return _DATES.page(found, limit, lambda each: each.item.ordinal, number)


def find_backfill(installation: Installation, number: int) -> Backfill:
    """The backfill of this number; raises NotFoundError or StoreError."""
    found = installation.store.backfills.get(number)
    if found is None or not installation.may(Permission.DAGS_READ, found.spec.dag_id):
        raise NotFoundError("backfill", str(number), hint="See: penstock backfills list")
    return found


def _action(state: BackfillState) -> AuditAction:
    if state is BackfillState.PAUSED:
        return AuditAction.PAUSE
    return AuditAction.UNPAUSE if state is BackfillState.RUNNING else AuditAction.CANCEL


def _progress(installation: Installation, backfills: list[Backfill]) -> list[BackfillProgress]:
    counted = installation.store.backfills.progress(each.number for each in backfills)
    found = []
    for each in backfills:
        to_come = each.spec.total - each.done
        dates = counted.get(each.number, {}) | ({"to come": to_come} if to_come else {})
        found.append(BackfillProgress(each, dates, _waits(installation, each)))
    return found


def _waits(installation: Installation, backfill: Backfill) -> str:
    if backfill.state is not BackfillState.RUNNING:
        return ""
    dag_id = backfill.spec.dag_id
    state = installation.store.dags.state(dag_id)
    if state is None or not state.active:
        return f"no file defines DAG {dag_id!r} any more"
    return why_paused(dag_id) if state.paused else backfill.reason
